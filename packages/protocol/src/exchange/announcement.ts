import { createReader, createWriter, equalBytes, ProtocolError, type Reader } from '../base/bytes.ts';
import {
  assertAscending,
  assertPlainText,
  encodeDomain,
  readDomain,
  readFlag,
  readSafe,
  writeSafe,
} from '../base/canonical.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { MAX_MODEL_ID_BYTES, parseModelId } from './match.ts';
import type { LedgerDomain } from './order.ts';
import { findTierProblem } from './posture.ts';
import { verifyProviderPayee } from './provider-payee.ts';
import { CLOCK_TOLERANCE_MS, MAX_ENDPOINT_BYTES } from './ticket.ts';
import { type VerifierEndorsement, verifyEndorsement } from './verifier-endorsement.ts';

/** What a provider says about itself to routers and validators (docs/spec/announcement.md). */
export interface Announcement {
  /** Hash of the hybrid key that signs it. */
  readonly providerId: Uint8Array;
  /** 20 bytes: the ledger address that its fees go to. */
  readonly payee: Uint8Array;
  readonly endpoint: string;
  /** SHA-256 of its TLS certificate. */
  readonly certHash: Uint8Array;
  /** Its second role, where it has one. */
  readonly verifier: VerifierEndpoint | undefined;
  /** Ascending by model id; at least one. */
  readonly models: readonly OfferedModel[];
  /** Replies that it serves at a time. */
  readonly capacity: number;
  readonly freeCapacity: number;
  /** Grows with every announcement: an old one cannot be replayed over a new one. */
  readonly sequence: bigint;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface VerifierEndpoint {
  readonly endpoint: string;
  readonly certHash: Uint8Array;
  /** Hash of the hybrid key that signs its score reports. */
  readonly keyHash: Uint8Array;
}

export interface OfferedModel {
  readonly modelId: string;
  readonly modelRoot: Uint8Array;
  readonly pricePer1kAtomic: bigint;
  /** Tokens. */
  readonly contextSize: number;
  readonly numericClass: string;
}

export const MAX_MODELS = 64;
export const MAX_CAPACITY = 65_535;
export const MAX_NUMERIC_CLASS_BYTES = 255;
/** An announcement lives no longer than this: dead nodes must not stay listed. */
export const MAX_LIFETIME_MS = 3_600_000;

const DOMAIN = encodeDomain('ogong-announcement-v1');

/** @throws ProtocolError */
export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  assertAnnouncement(announcement);
  const { verifier, models } = announcement;
  const writer = createWriter(1024)
    .bytes(DOMAIN)
    .bytes(announcement.providerId, 32)
    .bytes(announcement.payee, 20)
    .text(announcement.endpoint)
    .bytes(announcement.certHash, 32)
    .u8(verifier === undefined ? 0 : 1);
  if (verifier !== undefined) writer.text(verifier.endpoint).bytes(verifier.certHash, 32).bytes(verifier.keyHash, 32);
  writer.u8(models.length);
  for (const model of models) {
    writer
      .text(model.modelId)
      .bytes(model.modelRoot, 32)
      .u128(model.pricePer1kAtomic)
      .u32(model.contextSize)
      .text(model.numericClass);
  }
  writer.u16(announcement.capacity).u16(announcement.freeCapacity).u64(announcement.sequence);
  return writeSafe(writeSafe(writer, announcement.issuedAtMs), announcement.expiresAtMs).finish();
}

/** @throws ProtocolError */
export function parseAnnouncement(bytes: Uint8Array): Announcement {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'announcement');
  const announcement: Announcement = {
    providerId: reader.bytes(32),
    payee: reader.bytes(20),
    endpoint: reader.text(MAX_ENDPOINT_BYTES),
    certHash: reader.bytes(32),
    verifier: readFlag(reader) ? readVerifier(reader) : undefined,
    models: Array.from({ length: assertModelCount(reader.u8()) }, () => readModel(reader)),
    capacity: reader.u16(),
    freeCapacity: reader.u16(),
    sequence: reader.u64(),
    issuedAtMs: readSafe(reader),
    expiresAtMs: readSafe(reader),
  };
  reader.end();
  assertAnnouncement(announcement);
  return announcement;
}

export interface SignedAnnouncement {
  /** The exact bytes that were signed. */
  readonly announcement: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
  /** 65 bytes: the payee's word for the provider's key, see signProviderPayee. */
  readonly payeeSignature: Uint8Array;
  /** The verifier's word for the provider's key, where the announcement names a verifier. */
  readonly verifierEndorsement?: VerifierEndorsement | undefined;
}

export function signAnnouncement(
  signer: HybridSigner,
  announcement: Announcement,
  given: Pick<SignedAnnouncement, 'payeeSignature' | 'verifierEndorsement'>,
): SignedAnnouncement {
  const bytes = encodeAnnouncement(announcement);
  return { announcement: bytes, providerKey: signer.publicKey, signature: signer.sign(bytes), ...given };
}

export interface AnnouncementVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present where the bytes parse; worth nothing unless `ok`. */
  readonly announcement?: Announcement;
}

/**
 * Whether an announcement is its provider's own, payee and verifier agree, it is current, and newer than the one before.
 * @param ledger domain that payees sign for, as orders are.
 * @param previousSequence of the provider's announcement held so far.
 */
