import { createChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { bytesToHex, lowerHex } from '@ogong/chain/hex';
import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import type { Retirement } from '@ogong/protocol/beacon/threshold/retirement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { SignerError } from './signer-error.ts';

/**
 * So long after a last epoch has begun no chain goes back to before it. Seconds by the chain's clock; Ethereum's blocks are final after
 * 13 minutes.
 */
const MARGIN_S = 900n;

/** A last epoch begins at most so much later, a week: who signs one can sign no nearer end of the same key until it has passed. */
const MAX_NOTICE_S = 604_800n;

/** What says that a retirement came too late: at one block. */
export type BeaconClock = Pick<BeaconKeysReading, 'epoch' | 'period' | 'generations'>;

/** Reads it for the contracts of a domain. @returns undefined where they are others than the known ones, or have no threshold beacon. */
export type ReadBeaconClock = (domain: LedgerDomain) => Promise<BeaconClock | undefined>;

/**
 * Whether no chain takes a retirement any more that was signed, and another one may end the same key: the last epoch of the first has
 * begun long ago, the key goes on all the same, and the other one can still be taken. A block so late would show a retirement that came in time.
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

/** @throws SignerError `conflict` where a last epoch begins more than a week after the one that runs. */
export function assertNearEnd({ epoch, period }: Pick<BeaconClock, 'epoch' | 'period'>, lastEpoch: bigint): void {
  if ((lastEpoch - epoch) * period <= MAX_NOTICE_S) return;
  const latest = epoch + MAX_NOTICE_S / period;
  throw new SignerError(
    'conflict',
    `epoch ${lastEpoch} is more than a week ahead: name one up to ${latest}, the same for all operators`,
  );
}

/** Asks the chain of a deployment, each time anew. @throws ChainError from the function */
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
