import type { ChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { readSettledBatch } from '@ogong/chain/settlement/settled-batch';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type Check, fail } from '@ogong/protocol/base/checks';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { checkSettledEntry, readCulprit } from '@ogong/protocol/verdict/receipt/settled';
import type { SettledProof } from '@ogong/protocol/verdict/receipt/settled-proof';

type ProofChain = Pick<ChainClient, 'transactor' | 'deployment'>;

/** Result of a proof's checks; the entry is undefined if it cannot be read. */
export interface CheckedProof {
  readonly checks: readonly Check[];
  readonly entry: VerdictEntry | undefined;
}

/** Domain of the settlement contract. */
export const nameSettlement = ({ deployment }: Pick<ProofChain, 'deployment'>): LedgerDomain =>
  domainOf(deployment, deployment.settlement);

/** Checks a proof by the chain alone. @throws ChainError if the chain cannot be read, or has no such settlement */
export async function checkSettledProof(chain: ProofChain, proof: SettledProof): Promise<CheckedProof> {
  const { replyId, validator, entry, index, proof: way, transaction } = proof;
  const domain = nameSettlement(chain);
  const isHere =
    proof.domain.chainId === domain.chainId && equalBytes(proof.domain.verifyingContract, domain.verifyingContract);
  if (!isHere) {
    const of = `chain ${proof.domain.chainId}, settlement 0x${toHex(proof.domain.verifyingContract)}`;
    return { checks: [fail('ledger', `the proof is of ${of}, which the deployment does not name`)], entry: undefined };
  }
  const batch = await readSettledBatch(nodeCrypto, chain, `0x${toHex(transaction)}`);
  return checkSettledEntry(nodeCrypto, { replyId, validator, domain }, { entry, index, proof: way, ...batch });
}

type DescribedEntry = Pick<
  VerdictEntry,
  'verdict' | 'feeAtomic' | 'fineAtomic' | 'payer' | 'payee' | 'router' | 'providerId' | 'shards' | 'culprit'
>;

/** Returns the entry's fields, as text and atomic units. */
export function describeEntry(entry: DescribedEntry) {
  const { verdict, feeAtomic, fineAtomic, payer, payee, router, providerId } = entry;
  const culprit = readCulprit(entry);
  return {
    verdict,
    feeAtomic: feeAtomic.toString(),
    fineAtomic: fineAtomic.toString(),
    payer: `0x${toHex(payer)}`,
    payee: `0x${toHex(payee)}`,
    router: `0x${toHex(router)}`,
    providerId: toHex(providerId),
    ...(culprit && { culprit }),
  };
}
