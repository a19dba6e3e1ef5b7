import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { OfferedModel } from '@ogong/protocol/exchange/announcement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import type { ProtocolAttack } from '../attack.ts';

export interface SoldNetwork {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** A router that consumers know. It draws the attacker, who announces as everybody may. */
  readonly router: HybridSigner;
  /** The name that consumers ask for. */
  readonly modelId: string;
}

/** What the attacker announces, and the receipt of a reply that it served honestly, with its own weights. */
export interface TinySale {
  readonly offer: OfferedModel;
  readonly sold: SyntheticReceipt;
}

/** Stage 2 runs the weights that the record names, so every audit of such a reply is clean. */
export const tinyModel: ProtocolAttack<SoldNetwork, TinySale> = {
  name: 'tiny-model',
  adversary: 'provider with a small model under a large name',
  aim: 'A small model is paid as a large one: it bears the name, and its own root stands in ticket, order and record.',
  stoppedBy: 'Router, gateway, validator and co-signers refuse a model without a published root',
  restarts: { none: 'an offer and a receipt are checked by themselves, against roots that the chain keeps' },
  play({ crypto, ledger, router, modelId }) {
    const sold = createSyntheticReceipt({
      ...{ crypto, ledger, router, tokens: 3, seed: 0x71 },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x71)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x72)),
    });
    const { modelRoot, pricePer1kAtomic, contextSize } = sold.reply.order;
    const { numericClass } = sold.reply.header;
    const offer = { modelId, modelRoot, pricePer1kAtomic, contextSize, numericClass, capacity: 64, freeCapacity: 64 };
    return { offer, sold };
  },
};
