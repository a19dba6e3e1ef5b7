import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import { type EpochSchedule, epochAt } from '@ogong/protocol/beacon/threshold/epoch-machine';
import type { Committee } from '@ogong/protocol/beacon/threshold/members';
import type { ThresholdGroup } from '@ogong/protocol/beacon/threshold/partials';

/**
 * Epochs after which a key generation is tried again. An attempt is numbered by its first epoch, so all validators try
 * the same one.
 */
const ATTEMPT_EPOCHS = 8;
/** Links and signers need some time, however short epochs are. */
const LEAST_PHASE_MS = 500;

export interface AttemptTime {
  readonly attempt: number;
  readonly startsAtMs: number;
  readonly phaseMs: number;
  /** Time until the next attempt begins. */
  readonly spanMs: number;
}

/** Returns the attempt at a time; undefined before the origin. */
export function attemptAt(schedule: EpochSchedule, nowMs: number): AttemptTime | undefined {
  const epoch = Number(epochAt(schedule, nowMs));
  return epoch < 0 ? undefined : timeOf(schedule, epoch - (epoch % ATTEMPT_EPOCHS));
}

export function timeOf({ originMs, periodMs }: EpochSchedule, attempt: number): AttemptTime {
  const phaseMs = Math.max(LEAST_PHASE_MS, periodMs / 4);
  return { attempt, startsAtMs: originMs + attempt * periodMs, phaseMs, spanMs: ATTEMPT_EPOCHS * periodMs };
}

/** Aim of the next key generation. */
export interface EraAim {
  readonly generation: number;
  readonly era: number;
  /** Group whose key is kept. Absent for a new key. */
  readonly previous?: ThresholdGroup | undefined;
}

/** Tells whether tickets or box keys would change. Stake that moves without such a change needs no new deal. */
function isOtherCommittee(before: Committee, after: Committee): boolean {
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
 * Returns the aim of the next key generation, by the keys on the chain and the present committee. Undefined if none is
 * needed.
 * @param last group of the newest era, if known. Without it the need cannot be decided, and nothing is tried.
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
  return isOtherCommittee(last.seats, seats) ? { generation: generations.length, era, previous: last } : undefined;
}
