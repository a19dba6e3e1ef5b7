import { createReader, createWriter, ProtocolError, type Reader, type Writer } from '../base/bytes.ts';
import { encodeDomain, readDomain, readFlag } from '../base/canonical.ts';
import { MAX_OPENING_BYTES } from '../commitment/opening.ts';
import { MAX_RECORD_BYTES } from '../commitment/record.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../crypto/hybrid.ts';
import { MAX_NUMERIC_CLASS_BYTES } from '../exchange/limits.ts';
import { areRates } from '../modality/text/drift/drift-verdict.ts';
import { SALT_BYTES } from '../modality/text/stage2/score-commitment.ts';
import { MAX_REPORT_BYTES } from '../modality/text/stage2/score-report.ts';
import { MAX_VERIFIERS_PER_REPLY } from '../settlement/verdict-log.ts';
import { type DriftNote, toRates } from './drift-policy.ts';

/** The evidence for a verdict: anybody who holds the bytes comes to the same verdict (docs/spec/validator.md). */
export type Evidence = AuditEvidence | EquivocationEvidence | WithheldEvidence | UnaskedEvidence;

export interface AuditEvidence {
  readonly kind: 'audit';
  /** Canonical opening. */
  readonly opening: Uint8Array;
  /** The candidates that the verifiers were drawn from, ascending by provider id; empty if stage 1 decided. */
  readonly candidates: readonly EvidenceCandidate[];
  /** The drift policy that judged scores; absent if fixed thresholds did. */
  readonly drift?: DriftNote | undefined;
  /** In the order in which they were asked. */
  readonly attempts: readonly Attempt[];
}

export interface EvidenceCandidate {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** Hash of the key that signs the reports. */
  readonly keyHash: Uint8Array;
  /** The same 32 bytes for all that seem to be of one operator. */
  readonly operator: Uint8Array;
  /** In which it says that it serves the model. */
  readonly numericClass: string;
  /** Chances in the draw, 1 at least, below 2^64. */
  readonly weight: bigint;
}

export interface Attempt {
  /** Provider id of the candidate that was drawn. */
  readonly verifierId: Uint8Array;
  /** From 0; attempts of one round were asked at the same time. */
  readonly round: number;
  /** 16 bytes, the validator's secret until the verdict: what makes the job id. */
  readonly nonce: Uint8Array;
  /** Absent: it committed to nothing in time. */
  readonly committed: SignedCommitment | undefined;
  /** Absent: it did not open what it committed to, or what it opened was no answer to the job. */
  readonly opened: OpenedReport | undefined;
}

export interface SignedCommitment {
  readonly verifierKey: Uint8Array;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

export interface OpenedReport {
  readonly salt: Uint8Array;
  readonly report: Uint8Array;
  /** Over the opening: salt, report, and the digests of the whole round. */
  readonly signature: Uint8Array;
}

/** A second record that the provider signed under one reply id. */
export interface EquivocationEvidence {
  readonly kind: 'equivocation';
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
}

/** The provider did not open within the audit window. Only the validator says so, so this is never exact. */
export interface WithheldEvidence {
  readonly kind: 'withheld';
}

/** The validator did not ask often enough while the provider had to keep the opening, so nobody knows what it was. */
export interface UnaskedEvidence {
  readonly kind: 'unasked';
}

const DOMAIN = encodeDomain('ogong-evidence-v4');
const KINDS = ['audit', 'equivocation', 'withheld', 'unasked'] as const;
export const MAX_CANDIDATES = 256;
export const JOB_NONCE_BYTES = 16;

export function encodeEvidence(evidence: Evidence): Uint8Array {
  const writer = createWriter(8192).bytes(DOMAIN).u8(KINDS.indexOf(evidence.kind));
  if (evidence.kind === 'equivocation') {
    writer.bytes16(evidence.record).bytes(evidence.signature, HYBRID_SIGNATURE_BYTES);
  } else if (evidence.kind === 'audit') {
    writer.bytes32(evidence.opening);
    writeDrift(writer, evidence.drift);
    writeCandidates(writer, evidence.candidates);
    writer.u8(evidence.attempts.length);
    for (const attempt of evidence.attempts) writeAttempt(writer, attempt);
  }
  return writer.finish();
}

/** @throws ProtocolError */
export function parseEvidence(bytes: Uint8Array): Evidence {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'evidence');
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new ProtocolError('unsupported', 'unknown kind of evidence');
  const evidence = readEvidence(reader, kind);
  reader.end();
  return evidence;
}

function readEvidence(reader: Reader, kind: Evidence['kind']): Evidence {
  if (kind === 'withheld' || kind === 'unasked') return { kind };
  if (kind === 'equivocation') {
    return { kind, record: reader.bytes16(MAX_RECORD_BYTES), signature: reader.bytes(HYBRID_SIGNATURE_BYTES) };
  }
  const opening = reader.bytes32(MAX_OPENING_BYTES);
  const drift = readDrift(reader);
  const candidates = readCandidates(reader);
  const count = reader.u8();
  if (count > MAX_VERIFIERS_PER_REPLY) throw new ProtocolError('too-large', `${count} verifiers of one reply`);
  const attempts = Array.from({ length: count }, () => readAttempt(reader));
  return { kind, opening, ...(drift ? { drift } : {}), candidates, attempts };
}

