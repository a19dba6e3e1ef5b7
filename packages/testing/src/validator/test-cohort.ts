import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type CohortTerms, encodeCohortAgreement, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { createTestHybrid, WORD_UNTIL_MS } from './test-keys.ts';
import { MODEL_ROOT, payeeSigner } from './test-reply.ts';

export interface CohortInput {
  /** The leader, which has 3 of 8 layers. */
  readonly provider: HybridSigner;
  readonly ledger: LedgerDomain;
  /** Payee of the leader. Default: that of test replies. */
  readonly payee?: Pick<LedgerSigner, 'address'>;
  /** Changes the terms before they are signed. */
  readonly terms?: (terms: CohortTerms) => CohortTerms;
  /** Signers for the second and third shard. Default: their keys. */
  readonly signers?: readonly [HybridSigner, HybridSigner];
}

const MEMBERS = [createTestHybrid('second shard'), createTestHybrid('third shard')] as const;
const LAYERS = [3, 4, 1];

/** Three shards that serve a model together, and the agreement that their leader delivers. */
export function createTestCohort({ provider, ledger, payee = payeeSigner, terms: bend, signers }: CohortInput) {
  const shards = [provider, ...MEMBERS].map(({ publicKey }, i) => ({
    providerId: hashHybridKey(crypto, publicKey),
    payee: i === 0 ? payee.address : new Uint8Array(20).fill(0xc0 + i),
    firstLayer: LAYERS.slice(0, i).reduce((sum, layers) => sum + layers, 0),
    layers: LAYERS[i] as number,
  }));
  const unbent = {
    ...{ chainId: ledger.chainId, escrow: ledger.verifyingContract, modelRoot: MODEL_ROOT },
    ...{ validUntilMs: WORD_UNTIL_MS, shards },
  };
  const terms = bend?.(unbent) ?? unbent;
  const signatures = [provider, ...(signers ?? MEMBERS)].map((signer) => signCohortTerms(signer, terms));
  return { shards: terms.shards, word: encodeCohortAgreement({ terms, signatures }) };
}
