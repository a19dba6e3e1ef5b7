import { ProtocolError } from '../base/bytes.ts';

/** Of a token, atomic units: what its launch sells. */
export const LAUNCH_TRANCHE_ATOMIC: bigint = 100_000_000n * 10n ** 18n;

/** Where a launch curve stands (docs/spec/launch.md). Atomic units. */
export interface LaunchState {
  /** Of the asset, at least 1; nobody paid it. It fixes the first price. */
  readonly virtualReserve: bigint;
  /** Of the asset: what buyers paid and sellers did not take. */
  readonly reserve: bigint;
  /** Of the token: what is not sold. */
  readonly left: bigint;
}

/** Tokens that a payment buys, rounded down; never all that are left. */
export const computeLaunchAmount = ({ virtualReserve, reserve, left }: LaunchState, payment: bigint): bigint =>
  (payment * left) / (virtualReserve + reserve + payment);

/** The smallest payment that buys at least so many tokens. @throws ProtocolError `malformed` unless more are left */
export function computeLaunchCost({ virtualReserve, reserve, left }: LaunchState, amount: bigint): bigint {
  if (amount >= left) throw new ProtocolError('malformed', `the curve has ${left} left, and sells fewer than that`);
  const rest = left - amount;
  return (amount * (virtualReserve + reserve) + rest - 1n) / rest;
}

/** What the curve pays for tokens, in the asset, rounded down. @throws ProtocolError `malformed` where fewer were sold */
export function computeLaunchPayment({ virtualReserve, reserve, left }: LaunchState, amount: bigint): bigint {
  const sold = LAUNCH_TRANCHE_ATOMIC - left;
  if (amount > sold) throw new ProtocolError('malformed', `the curve has sold ${sold}, and buys back no more`);
  return (amount * (virtualReserve + reserve)) / (left + amount);
}

/** After a payment bought what it buys. */
export const buyFromLaunch = (state: LaunchState, payment: bigint): LaunchState => ({
  ...state,
  reserve: state.reserve + payment,
  left: state.left - computeLaunchAmount(state, payment),
});

/** After so many tokens were sold back. @throws ProtocolError `malformed` where fewer were sold */
export const sellToLaunch = (state: LaunchState, amount: bigint): LaunchState => ({
  ...state,
  reserve: state.reserve - computeLaunchPayment(state, amount),
  left: state.left + amount,
});

/**
 * What one whole token costs where the curve stands, for the smallest amount, rounded down.
 * @returns asset's atomic units times 10^18: a token of 18 decimals may cost less than one of them.
 */
export const computeLaunchPrice = ({ virtualReserve, reserve, left }: LaunchState): bigint =>
  ((virtualReserve + reserve) * 10n ** 36n) / left;
