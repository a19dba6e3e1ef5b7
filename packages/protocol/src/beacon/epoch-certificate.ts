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

/**
 * The certificate of an epoch's value: a quorum's aggregate of the bootstrap beacon, or one signature of the threshold beacon.
 */
export type EpochCertificate =
  | ({ readonly kind: 'aggregate' } & BeaconCertificate)
  | ({ readonly kind: 'threshold' } & ThresholdCertificate);

/** The value of an epoch, and the seed from which the sketches of its replies derive. */
export interface EpochValue {
  readonly epoch: bigint;
  readonly value: Uint8Array;
  readonly previous: Uint8Array;
}

/** Parses a certificate by the tag at its beginning. @throws ProtocolError for other bytes. */
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
 * Computes the bank seed of an epoch of the threshold beacon, where the bootstrap beacon uses the value before. Values of the
 * threshold beacon are not chained, and a certificate of one signature names no earlier value.
 */
export function computeThresholdBank(crypto: Pick<Crypto, 'sha256'>, value: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(BANK_DOMAIN).bytes(value, 32).finish());
}

/** Reads the claim of a certificate without verifying it. */
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

/** Finds the generation of the threshold beacon that an epoch belongs to. */
export function findGeneration(generations: readonly BeaconGeneration[], epoch: bigint): BeaconGeneration | undefined {
  return generations.find(
    ({ firstEpoch, lastEpoch }) => epoch >= firstEpoch && (lastEpoch === undefined || epoch <= lastEpoch),
  );
}

interface EpochClaim {
  readonly certificate: EpochCertificate;
  /** Value of epoch - 1 if the reader knows it. */
  readonly previous?: Uint8Array | undefined;
  readonly validators: readonly SetMember[];
  /** Keys of the threshold beacon, as the chain lists them or a trust file does. */
  readonly generations?: readonly BeaconGeneration[] | undefined;
}

/** Verifies that a certificate makes its value the beacon of its epoch. In an epoch of a generation no aggregate counts. */
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
