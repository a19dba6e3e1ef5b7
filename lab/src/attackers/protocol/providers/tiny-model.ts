import { createModelRoots, findWeightsProblem } from '@ogong/host/views/model-roots';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { consumer, describeReceipt } from '../consumer-trust.ts';
import { defineAttack } from '../define-attack.ts';

export interface SoldNetwork {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** A router that consumers know. It draws the attacker, who announces as everybody may. */
  readonly router: HybridSigner;
  /** The name that consumers ask for. */
  readonly modelId: string;
}

/** Stage 2 runs the weights that the record names, so every audit of such a reply is clean. */
export const tinyModel = defineAttack({
  name: 'tiny-model',
  adversary: 'provider with a small model under a large name',
  aim: 'A small model is paid as a large one: it bears the name, and its own root stands in ticket, order and record.',
  stoppedBy: 'Router, gateway, validator and co-signers refuse a model without a published root',
  restarts: { none: 'an offer and a receipt are checked by themselves, against roots that the chain keeps' },
  play({ crypto, ledger, router, modelId }: SoldNetwork) {
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
  async stage({ play }) {
    const trust = consumer.createTrust();
    const modelId = 'ogong/verified/test/synthetic';
    const { offer, sold } = play({ ...consumer, crypto, modelId });
    const roots = createModelRoots(trust.modelRoots ?? {});
    const problem = findWeightsProblem(roots, offer, computeSpanAround(sold.nowMs));
    const { ok, lines } = await describeReceipt(sold, trust);
    return {
      tried: `announced its own weights as ${modelId}, and served an honest reply of them`,
      answered: [`router and gateway: ${problem ?? 'the offer is taken'}`, ...lines],
      money: problem === undefined ? 'the price of the large model' : 'none: the offer is not listed',
      worked: ok || problem === undefined,
    };
  },
});