/** The policy that judges a reply, kept from the draw of its verifiers to the verdict. */
export function encodeDrift(note: DriftNote | undefined): Uint8Array {
  const writer = createWriter(64);
  writeDrift(writer, note);
  return writer.finish();
}

/** @throws ProtocolError */
export function parseDrift(bytes: Uint8Array): DriftNote | undefined {
  const reader = createReader(bytes);
  const note = readDrift(reader);
  reader.end();
  return note;
}

function writeDrift(writer: Writer, note: DriftNote | undefined): void {
  writer.u8(note === undefined ? 0 : 1);
  if (note === undefined) return;
  assertRates(note);
  writer
    .bytes(note.tableHash, 32)
    .u32(note.rejectPpb)
    .u32(note.doubtPpb)
    .u8(note.extrapolate ? 1 : 0);
}

function readDrift(reader: Reader): DriftNote | undefined {
  if (!readFlag(reader)) return undefined;
  const note = { tableHash: reader.bytes(32), rejectPpb: reader.u32(), doubtPpb: reader.u32() };
  assertRates(note);
  return { ...note, extrapolate: readFlag(reader) };
}

function assertRates({ rejectPpb, doubtPpb }: Pick<DriftNote, 'rejectPpb' | 'doubtPpb'>): void {
  if (areRates(toRates({ rejectPpb, doubtPpb, extrapolate: false }))) return;
  throw new ProtocolError('out-of-range', `rates of ${rejectPpb} and ${doubtPpb} parts per billion`);
}

const SILENT = 0;
const COMMITTED = 1;
const OPENED = 2;

function writeAttempt(writer: Writer, { verifierId, round, nonce, committed, opened }: Attempt): void {
  if (opened && !committed) throw new ProtocolError('malformed', 'a report that nobody committed to');
  writer.bytes(verifierId, 32).u8(round).bytes(nonce, JOB_NONCE_BYTES);
  writer.u8(opened ? OPENED : committed ? COMMITTED : SILENT);
  if (committed === undefined) return;
  writer
    .bytes(committed.verifierKey, HYBRID_PUBLIC_KEY_BYTES)
    .bytes(committed.digest, 32)
    .bytes(committed.signature, HYBRID_SIGNATURE_BYTES);
  if (opened === undefined) return;
  writer.bytes(opened.salt, SALT_BYTES).bytes32(opened.report).bytes(opened.signature, HYBRID_SIGNATURE_BYTES);
}

function readAttempt(reader: Reader): Attempt {
  const asked = { verifierId: reader.bytes(32), round: reader.u8(), nonce: reader.bytes(JOB_NONCE_BYTES) };
  const state = reader.u8();
  if (state > OPENED) throw new ProtocolError('malformed', `state ${state} of an attempt`);
  if (state === SILENT) return { ...asked, committed: undefined, opened: undefined };
  const committed = {
    verifierKey: reader.bytes(HYBRID_PUBLIC_KEY_BYTES),
    digest: reader.bytes(32),
    signature: reader.bytes(HYBRID_SIGNATURE_BYTES),
  };
  if (state === COMMITTED) return { ...asked, committed, opened: undefined };
  const opened = {
    salt: reader.bytes(SALT_BYTES),
    report: reader.bytes32(MAX_REPORT_BYTES),
    signature: reader.bytes(HYBRID_SIGNATURE_BYTES),
  };
  return { ...asked, committed, opened };
}

export function encodeCandidates(candidates: readonly EvidenceCandidate[]): Uint8Array {
  const writer = createWriter(1024);
  writeCandidates(writer, candidates);
  return writer.finish();
}

/** @throws ProtocolError */
export function parseCandidates(bytes: Uint8Array): EvidenceCandidate[] {
  const reader = createReader(bytes);
  const candidates = readCandidates(reader);
  reader.end();
  return candidates;
}

function writeCandidates(writer: Writer, candidates: readonly EvidenceCandidate[]): void {
  writer.u16(candidates.length);
  for (const { providerId, payee, keyHash, operator, numericClass, weight } of candidates) {
    writer.bytes(providerId, 32).bytes(payee, 20).bytes(keyHash, 32).bytes(operator, 32).text(numericClass).u64(weight);
  }
}

function readCandidates(reader: Reader): EvidenceCandidate[] {
  const count = reader.u16();
  if (count > MAX_CANDIDATES) throw new ProtocolError('too-large', `${count} candidates`);
  return Array.from({ length: count }, () => ({
    providerId: reader.bytes(32),
    payee: reader.bytes(20),
    keyHash: reader.bytes(32),
    operator: reader.bytes(32),
    numericClass: reader.text(MAX_NUMERIC_CLASS_BYTES),
    weight: reader.u64(),
  }));
}
