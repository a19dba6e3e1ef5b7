import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type Check, check, fail } from '../../base/checks.ts';
import { bytes, type Codec, createFormat, type Format, struct, u32, u64, within } from '../../base/codec.ts';
import { BLS_SIGNATURE_BYTES, type Bls } from '../../crypto/bls.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { BeaconNetwork } from '../beacon.ts';

const EPOCH_DOMAIN = encodeDomain('ogong-beacon-epoch-v1');
const VALUE_DOMAIN = encodeDomain('ogong-beacon-v2');

/** A key and the epochs whose values it signs. The chain stores all generations. */
export interface BeaconGeneration {
  /** From 1. */
  readonly generation: number;
  /** 48 bytes. */
  readonly key: Uint8Array;
  readonly firstEpoch: bigint;
  /** Absent while the generation continues. */
  readonly lastEpoch?: bigint | undefined;
}

export interface EpochSubject {
  readonly generation: number;
  readonly epoch: bigint;
}

/**
 * Encodes the message that T tickets sign. It does not contain the era, so the signature stays the same when shares are dealt
 * anew.
 */
export function encodeEpochMessage(
  { chainId, settlement }: BeaconNetwork,
  { generation, epoch }: EpochSubject,
): Uint8Array {
  const writer = createWriter().bytes(EPOCH_DOMAIN).u64(chainId).bytes(settlement, 20);
  return writer.u32(generation).u64(epoch).finish();
}

/** Computes the value of an epoch, 32 bytes. A key and an epoch have one signature, so nobody can choose it. */
export function computeThresholdValue(
  crypto: Pick<Crypto, 'sha256'>,
  { chainId }: Pick<BeaconNetwork, 'chainId'>,
  { epoch, signature }: { readonly epoch: bigint; readonly signature: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(VALUE_DOMAIN).u64(chainId).u64(epoch);
  return crypto.sha256(writer.bytes(signature, BLS_SIGNATURE_BYTES).finish());
}

export const thresholdCertificateCodec: Codec<ThresholdCertificate> = struct({
  generation: within(u32, 1, 0xffffffff),
  epoch: within(u64, 1n, (1n << 64n) - 1n),
  signature: bytes(BLS_SIGNATURE_BYTES),
});

/** A certificate for readers that know the generations. */
export interface ThresholdCertificate extends EpochSubject {
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

export const thresholdCertificateFormat: Format<ThresholdCertificate> = createFormat(thresholdCertificateCodec, {
  tag: 'ogong-beacon-threshold-certificate-v1',
});

export interface ThresholdVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present if all checks pass. */
  readonly value?: Uint8Array;
}

/** Verifies a certificate. @param generations as the chain or a trust file lists them. */
export function verifyThresholdCertificate(
  { crypto, bls }: { readonly crypto: Pick<Crypto, 'sha256'>; readonly bls: Pick<Bls, 'verify'> },
  network: BeaconNetwork,
  { certificate, generations }: { certificate: ThresholdCertificate; generations: readonly BeaconGeneration[] },
): ThresholdVerdict {
  const { generation, epoch, signature } = certificate;
  const known = generations.find((one) => one.generation === generation);
  if (known === undefined) {
    return { ok: false, checks: [fail('beacon-generation', `generation ${generation} is unknown`)] };
  }
  const { key, firstEpoch, lastEpoch } = known;
  const isInside = epoch >= firstEpoch && (lastEpoch === undefined || epoch <= lastEpoch);
  const range = `${firstEpoch}..${lastEpoch ?? ''}`;
  const isSigned = bls.verify(key, encodeEpochMessage(network, { generation, epoch }), signature);
  const checks = [
    check('beacon-generation', isInside, [
      `epoch ${epoch} is of generation ${generation}`,
      `epoch ${epoch} is outside ${range} of generation ${generation}`,
    ]),
    check('beacon-signature', isSigned, ['the key of the generation signed it', 'not signed by the generation’s key']),
  ];
  const ok = isInside && isSigned;
  return ok ? { ok, checks, value: computeThresholdValue(crypto, network, certificate) } : { ok, checks };
}
