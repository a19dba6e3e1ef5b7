import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { consumer, describeReceipts, NOTHING_PAID } from '../consumer-trust.ts';
import { defineAttack } from '../define-attack.ts';

/** The provider answers in a word, and commits to as many tokens as the request allows. */
export const overbilledAnswer = defineAttack({
  name: 'overbilled-answer',
  adversary: 'provider that bills a short answer as a long one',
  aim: 'be paid the largest answer that the request allows for a single word',
  stoppedBy: 'A receipt bills no more tokens than its text has bytes, marks and bytes of a stop string',
  restarts: { none: 'a receipt is checked by itself' },
  play: ({ tokens, text }: { readonly tokens: number; readonly text: string }) =>
    createSyntheticReceipt({
      ...{ ...consumer, crypto, tokens, text, seed: 0x65 },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x65)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x66)),
    }),
  async stage({ play }) {
    const bills = [128, 512].map((tokens) => [`${tokens} tokens`, play({ tokens, text: 'Yes.' })] as const);
    return {
      tried: 'signed answers of one word, billed as 128 and 512 tokens',
      money: NOTHING_PAID,
      ...(await describeReceipts(bills, consumer.createTrust())),
    };
  },
});
