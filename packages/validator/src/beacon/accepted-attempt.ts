import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { KeyPlan } from '@ogong/protocol/beacon/threshold/key-plan';
import { type EraValidator, findCommitteeMember, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import { timeOf } from './era-plan.ts';
import type { StoredAttempt } from './era-store.ts';
import { lookUpEra, lookUpFormer, newestEra, scheduleOf, type ThresholdState } from './threshold-state.ts';

/**
 * The key generation whose outcome the chain accepted last. Its participants keep its deals, boxes and answers until
 * the next era.
 */
export interface AcceptedAttempt extends StoredAttempt {
  readonly plan: KeyPlan;
  readonly members: readonly EraValidator[];
}

/**
 * Finds the accepted attempt. Undefined if the chain has none, if it has ended, or if this validator knows too little
 * of it and asks others for its record.
 */
export function findAcceptedAttempt(state: ThresholdState): AcceptedAttempt | undefined {
  const { crypto, network, archive } = state;
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (reading === undefined || newest === undefined) return undefined;
  if (reading.generations.at(-1)?.lastEpoch !== undefined) return undefined;
  const { generation, era, attempt } = newest;
  const set = fromHex(newest.set.slice(2));
  const members = archive.findCommittee(set);
  const before = reading.eras[era - 2];
  const isKeyKept = before?.generation === generation;
  const previous = before && isKeyKept ? lookUpFormer(state, { ...before, era: era - 1 }) : undefined;
  if (members === undefined || (isKeyKept && previous === undefined)) return undefined;
  const { startsAtMs, phaseMs } = timeOf(scheduleOf(reading), attempt);
  const plan: KeyPlan = {
    ...{ network, generation, era, attempt, previous, startsAtMs, phaseMs, resendMs: phaseMs / 4 },
    ...{ seats: formCommittee(crypto, network, members), taken: fromHex(newest.transcript.slice(2)) },
  };
  return { era, attempt, set, plan, members };
}

/**
 * Finds the data that a member asks for, if this validator has any. It computes nothing for a peer outside the
 * committee.
 */
export function findRequestedAttempt(
  state: ThresholdState,
  { from, subject }: { readonly from: Uint8Array; readonly subject: StoredAttempt },
): AcceptedAttempt | undefined {
  if (!isTaken(state, subject)) return undefined;
  const members = state.archive.findCommittee(subject.set) ?? [];
  if (!members.some(({ address }) => equalBytes(address, from))) return undefined;
  const kept = state.eras.listSets(subject.era, subject.attempt);
  return kept.some((set) => equalBytes(set, subject.set)) ? findAcceptedAttempt(state) : undefined;
}

/** Tells whether a key generation is the one that the chain accepted last. Cheaper than finding it. */
export function isTaken(state: ThresholdState, { era, attempt, set }: StoredAttempt): boolean {
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (newest === undefined || newest.era !== era || newest.attempt !== attempt) return false;
  return equalBytes(fromHex(newest.set.slice(2)), set);
}

/**
 * Tells whether this validator lacks shares of the newest era that were sealed to its present box key. Cheaper than
 * finding the attempt.
 */
export function lacksShares(state: ThresholdState): boolean {
  const { signer, box, boxSecret, crypto, network, archive } = state;
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (newest === undefined) return false;
  const kept = lookUpEra(state, newest);
  const members = kept === undefined ? archive.findCommittee(fromHex(newest.set.slice(2))) : undefined;
  const seats = kept?.group.seats ?? (members && formCommittee(crypto, network, members));
  const own = seats?.seats[findCommitteeMember(seats, signer.address)];
  if (own === undefined || own.tickets <= (kept?.shares.length ?? 0)) return false;
  return equalBytes(own.boxKey, box.deriveKey(boxSecret));
}
