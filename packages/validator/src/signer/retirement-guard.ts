import { createChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { bytesToHex, lowerHex } from '@ogong/chain/hex';
import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import type { Retirement } from '@ogong/protocol/beacon/threshold/retirement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { SignerError } from './signer-error.ts';

/**
 * Time after the begin of a last epoch at which no chain goes back to before it. Seconds by the chain's clock.
 * Ethereum's blocks are final after 13 minutes.
 */
const MARGIN_S = 900n;

/**
 * Longest notice of a last epoch, a week. After a signature no nearer end of the same key can be signed until that
 * epoch has passed.
 */
const MAX_NOTICE_S = 604_800n;

/** Data of one block that shows if a retirement came too late. */
export type BeaconClock = Pick<BeaconKeysReading, 'epoch' | 'period' | 'generations'>;

/**
 * Reads it for the contracts of a domain. @returns undefined if the contracts are unknown, or have no threshold beacon.
 */
export type ReadBeaconClock = (domain: LedgerDomain) => Promise<BeaconClock | undefined>;

/**
 * Tells whether no chain accepts a signed retirement any more, so another one may end the same key. That holds if the
 * last epoch of the first has begun long ago, the key still counts, and the other one can still be accepted. So late a
 * block would show a retirement that came in time.
 */
export function isSuperseded(
  { epoch, period, generations }: BeaconClock,
  signed: Retirement,
  next: Pick<Retirement, 'lastEpoch'>,
): boolean {
  const key = generations[signed.generation - 1];
  const goesOn = key !== undefined && key.lastEpoch === undefined;
  return goesOn && (epoch - signed.lastEpoch) * period >= MARGIN_S && next.lastEpoch > epoch;
}

/** @throws SignerError `conflict` if a last epoch begins more than a week after the current one. */
export function assertNearEnd({ epoch, period }: Pick<BeaconClock, 'epoch' | 'period'>, lastEpoch: bigint): void {
  if ((lastEpoch - epoch) * period <= MAX_NOTICE_S) return;
  const latest = epoch + MAX_NOTICE_S / period;
  throw new SignerError(
    'conflict',
    `epoch ${lastEpoch} is more than a week ahead: name one up to ${latest}, the same for all operators`,
  );
}

/** Reads the chain of a deployment at each call. @throws ChainError from the function */
export function createBeaconClock({
  deployment,
  rpcUrl,
}: {
  readonly deployment: Deployment;
  readonly rpcUrl: string;
}): ReadBeaconClock {
  return async ({ chainId, verifyingContract }) => {
    const isOther =
      chainId !== BigInt(deployment.chainId) || bytesToHex(verifyingContract) !== lowerHex(deployment.settlement);
    return isOther ? undefined : (await createChainClient({ rpcUrl, deployment })).beaconKeys();
  };
}
