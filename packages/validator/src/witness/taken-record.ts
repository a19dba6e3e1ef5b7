import { computeWitnessEpoch } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type IntakeSignature, verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { OwnFault } from '../audit/patience.ts';

/** What a provider shows to others than its order's validator, once that has signed for the record: it holds no text. */
export interface TakenRecord {
  readonly recordHash: Uint8Array;
  readonly intake: IntakeSignature;
}

export interface ValidatorKeys {
  readonly findMembers: (epoch: bigint) => Promise<readonly EpochMember[] | undefined>;
  /** As the registry lists it now, or did before. */
  readonly findValidator: (address: Uint8Array) => Pick<EpochMember, 'signingKey'> | undefined;
}

export interface TakenDependencies extends ValidatorKeys {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
}

/** Under which keys the validator of an order may have signed. @throws OwnFault where none is known here. */
export async function findSigningKeys(
  { findMembers, findValidator }: ValidatorKeys,
  { validator, epoch }: Pick<NamedOrder, 'validator' | 'epoch'>,
): Promise<readonly Uint8Array[]> {
  const members = (await findMembers(computeWitnessEpoch(epoch))) ?? [];
  const named = [findValidator(validator), members.find(({ address }) => equalBytes(address, validator))];
  const keys = named.flatMap((one) => (one ? [one.signingKey] : []));
  if (keys.length === 0) throw new OwnFault('no key is known of the validator that the order names');
  return keys;
}

/**
 * Whether the order's validator has signed that it took the record in. Then nobody may call the reply undelivered, whatever is in it.
 * @throws OwnFault where no key of that validator is known here.
 */
export async function isTakenIn(
  { crypto, ledger, ...known }: TakenDependencies,
  order: Pick<NamedOrder, 'validator' | 'orderHash' | 'epoch'>,
  { recordHash, intake }: TakenRecord,
): Promise<boolean> {
  const { validator, orderHash } = order;
  const keys = await findSigningKeys(known, order);
  const receipt = { validator, orderHash, recordHash, ...intake };
  return keys.some((signingKey) => verifyIntake(crypto, { ledger, signingKey }, receipt));
}
