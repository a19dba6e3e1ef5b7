import { ProtocolError } from '../base/bytes.ts';

/** Amount of a token that its launch sells, atomic units. */
export const LAUNCH_TRANCHE_ATOMIC: bigint = 100_000_000n * 10n ** 18n;

/** The state of a launch curve (docs/spec/launch.md). Atomic units. */
export interface LaunchState {
  /** Virtual amount of the asset, at least 1. Nobody paid it; it fixes the first price. */
  readonly virtualReserve: bigint;
  /** Amount of the asset that buyers paid and sellers did not take. */
  readonly reserve: bigint;
  /** Amount of the token that is not sold. */
  readonly left: bigint;
}

/** Computes the tokens that a payment buys, rounded down; never all that remain. */
export const computeLaunchAmount = ({ virtualReserve, reserve, left }: LaunchState, payment: bigint): bigint =>
  (payment * left) / (virtualReserve + reserve + payment);

/**
 * Computes the smallest payment that buys at least so many tokens. @throws ProtocolError `malformed` unless more tokens remain
 */
export function computeLaunchCost({ virtualReserve, reserve, left }: LaunchState, amount: bigint): bigint {
  if (amount >= left) throw new ProtocolError('malformed', `the curve has ${left} left, and sells fewer than that`);
  const rest = left - amount;
  return (amount * (virtualReserve + reserve) + rest - 1n) / rest;
}

/**
 * Computes the curve's payment for tokens, in the asset, rounded down. @throws ProtocolError `malformed` if fewer tokens were
 * sold
 */
export function computeLaunchPayment({ virtualReserve, reserve, left }: LaunchState, amount: bigint): bigint {
  const sold = LAUNCH_TRANCHE_ATOMIC - left;
  if (amount > sold) throw new ProtocolError('malformed', `the curve has sold ${sold}, and buys back no more`);
  return (amount * (virtualReserve + reserve)) / (left + amount);
}

/** Returns the state after a purchase. */
export const buyFromLaunch = (state: LaunchState, payment: bigint): LaunchState => ({
  ...state,
  reserve: state.reserve + payment,
  left: state.left - computeLaunchAmount(state, payment),
});

/** Returns the state after so many tokens were sold back. @throws ProtocolError `malformed` if fewer tokens were sold */
export const sellToLaunch = (state: LaunchState, amount: bigint): LaunchState => ({
  ...state,
  reserve: state.reserve - computeLaunchPayment(state, amount),
  left: state.left + amount,
});

/**
 * Computes the price of one whole token at this state, for the smallest amount, rounded down.
 * @returns asset's atomic units times 10^18, because a token of 18 decimals may cost less than one of them.
 */
export const computeLaunchPrice = ({ virtualReserve, reserve, left }: LaunchState): bigint =>
  ((virtualReserve + reserve) * 10n ** 36n) / left;
