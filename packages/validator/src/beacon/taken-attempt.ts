import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { KeyPlan } from '@ogong/protocol/beacon/threshold/key-plan';
import { type EraValidator, findCommitteeMember, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import { timeOf } from './era-plan.ts';
import type { KeptAttempt } from './era-store.ts';
import { lookUpEra, lookUpFormer, newestEra, scheduleOf, type ThresholdState } from './threshold-state.ts';

/** The key generation whose outcome the chain has taken last. Its deals, boxes and answers stay with those who took part until the next era. */
export interface TakenAttempt extends KeptAttempt {
  readonly plan: KeyPlan;
  readonly members: readonly EraValidator[];
}

/** Undefined where the chain has none, where it has ended, and where too little is known of it here: then others are asked for its record. */
export function findTaken(state: ThresholdState): TakenAttempt | undefined {
  const { crypto, network, archive } = state;
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (reading === undefined || newest === undefined) return undefined;
  if (reading.generations.at(-1)?.lastEpoch !== undefined) return undefined;
  const { generation, era, attempt } = newest;
  const set = fromHex(newest.set.slice(2));
  const members = archive.findSeats(set);
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

/** What a seat asks for by a message, where something is kept of it here. Whoever has no seat has nothing computed for it. */
export function findAsked(
  state: ThresholdState,
  { from, subject }: { readonly from: Uint8Array; readonly subject: KeptAttempt },
): TakenAttempt | undefined {
  if (!isTaken(state, subject)) return undefined;
  const members = state.archive.findSeats(subject.set) ?? [];
  if (!members.some(({ address }) => equalBytes(address, from))) return undefined;
  const kept = state.eras.listSets(subject.era, subject.attempt);
  return kept.some((set) => equalBytes(set, subject.set)) ? findTaken(state) : undefined;
}

/** Whether a key generation is the one that the chain has taken last. Cheaper than to find it. */
export function isTaken(state: ThresholdState, { era, attempt, set }: KeptAttempt): boolean {
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (newest === undefined || newest.era !== era || newest.attempt !== attempt) return false;
  return equalBytes(fromHex(newest.set.slice(2)), set);
}

/** Whether this validator lacks shares of the newest era that were sealed to the box key that it has. Cheaper than to find its attempt. */
export function lacksShares(state: ThresholdState): boolean {
  const { signer, box, boxSecret, crypto, network, archive } = state;
  const reading = state.beaconKeys();
  const newest = reading && newestEra(reading);
  if (newest === undefined) return false;
  const kept = lookUpEra(state, newest);
  const members = kept === undefined ? archive.findSeats(fromHex(newest.set.slice(2))) : undefined;
  const seats = kept?.group.seats ?? (members && formCommittee(crypto, network, members));
  const own = seats?.seats[findCommitteeMember(seats, signer.address)];
  if (own === undefined || own.tickets <= (kept?.shares.length ?? 0)) return false;
  return equalBytes(own.boxKey, box.deriveKey(boxSecret));
}
