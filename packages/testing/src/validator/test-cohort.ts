import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeBlinds, hashBlind } from '@ogong/protocol/commitment/blinds';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import {
  type CohortTerms,
  encodeCohortAgreement,
  listShards,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import { sessionOf } from './test-edges.ts';
import { createTestHybrid, seedOf } from './test-keys.ts';

export interface CohortInput {
  /** The leader, which has the last of 8 layers. */
  readonly provider: HybridSigner;
  readonly ledger: LedgerDomain;
  readonly order: {
    readonly fields: Pick<NamedOrder, 'orderHash' | 'modelRoot' | 'payee' | 'replyId'>;
    /** The body, which decides the answer's blind. */
    readonly request: Uint8Array;
  };
  /** Changes the terms before they are signed. */
  readonly terms?: (terms: CohortTerms) => CohortTerms;
  /** Signers for the first and second shard. Default: their keys. */
  readonly signers?: readonly [HybridSigner, HybridSigner];
}

const MEMBERS = [createTestHybrid('first shard'), createTestHybrid('second shard')] as const;
const LAYERS = [3, 4, 1];
/** Class of synthetic replies. */
const NUMERIC_CLASS = 'synthetic-1/js/f64/exact/hash/kv-none';
/** Sum to the price of test orders, and are no multiples of the layers. */
const PRICES = [333_333n, 1_200_000n, 466_667n];

/** Three shards that serve an order together, and the agreement that their leader delivers. */
export function createTestCohort({
  provider,
  ledger,
  order: { fields: order, request: body },
  terms: bend,
  signers,
}: CohortInput) {
  const { answer } = computeBlinds(crypto, { body, replyId: order.replyId });
  const members = [...MEMBERS, provider].map(({ publicKey }, i) => ({
    providerId: hashHybridKey(crypto, publicKey),
    payee: i === LAYERS.length - 1 ? order.payee : new Uint8Array(20).fill(0xc0 + i),
    firstLayer: LAYERS.slice(0, i).reduce((sum, layers) => sum + layers, 0),
    layers: LAYERS[i] as number,
    pricePer1kAtomic: PRICES[i] as bigint,
    numericClass: NUMERIC_CLASS,
    sessionKey: sessionOf(i).publicKey,
  }));
  const unbent = {
    ...{ chainId: ledger.chainId, escrow: ledger.verifyingContract },
    ...{ orderHash: order.orderHash, manifestHash: seedOf('manifest'), modelRoot: order.modelRoot },
    ...{ leaderLink: seedOf('link of the leader'), blindHash: hashBlind(crypto, answer), members },
  };
  const terms = bend?.(unbent) ?? unbent;
  const signatures = [...(signers ?? MEMBERS), provider].map((signer) => signCohortTerms(signer, terms));
  return { terms, shards: listShards(terms), agreement: encodeCohortAgreement({ terms, signatures }) };
}