export function verifyAnnouncement(
  crypto: Crypto,
  signed: SignedAnnouncement,
  {
    ledger,
    nowMs,
    toleranceMs = CLOCK_TOLERANCE_MS,
    previousSequence,
  }: { ledger: LedgerDomain; nowMs: number; toleranceMs?: number; previousSequence?: bigint | undefined },
): AnnouncementVerdict {
  let announcement: Announcement;
  try {
    announcement = parseAnnouncement(signed.announcement);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('announcement-encoding', error.message)] };
  }
  const { providerKey: publicKey, signature, payeeSignature } = signed;
  const { providerId, payee, sequence, issuedAtMs, expiresAtMs } = announcement;
  const checks = [
    pass('announcement-encoding', 'canonical'),
    equalBytes(hashHybridKey(crypto, publicKey), providerId)
      ? pass('announcement-identity', 'the key is the one that the provider id names')
      : fail('announcement-identity', 'the key is not the one that the provider id names'),
    verifyHybrid(crypto, { publicKey, message: signed.announcement, signature })
      ? pass('announcement-signature', 'signed by that key')
      : fail('announcement-signature', 'not signed by that key'),
    verifyProviderPayee(crypto, ledger, { providerId, payee, payeeSignature })
      ? pass('announcement-payee', 'the payee signed for that key')
      : fail('announcement-payee', 'not signed by the payee that it names, for this key and these contracts'),
    checkVerifier(crypto, announcement, signed.verifierEndorsement),
    issuedAtMs <= nowMs + toleranceMs
      ? pass('announcement-issued', `issued at ${issuedAtMs}`)
      : fail('announcement-issued', `issued ${issuedAtMs - nowMs} ms in the future, by the clock here`),
    expiresAtMs > nowMs - toleranceMs
      ? pass('announcement-expiry', `expires at ${expiresAtMs}`)
      : fail('announcement-expiry', `expired ${nowMs - expiresAtMs} ms ago, by the clock here`),
    checkSequence(sequence, previousSequence),
  ];
  return { ok: isOk(checks), checks, announcement };
}

function checkVerifier(
  crypto: Crypto,
  { providerId, verifier }: Announcement,
  endorsement: VerifierEndorsement | undefined,
): Check {
  if (verifier === undefined) return skip('announcement-verifier', 'it names no verifier');
  const { keyHash } = verifier;
  return endorsement && verifyEndorsement(crypto, endorsement, { providerId, keyHash })
    ? pass('announcement-verifier', "the verifier signed for the provider's key")
    : fail('announcement-verifier', 'not signed by the verifier that it names, for this key');
}

function checkSequence(sequence: bigint, previous: bigint | undefined): Check {
  if (previous === undefined) return skip('announcement-sequence', 'nothing was announced before');
  return sequence > previous
    ? pass('announcement-sequence', `${sequence} follows ${previous}`)
    : fail('announcement-sequence', `${sequence} does not follow ${previous}`);
}

function readVerifier(reader: Reader): VerifierEndpoint {
  return { endpoint: reader.text(MAX_ENDPOINT_BYTES), certHash: reader.bytes(32), keyHash: reader.bytes(32) };
}

function readModel(reader: Reader): OfferedModel {
  return {
    modelId: reader.text(MAX_MODEL_ID_BYTES),
    modelRoot: reader.bytes(32),
    pricePer1kAtomic: reader.u128(),
    contextSize: reader.u32(),
    numericClass: reader.text(MAX_NUMERIC_CLASS_BYTES),
  };
}

function assertModelCount(count: number): number {
  if (count < 1 || count > MAX_MODELS) throw new ProtocolError('too-large', `${count} models in one announcement`);
  return count;
}

function assertAnnouncement(announcement: Announcement): void {
  const { endpoint, verifier, models, capacity, freeCapacity, issuedAtMs, expiresAtMs } = announcement;
  for (const address of [endpoint, ...(verifier === undefined ? [] : [verifier.endpoint])]) {
    assertPlainText(address, MAX_ENDPOINT_BYTES, 'endpoint');
    if (address === '') throw new ProtocolError('malformed', 'empty endpoint');
  }
  assertModelCount(models.length);
  for (const { modelId, numericClass, contextSize } of models) {
    assertPlainText(numericClass, MAX_NUMERIC_CLASS_BYTES, 'numeric class');
    const { tier } = parseModelId(modelId);
    const problem = tier === 'replay' ? findTierProblem(tier, numericClass) : undefined;
    if (problem !== undefined) throw new ProtocolError('malformed', problem);
    if (contextSize < 1) throw new ProtocolError('out-of-range', 'context of no tokens');
  }
  assertAscending(models, (a, b) => (a.modelId < b.modelId ? -1 : a.modelId > b.modelId ? 1 : 0), 'models');
  if (capacity < 1 || freeCapacity > capacity) {
    throw new ProtocolError('out-of-range', `${freeCapacity} free of a capacity of ${capacity}`);
  }
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > MAX_LIFETIME_MS) {
    throw new ProtocolError('out-of-range', `lifetime of ${expiresAtMs - issuedAtMs} ms`);
  }
}
