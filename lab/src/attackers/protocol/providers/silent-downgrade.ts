import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { createSyntheticReceipt, type SyntheticReceiptOptions } from '@ogong/testing/synthetic/synthetic-receipt';
import { consumer, describeReceipts, NOTHING_PAID } from '../consumer-trust.ts';
import { defineAttack } from '../define-attack.ts';

/**
 * `router`: the ticket is for the unchecked model, the request for the checked one. `provider`: the ticket is as it should be, and the
 * reply is signed as unchecked. `header`: it is signed as checked, over windows that show nothing. `offer`: the unchecked server is
 * announced under the checked name.
 */
export const DOWNGRADES = ['router', 'provider', 'header', 'offer'] as const;
export type Downgrade = (typeof DOWNGRADES)[number];

interface DowngradedNetwork {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** A router that consumers know, in league with the provider. */
  readonly router: HybridSigner;
  /** The model that consumers ask for, in a checked tier. */
  readonly checked: string;
  /** The attacker's model: the same one in tier vanilla. */
  readonly unchecked: string;
  readonly by: Downgrade;
}

/** A provider in front of any server sells its answers to those who asked for a tier in which they are checked. */
export const silentDowngrade = defineAttack({
  name: 'silent-downgrade',
  adversary: 'provider or router that serves a checked tier with a signature only',
  aim: 'Answers of an unknown server are paid as checked ones, and no audit ever looks at them.',
  stoppedBy: 'The tier that the request names decides which parts a receipt needs, not header or ticket',
  restarts: { none: 'an offer and a receipt are checked by themselves' },
  play({ crypto, ledger, router, checked, unchecked, by }: DowngradedNetwork) {
    const options: SyntheticReceiptOptions = {
      ...{ crypto, ledger, router, tokens: 3, seed: 0x75, said: 'counted' },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x75)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x76)),
      parameters: { model: checked },
      bendTicket: (ticket) => ({ ...ticket, modelId: by === 'router' ? unchecked : checked }),
      ...(by === 'header' && {
        bend: { header: (header) => ({ ...header, tier: 'verified', method: 'draw-replay' }) },
      }),
    };
    const sold = createSyntheticReceipt(options);
    const { pricePer1kAtomic, contextSize } = sold.reply.order;
    const modelRoot = findNamedRoot(crypto, unchecked) as Uint8Array;
    const { numericClass } = sold.reply.header;
    const terms = { modelRoot, pricePer1kAtomic, contextSize, numericClass, capacity: 64, freeCapacity: 64 };
    return { offer: { modelId: by === 'offer' ? checked : unchecked, ...terms }, sold };
  },
  async stage({ play }) {
    const [checked, unchecked] = ['ogong/verified/test/synthetic', 'ogong/vanilla/test/synthetic'];
    const sold = DOWNGRADES.map((by) => [by, play({ ...consumer, crypto, checked, unchecked, by }).sold] as const);
    return {
      tried: `signed answers of an unchecked server for requests of ${checked}: by ${DOWNGRADES.join(', ')}`,
      money: NOTHING_PAID,
      ...(await describeReceipts(sold, consumer.createTrust())),
    };
  },
});
