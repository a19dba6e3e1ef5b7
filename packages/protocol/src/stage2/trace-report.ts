import { createReader, createWriter, ProtocolError } from '../base/bytes.ts';
import { encodeDomain, readDomain, readFlag } from '../base/canonical.ts';
import type { WindowBytes } from '../commitment/window.ts';
import type { HybridSigner } from '../crypto/crypto.ts';

/** What a machine computed at one position of a claimed reply, layer by layer (docs/spec/replay-tier.md). */
export interface TraceReport {
  /** SHA-256 of the record's signed bytes. */
  readonly recordHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** The class in which the pass ran. */
  readonly numericClass: string;
  /** The tracer's claim that its pass reproduces the declared class bit for bit. */
  readonly exact: boolean;
  readonly promptTokensHash: Uint8Array;
  readonly outputTokensHash: Uint8Array;
  /** Of the output token, from 0. */
  readonly position: number;
  /** What the tracer would have committed there: a window of this one position. */
  readonly row: WindowBytes;
  /** SHA-256 each of the position's f32 row, little-endian: embedding, every block, LM-head input, logits. */
  readonly stages: readonly Uint8Array[];
}

export interface SignedTrace {
  /** Canonical report, the exact bytes that were signed. */
  readonly report: Uint8Array;
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export const MIN_STAGES = 4;
/** A thousand blocks, and embedding, LM-head input and logits. */
export const MAX_STAGES = 1027;
export const MAX_TRACE_BYTES = 40 * 1024;
/** 64 candidates, and 256 directions, of one position need less. */
const MAX_ROW_PART = 1024;
const TRACE_DOMAIN = encodeDomain('ogong-trace-v1');

export function encodeTraceReport(report: TraceReport): Uint8Array {
  assertStageCount(report.stages.length);
  const writer = createWriter(2048)
    .bytes(TRACE_DOMAIN)
    .bytes(report.recordHash, 32)
    .bytes(report.modelRoot, 32)
    .text(report.numericClass)
    .u8(report.exact ? 1 : 0)
    .bytes(report.promptTokensHash, 32)
    .bytes(report.outputTokensHash, 32)
    .u32(report.position)
    .bytes16(bounded(report.row.draws))
    .bytes16(bounded(report.row.sketch))
    .u16(report.stages.length);
  for (const stage of report.stages) writer.bytes(stage, 32);
  return writer.finish();
}

/** @throws ProtocolError; the row is bounded but not decoded: it is compared as bytes. */
export function parseTraceReport(bytes: Uint8Array): TraceReport {
  if (bytes.length > MAX_TRACE_BYTES) throw new ProtocolError('too-large', 'trace report is too long');
  const reader = createReader(bytes);
  readDomain(reader, TRACE_DOMAIN, 'trace report');
  const report = {
    recordHash: reader.bytes(32),
    modelRoot: reader.bytes(32),
    numericClass: reader.text(255),
    exact: readFlag(reader),
    promptTokensHash: reader.bytes(32),
    outputTokensHash: reader.bytes(32),
    position: reader.u32(),
    row: { draws: reader.bytes16(MAX_ROW_PART), sketch: reader.bytes16(MAX_ROW_PART) },
  };
  const count = reader.u16();
  assertStageCount(count);
  const stages = Array.from({ length: count }, () => reader.bytes(32));
  reader.end();
  return { ...report, stages };
}

export function signTrace(signer: HybridSigner, report: TraceReport): SignedTrace {
  const bytes = encodeTraceReport(report);
  return { report: bytes, key: signer.publicKey, signature: signer.sign(bytes) };
}

function bounded(part: Uint8Array): Uint8Array {
  if (part.length > MAX_ROW_PART) throw new ProtocolError('too-large', `a row part of ${part.length} bytes`);
  return part;
}

function assertStageCount(count: number): void {
  if (count < MIN_STAGES || count > MAX_STAGES) {
    throw new ProtocolError('out-of-range', `${count} stages, ${MIN_STAGES}..${MAX_STAGES} are possible`);
  }
}
