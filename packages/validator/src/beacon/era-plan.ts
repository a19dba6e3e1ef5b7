import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import { type EpochSchedule, epochAt } from '@ogong/protocol/beacon/threshold/epoch-machine';
import type { Committee } from '@ogong/protocol/beacon/threshold/members';
import type { ThresholdGroup } from '@ogong/protocol/beacon/threshold/partials';

/** A key generation is tried again after so many epochs. Its attempts are numbered by the epoch that they begin with, so all try alike. */
const ATTEMPT_EPOCHS = 8;
/** Links and signers need some time, however short epochs are. */
const LEAST_PHASE_MS = 500;

export interface AttemptTime {
  readonly attempt: number;
  readonly startsAtMs: number;
  readonly phaseMs: number;
  /** Until the next attempt begins. */
  readonly spanMs: number;
}

/** The attempt at a time; undefined before the origin. */
export function attemptAt(schedule: EpochSchedule, nowMs: number): AttemptTime | undefined {
  const epoch = Number(epochAt(schedule, nowMs));
  return epoch < 0 ? undefined : timeOf(schedule, epoch - (epoch % ATTEMPT_EPOCHS));
}

export function timeOf({ originMs, periodMs }: EpochSchedule, attempt: number): AttemptTime {
  const phaseMs = Math.max(LEAST_PHASE_MS, periodMs / 4);
  return { attempt, startsAtMs: originMs + attempt * periodMs, phaseMs, spanMs: ATTEMPT_EPOCHS * periodMs };
}

/** What the next key generation is for. */
export interface EraAim {
  readonly generation: number;
  readonly era: number;
  /** Whose key is kept. Absent for a new one. */
  readonly previous?: ThresholdGroup | undefined;
}

/** Whether other validators would hold other tickets, or open boxes with other keys. Stake that moves without that deals nothing anew. */
function isAnotherSeating(before: Committee, after: Committee): boolean {
  if (before.seats.length !== after.seats.length) return true;
  return after.seats.some((seat, i) => {
    const old = before.seats[i];
    if (old === undefined || old.tickets !== seat.tickets) return true;
    const { address, signingKey, boxKey } = seat;
    return !(
      equalBytes(old.address, address) &&
      equalBytes(old.signingKey, signingKey) &&
      equalBytes(old.boxKey, boxKey)
    );
  });
}

/**
 * What has to be made, by the keys on the chain and the seats that there would be now. Undefined where nothing has to.
 * @param last the group of the newest era, where it is known here: without it nobody can tell, and nothing is tried.
 */
export function aimAt(
  { generations, eras }: Pick<BeaconKeysReading, 'generations' | 'eras'>,
  seats: Committee,
  last: ThresholdGroup | undefined,
): EraAim | undefined {
  const era = eras.length + 1;
  const key = generations.at(-1);
  if (key === undefined || key.lastEpoch !== undefined) return { generation: generations.length + 1, era };
  const newest = eras.at(-1);
  if (newest === undefined || last === undefined || equalBytes(fromHex(newest.set.slice(2)), seats.hash)) {
    return undefined;
  }
  return isAnotherSeating(last.seats, seats) ? { generation: generations.length, era, previous: last } : undefined;
}
