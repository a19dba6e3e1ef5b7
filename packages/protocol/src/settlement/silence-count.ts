/**
 * What silence costs a verifier (docs/spec/silence.md, "What it costs"). Counted are half hours, not jobs: one outage makes all jobs
 * silent that fall into it, and how many those are depends on the network and not on the verifier.
 */
export const HALF_HOUR_MS = 1_800_000;
/**
 * So many silent half hours of a day cost nothing. Witnesses need up to four minutes, so an outage of ten minutes touches two half
 * hours at most: a verifier may have two of them in a day.
 */
export const FREE_HALF_HOURS = 4;
/** Half hours of a day: those that are remembered. */
const REMEMBERED = 48;
const ALL = (1n << BigInt(REMEMBERED)) - 1n;

/** In which half hours of the last day a payee's verifiers were silent. */
export interface SilenceState {
  /** Number of the newest silent half hour, counted from 1970 on; 0 where there was none. */
  readonly newest: number;
  /** Bit i stands for the half hour `newest - i`; at most 48 bits. */
  readonly bits: number;
}

export const NEVER_SILENT: SilenceState = { newest: 0, bits: 0 };

export const toHalfHour = (timeMs: number): number => Math.floor(timeMs / HALF_HOUR_MS);

/**
 * After one more silence.
 * @returns also whether it costs stake: the half hour is new, and not one of the free ones.
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

/** Silent half hours beyond the free ones in the day that ends now, by several logs together. */
export function countCharged(states: readonly SilenceState[], nowMs: number): number {
  const bits = states.reduce((all, state) => all | shift(state, toHalfHour(nowMs)), 0n);
  return Math.max(0, countBits(bits) - FREE_HALF_HOURS);
}

/** What a payee's stake weighs in draws of verifiers: half for each silent half hour that is not free. */
export const lowerStake = (stakeAtomic: bigint, charged: number): bigint => stakeAtomic >> BigInt(charged);

/** The half hours as seen from a later one. */
function shift({ newest, bits }: SilenceState, to: number): bigint {
  const by = Math.max(0, to - newest);
  return by < REMEMBERED ? (BigInt(bits) << BigInt(by)) & ALL : 0n;
}

function countBits(bits: bigint): number {
  return bits.toString(2).replaceAll('0', '').length;
}
