import { createReader, createWriter, ProtocolError } from '../../base/bytes.ts';
import { encodeDomain, readDomain, readFlag } from '../../base/canonical.ts';
import type { SketchRow } from '../../commitment/sketch.ts';
import { decodeSketch, encodeSketch } from '../text/commitment/window.ts';
import { MAX_INPUTS } from './request.ts';

/**
 * What a verifier computed from the request alone (docs/spec/embedding.md). It is shown nothing of the reply, so it has
 * nothing to copy; it signs these bytes with its hybrid key.
 */
export interface EmbeddingReport {
  /** 16 bytes, the validator's choice. */
  readonly jobId: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** The class in which the passes ran. */
  readonly numericClass: string;
  /** The verifier's claim that its passes reproduce the provider's declared class bit for bit. */
  readonly exact: boolean;
  readonly vocabularyHash: Uint8Array;
  readonly embeddingSize: number;
  readonly sketchDirections: number;
  readonly elapsedMs: number;
  readonly inputs: readonly ReportedInput[];
}

export interface ReportedInput {
  readonly tokenCount: number;
  readonly tokensHash: Uint8Array;
  /** SHA-256 of the vector's bytes. */
  readonly vectorHash: Uint8Array;
  readonly sketch: SketchRow;
}

const DOMAIN = encodeDomain('ogong-embedding-report-v1');
const MAX_SKETCH_BYTES = 1024;

export function encodeEmbeddingReport(report: EmbeddingReport): Uint8Array {
  const writer = createWriter(4096)
    .bytes(DOMAIN)
    .bytes(report.jobId, 16)
    .bytes(report.modelRoot, 32)
    .text(report.numericClass)
    .u8(report.exact ? 1 : 0)
    .bytes(report.vocabularyHash, 32)
    .u32(report.embeddingSize)
    .u16(report.sketchDirections)
    .u32(report.elapsedMs)
    .u16(report.inputs.length);
  for (const { tokenCount, tokensHash, vectorHash, sketch } of report.inputs) {
    writer
      .u32(tokenCount)
      .bytes(tokensHash, 32)
      .bytes(vectorHash, 32)
      .bytes16(encodeSketch([sketch]));
  }
  return writer.finish();
}

/** @throws ProtocolError for anything that encodeEmbeddingReport would not have written. */
export function parseEmbeddingReport(bytes: Uint8Array): EmbeddingReport {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'report on an embedding');
  const fields = {
    jobId: reader.bytes(16),
    modelRoot: reader.bytes(32),
    numericClass: reader.text(255),
    exact: readFlag(reader),
    vocabularyHash: reader.bytes(32),
    embeddingSize: reader.u32(),
    sketchDirections: reader.u16(),
    elapsedMs: reader.u32(),
  };
  const count = reader.u16();
  if (count > MAX_INPUTS) throw new ProtocolError('too-large', `${count} inputs, at most ${MAX_INPUTS}`);
  const { sketchDirections: directions } = fields;
  const inputs = Array.from({ length: count }, () => ({
    tokenCount: reader.u32(),
    tokensHash: reader.bytes(32),
    vectorHash: reader.bytes(32),
    sketch: parseSketch(reader.bytes16(MAX_SKETCH_BYTES), directions),
  }));
  reader.end();
  return { ...fields, inputs };
}

function parseSketch(bytes: Uint8Array, directions: number): SketchRow {
  const rows = decodeSketch(bytes, { directions });
  if (rows.length !== 1) throw new ProtocolError('malformed', `${rows.length} sketches of one vector`);
  return rows[0] as SketchRow;
}
