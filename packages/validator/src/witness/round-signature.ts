import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { hashJobRound, type JobRound, verifyRoundSignature } from '@ogong/protocol/exchange/round-signature';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { type AcceptedRecordDependencies, findSigningKeys } from './accepted-record.ts';

interface RoundSigner {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly signer: ValidatorSigner;
}

/** Signs that all verifiers of a round have committed. 65 bytes. */
export function signRound({ crypto, ledger: domain, signer }: RoundSigner, job: JobRound): Promise<Uint8Array> {
  return signer.sign({ kind: 'reveal', domain, validator: signer.address, round: hashJobRound(crypto, job) });
}

/**
 * Tells whether the order's validator has signed for that round. @throws OwnFault if none of its keys is known here.
 */
export async function isOwnRound(
  { crypto, ledger, ...known }: AcceptedRecordDependencies,
  order: Pick<NamedOrder, 'validator' | 'epoch'>,
  job: JobRound & { readonly word: Uint8Array },
): Promise<boolean> {
  const keys = await findSigningKeys(known, order);
  const { validator } = order;
  return keys.some((signingKey) => verifyRoundSignature(crypto, { ledger, signingKey }, { ...job, validator }));
}
