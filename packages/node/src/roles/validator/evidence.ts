import { createReader, createWriter, ProtocolError, type Reader, type Writer } from '@ogong/protocol/bytes';
import { encodeDomain, readDomain } from '@ogong/protocol/canonical';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/hybrid';
import { MAX_OPENING_BYTES } from '@ogong/protocol/opening';
import { MAX_RECORD_BYTES } from '@ogong/protocol/record';
import { MAX_REPORT_BYTES } from '@ogong/protocol/score-report';
import { MAX_VERIFIERS_PER_REPLY } from '@ogong/protocol/verdict-log';

/** What a verdict rests on, so that whoever holds the bytes comes to the same one (docs/spec/validator.md). */
export type Evidence = AuditEvidence | EquivocationEvidence | WithheldEvidence;

export interface AuditEvidence {
  readonly kind: 'audit';
  /** Canonical opening. */
  readonly opening: Uint8Array;
  /** Whom the verifiers were drawn from, ascending by provider id; empty where stage 1 decided. */
  readonly candidates: readonly EvidenceCandidate[];
  /** In the order in which they were asked. */
  readonly attempts: readonly Attempt[];
}

export interface EvidenceCandidate {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** Hash of the key that signs the reports. */
  readonly keyHash: Uint8Array;
}

export interface Attempt {
  /** Provider id of the candidate that was drawn. */
  readonly verifierId: Uint8Array;
  /** Absent: it sent nothing in time, or what it sent was no answer to the job. */
  readonly signed: SignedReport | undefined;
}

export interface SignedReport {
  readonly report: Uint8Array;
  readonly verifierKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** A second record that the provider signed under one reply id. */
export interface EquivocationEvidence {
  readonly kind: 'equivocation';
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
}

/** The opening could not be had within the audit window: the validator's word, hence never exact. */
export interface WithheldEvidence {
  readonly kind: 'withheld';
}

const DOMAIN = encodeDomain('ogong-evidence-v1');
const KINDS = ['audit', 'equivocation', 'withheld'] as const;
export const MAX_CANDIDATES = 256;

export function encodeEvidence(evidence: Evidence): Uint8Array {
  const writer = createWriter(8192).bytes(DOMAIN).u8(KINDS.indexOf(evidence.kind));
  if (evidence.kind === 'equivocation') {
    writer.bytes16(evidence.record).bytes(evidence.signature, HYBRID_SIGNATURE_BYTES);
  } else if (evidence.kind === 'audit') {
    writer.bytes32(evidence.opening);
    writeCandidates(writer, evidence.candidates);
    writer.u8(evidence.attempts.length);
    for (const { verifierId, signed } of evidence.attempts) {
      writer.bytes(verifierId, 32).u8(signed === undefined ? 0 : 1);
      if (signed === undefined) continue;
      writer
        .bytes32(signed.report)
        .bytes(signed.verifierKey, HYBRID_PUBLIC_KEY_BYTES)
        .bytes(signed.signature, HYBRID_SIGNATURE_BYTES);
    }
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
  if (kind === 'withheld') return { kind };
  if (kind === 'equivocation') {
    return { kind, record: reader.bytes16(MAX_RECORD_BYTES), signature: reader.bytes(HYBRID_SIGNATURE_BYTES) };
  }
  const opening = reader.bytes32(MAX_OPENING_BYTES);
  const candidates = readCandidates(reader);
  const count = reader.u8();
  if (count > MAX_VERIFIERS_PER_REPLY) throw new ProtocolError('too-large', `${count} verifiers of one reply`);
  const attempts = Array.from({ length: count }, () => readAttempt(reader));
  return { kind, opening, candidates, attempts };
}

function readAttempt(reader: Reader): Attempt {
  const verifierId = reader.bytes(32);
  const flag = reader.u8();
  if (flag > 1) throw new ProtocolError('malformed', `flag of ${flag}`);
  if (flag === 0) return { verifierId, signed: undefined };
  return {
    verifierId,
    signed: {
      report: reader.bytes32(MAX_REPORT_BYTES),
      verifierKey: reader.bytes(HYBRID_PUBLIC_KEY_BYTES),
      signature: reader.bytes(HYBRID_SIGNATURE_BYTES),
    },
  };
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
  for (const { providerId, payee, keyHash } of candidates) {
    writer.bytes(providerId, 32).bytes(payee, 20).bytes(keyHash, 32);
  }
}

function readCandidates(reader: Reader): EvidenceCandidate[] {
  const count = reader.u16();
  if (count > MAX_CANDIDATES) throw new ProtocolError('too-large', `${count} candidates`);
  return Array.from({ length: count }, () => ({
    providerId: reader.bytes(32),
    payee: reader.bytes(20),
    keyHash: reader.bytes(32),
  }));
}
