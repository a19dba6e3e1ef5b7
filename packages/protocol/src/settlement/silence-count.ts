/**
 * The unit of charged silence of a verifier (docs/spec/silence.md, "What it costs"). Half hours are counted, not jobs. One
 * outage makes all its jobs silent, and their number depends on the network and not on the verifier.
 */
export const HALF_HOUR_MS = 1_800_000;
/**
 * Silent half hours of a day that cost nothing. Witnesses need up to four minutes, so an outage of ten minutes touches at most
 * two half hours. A verifier may have two of them in a day.
 */
export const FREE_HALF_HOURS = 4;
/** Half hours that are remembered: a day. */
const REMEMBERED = 48;
const ALL = (1n << BigInt(REMEMBERED)) - 1n;

/** The half hours of the last day in which a payee's verifiers were silent. */
export interface SilenceState {
  /** Number of the newest silent half hour, counted from 1970 on; 0 for none. */
  readonly newest: number;
  /** Bit i stands for the half hour `newest - i`; at most 48 bits. */
  readonly bits: number;
}

export const NEVER_SILENT: SilenceState = { newest: 0, bits: 0 };

export const toHalfHour = (timeMs: number): number => Math.floor(timeMs / HALF_HOUR_MS);

/**
 * Adds one more silence.
 * @returns also whether it costs stake: the half hour is new, and not a free one.
 */
export function addSilence(
  state: SilenceState,
  halfHour: number,
): { readonly state: SilenceState; readonly isCharged: boolean } {
  const newest = Math.max(state.newest, halfHour);
  const before = shift(state, newest);
  const back = newest - halfHour;
  const bits = back < REMEMBERED ? before | (1n << BigInt(back)) : before;
  const isCharged = bits !== before && countBits(bits) > FREE_HALF_HOURS;
  return { state: { newest, bits: Number(bits) }, isCharged };
}

/** Counts silent half hours beyond the free ones in the day that ends now, over several logs. */
export function countCharged(states: readonly SilenceState[], nowMs: number): number {
  const bits = states.reduce((all, state) => all | shift(state, toHalfHour(nowMs)), 0n);
  return Math.max(0, countBits(bits) - FREE_HALF_HOURS);
}

/** Computes the weight of a payee's stake in draws of verifiers: half for each charged half hour. */
export const lowerStake = (stakeAtomic: bigint, charged: number): bigint => stakeAtomic >> BigInt(charged);

/** Shifts the bits to a later half hour. */
function shift({ newest, bits }: SilenceState, to: number): bigint {
  const by = Math.max(0, to - newest);
  return by < REMEMBERED ? (BigInt(bits) << BigInt(by)) & ALL : 0n;
}

function countBits(bits: bigint): number {
  return bits.toString(2).replaceAll('0', '').length;
}
