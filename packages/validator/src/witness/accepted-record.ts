import { computeWitnessEpoch } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type IntakeSignature, verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { OwnFault } from '../audit/patience.ts';

/** A provider's answer to witnesses once its order's validator has signed for the record. It contains no text. */
export interface AcceptedRecord {
  readonly recordHash: Uint8Array;
  readonly intake: IntakeSignature;
}

export interface ValidatorKeys {
  readonly findMembers: (epoch: bigint) => Promise<readonly EpochMember[] | undefined>;
  /** Finds a validator in the present or an earlier registry. */
  readonly findValidator: (address: Uint8Array) => Pick<EpochMember, 'signingKey'> | undefined;
}

export interface AcceptedRecordDependencies extends ValidatorKeys {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
}

/** Finds the keys with which the validator of an order may have signed. @throws OwnFault if none is known here. */
export async function findSigningKeys(
  { findMembers, findValidator }: ValidatorKeys,
  { validator, epoch }: Pick<NamedOrder, 'validator' | 'epoch'>,
): Promise<readonly Uint8Array[]> {
  const members = (await findMembers(computeWitnessEpoch(epoch))) ?? [];
  const named = [findValidator(validator), members.find(({ address }) => equalBytes(address, validator))];
  const keys = named.flatMap((one) => (one ? [one.signingKey] : []));
  if (keys.length === 0) throw new OwnFault('no key of the named validator is known here');
  return keys;
}

/**
 * Tells whether the order's validator has signed that it accepted the record. Then nobody may call the reply
 * undelivered, with any content.
 * @throws OwnFault if no key of that validator is known here.
 */
export async function isAcceptedRecord(
  { crypto, ledger, ...known }: AcceptedRecordDependencies,
  order: Pick<NamedOrder, 'validator' | 'orderHash' | 'epoch'>,
  { recordHash, intake }: AcceptedRecord,
): Promise<boolean> {
  const { validator, orderHash } = order;
  const keys = await findSigningKeys(known, order);
  const receipt = { validator, orderHash, recordHash, ...intake };
  return keys.some((signingKey) => verifyIntake(crypto, { ledger, signingKey }, receipt));
}
