import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { consumer, describeReceipts, NOTHING_PAID } from '../consumer-trust.ts';
import { defineAttack } from '../define-attack.ts';
import type { SoldNetwork } from './tiny-model.ts';

export const RESUMED_BY = ['takes its tokens', 'names other draws', 'signs the rest alone'] as const;
export type ResumedBy = (typeof RESUMED_BY)[number];

const TOKENS = 40;
/** Tokens that the first provider showed before it died. */
const SHOWN = 12;
const SEED = 7;

/**
 * Two providers in league. The first shows a beginning of its own and dies; the second signs a reply that goes on from there. All
 * else in the receipt is honest, the candidates and their log-probabilities, too.
 */
export const resumedPrefix = defineAttack({
  name: 'resumed-prefix',
  adversary: "provider that resumes another provider's tokens",
  aim: 'a beginning that no draw gave, shown by a provider that died, is paid as part of a good reply',
  stoppedBy: 'One record covers all text that was shown, and its draws are replayed from the first position',
  restarts: { none: 'a receipt is checked by itself, and the provider that died has signed nothing' },
  play({
    crypto,
    ledger,
    router,
    by,
  }: Omit<SoldNetwork, 'modelId'> & { readonly by: ResumedBy | 'draws them itself' }) {
    const sold = createSyntheticReceipt({
      ...{ crypto, ledger, router, tokens: TOKENS, parameters: { stream: true, seed: SEED } },
      // Sure enough that another token than the drawn one is always listed.
      sureness: 300,
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x73)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x74)),
      bend: {
        ...(by === 'takes its tokens' && {
          row: (row, position) => (position < SHOWN ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row),
        }),
        ...(by === 'names other draws' && {
          header: (header) => ({ ...header, drawKey: { ...header.drawKey, mode: 'seed', seed: BigInt(SEED + 1) } }),
        }),
      } as NonNullable<Parameters<typeof createSyntheticReceipt>[0]['bend']>,
    });
    const { request, response: signed } = sold.reply;
    const beginning = utf8Encode('another beginning, ');
    const response = by === 'signs the rest alone' ? concatBytes(beginning, signed) : signed;
    return { ...sold, reply: { request, response } };
  },
  async stage({ play }) {
    const sold = RESUMED_BY.map((by) => [by, play({ ...consumer, crypto, by })] as const);
    return {
      tried: `showed a beginning of its own, died, and had a friend go on that ${RESUMED_BY.join(', ')}`,
      money: NOTHING_PAID,
      ...(await describeReceipts(sold, consumer.createTrust())),
    };
  },
});
