import { createWriter } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { fail } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type BeaconCertificate,
  type BeaconNetwork,
  type BeaconVerdict,
  encodeBeaconCertificate,
  parseBeaconCertificate,
  verifyBeaconCertificate,
} from './beacon.ts';
import {
  type BeaconGeneration,
  computeThresholdValue,
  type ThresholdCertificate,
  thresholdCertificateFormat,
  verifyThresholdCertificate,
} from './threshold/threshold-value.ts';
import type { SetMember } from './validator-set.ts';

const BANK_DOMAIN = encodeDomain('ogong-beacon-bank-v1');
const THRESHOLD_TAG = encodeDomain('ogong-beacon-threshold-certificate-v1');

/** What certifies the value of an epoch: a quorum's aggregate of the bootstrap beacon, or one signature of the threshold beacon. */
export type EpochCertificate =
  | ({ readonly kind: 'aggregate' } & BeaconCertificate)
  | ({ readonly kind: 'threshold' } & ThresholdCertificate);

/** The value of an epoch, and what sketches of its replies derive from. */
export interface EpochValue {
  readonly epoch: bigint;
  readonly value: Uint8Array;
  readonly previous: Uint8Array;
}

/** By the tag that the bytes begin with. @throws ProtocolError for anything else. */
export function parseEpochCertificate(bytes: Uint8Array): EpochCertificate {
  return THRESHOLD_TAG.every((byte, i) => bytes[i] === byte)
    ? { kind: 'threshold', ...thresholdCertificateFormat.decode(bytes) }
    : { kind: 'aggregate', ...parseBeaconCertificate(bytes) };
}

export function encodeEpochCertificate({ kind, ...certificate }: EpochCertificate): Uint8Array {
  return kind === 'threshold'
    ? thresholdCertificateFormat.encode(certificate as ThresholdCertificate)
    : encodeBeaconCertificate(certificate as BeaconCertificate);
}

/**
 * What stands in the place of the value before, in an epoch of the threshold beacon: its values are not chained, and a certificate of one
 * signature names no other.
 */
export function computeThresholdBank(crypto: Pick<Crypto, 'sha256'>, value: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(BANK_DOMAIN).bytes(value, 32).finish());
}

/** What a certificate says, whether it holds or not. */
export function readEpochValue(
  crypto: Pick<Crypto, 'sha256'>,
  network: Pick<BeaconNetwork, 'chainId'>,
  certificate: EpochCertificate,
): EpochValue {
  const { epoch } = certificate;
  if (certificate.kind === 'aggregate') {
    const { value, previous } = certificate;
    return { epoch, value, previous };
  }
  const value = computeThresholdValue(crypto, network, certificate);
  return { epoch, value, previous: computeThresholdBank(crypto, value) };
}

/** The generation of the threshold beacon that an epoch belongs to. */
export function findGeneration(generations: readonly BeaconGeneration[], epoch: bigint): BeaconGeneration | undefined {
  return generations.find(
    ({ firstEpoch, lastEpoch }) => epoch >= firstEpoch && (lastEpoch === undefined || epoch <= lastEpoch),
  );
}

interface EpochClaim {
  readonly certificate: EpochCertificate;
  /** Value of epoch - 1 where the reader knows it. */
  readonly previous?: Uint8Array | undefined;
  readonly validators: readonly SetMember[];
  /** Keys of the threshold beacon, as the chain lists them or a trust file does. */
  readonly generations?: readonly BeaconGeneration[] | undefined;
}

/** Whether a certificate makes its value the beacon of its epoch. An epoch of a generation has no aggregate that counts. */
export function verifyEpochCertificate(
  crypto: Crypto,
  network: BeaconNetwork,
  { certificate, previous, validators, generations = [] }: EpochClaim,
): BeaconVerdict {
  if (certificate.kind === 'threshold') {
    return verifyThresholdCertificate({ crypto, bls: { verify: crypto.verifyBls } }, network, {
      certificate,
      generations,
    });
  }
  const of = findGeneration(generations, certificate.epoch);
  if (of !== undefined) {
    const detail = `epoch ${certificate.epoch} is of generation ${of.generation}, whose key alone certifies it`;
    return { ok: false, checks: [fail('beacon-generation', detail)] };
  }
  return verifyBeaconCertificate(crypto, network, { certificate, previous, validators });
}
