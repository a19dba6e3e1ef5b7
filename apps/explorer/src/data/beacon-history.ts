import type { Deployment } from '@ogong/chain/deployment';
import { createBeaconKeysReads } from '@ogong/chain/validators/beacon-keys';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import {
  type EpochCertificate,
  parseEpochCertificate,
  readEpochValue,
  verifyEpochCertificate,
} from '@ogong/protocol/beacon/epoch-certificate';
import type { BeaconGeneration } from '@ogong/protocol/beacon/threshold/threshold-value';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { NetworkInfo, PublicApi } from './api.ts';
import type { ChainReader } from './rpc.ts';

/** One epoch of the beacon, as its certificate has it. */
export interface EpochReading {
  readonly epoch: bigint;
  readonly kind: EpochCertificate['kind'];
  /** 32 bytes. */
  readonly value: Uint8Array;
  readonly checks: readonly Check[];
  /** `others`: it has other validators than now, so its signatures cannot be checked. */
  readonly standing: 'holds' | 'refuted' | 'others';
}

/** The parties whose certificates are checked. */
export interface BeaconSources {
  readonly info: Pick<NetworkInfo, 'chainId' | 'settlement'>;
  readonly validators: NetworkInfo['validators'];
  readonly generations: readonly BeaconGeneration[];
}

/** Keys of the threshold beacon, by the chain; none where the network has no such beacon. @throws if the chain cannot be read. */
export async function readGenerations(
  reader: ChainReader | undefined,
  deployment: Deployment | undefined,
): Promise<readonly BeaconGeneration[]> {
  if (reader === undefined || deployment?.beaconKeys === undefined) return [];
  const keys = await createBeaconKeysReads(reader, deployment).beaconKeys();
  return (keys?.generations ?? []).map(({ key, firstEpoch, lastEpoch }, i) => ({
    ...{ generation: i + 1, key: fromHex(key.slice(2), 48), firstEpoch, lastEpoch },
  }));
}

/** @param previous value of the epoch before, if it is known. @throws ProtocolError for bytes that are no certificate. */
export function checkEpoch(bytes: Uint8Array, sources: BeaconSources, previous?: Uint8Array): EpochReading {
  const certificate = parseEpochCertificate(bytes);
  const { info, validators, generations } = sources;
  const { checks } = verifyEpochCertificate(crypto, info, { certificate, previous, validators, generations });
  const isOfOthers = checks.some(({ id, status }) => id === 'beacon-set' && status === 'skip');
  const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  const counts = failed.filter((id) => !(isOfOthers && id === 'beacon-quorum'));
  return {
    epoch: certificate.epoch,
    kind: certificate.kind,
    value: readEpochValue(crypto, info, certificate).value,
    checks,
    standing: counts.length > 0 ? 'refuted' : isOfOthers ? 'others' : 'holds',
  };
}

/**
 * The newest epochs, newest first. Each is checked against the value of the one before it.
 * @param count how many at most. A gateway gives anybody five certificates a second.
 * @throws ReadError, ProtocolError
 */
export async function readBeaconHistory(
  api: Pick<PublicApi, 'certificate'>,
  sources: BeaconSources,
  count: number,
): Promise<EpochReading[]> {
  const newest = await api.certificate(0n);
  const { epoch: last } = parseEpochCertificate(newest);
  const found: Uint8Array[] = [newest];
  for (let epoch = last - 1n; found.length < count && epoch > 0n; epoch -= 1n) {
    try {
      const bytes = await api.certificate(epoch);
      // A gateway may answer with another epoch's.
      if (parseEpochCertificate(bytes).epoch !== epoch) break;
      found.push(bytes);
    } catch {
      // An epoch that a gateway no longer has ends the history.
      break;
    }
  }
  let previous: Uint8Array | undefined;
  return found
    .reverse()
    .map((bytes) => {
      const reading = checkEpoch(bytes, sources, previous);
      previous = reading.value;
      return reading;
    })
    .reverse();
}
