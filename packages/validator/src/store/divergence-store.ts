import { bytes, columns, named, oneOf, optional, optionalColumns, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { parseDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import type { DivergenceSide } from '@ogong/protocol/modality/text/stage2/verify-divergence';

/** The result of a dispute about a rejected reply (docs/spec/replay-tier.md). */
export interface DivergenceRow {
  /** Canonical evidence. */
  readonly evidence: Uint8Array;
  /** Trace of the confirming machine, if there was one. */
  readonly third: SignedTrace | undefined;
  readonly side: DivergenceSide;
  /** The layer in words, if it is confirmed. */
  readonly layer: string | undefined;
}

const divergenceFields = {
  evidence: bytes,
  third: optionalColumns({
    report: named('third_report', bytes),
    key: named('third_key', bytes),
    signature: named('third_signature', bytes),
  }),
  side: oneOf(['provider', 'verifier', 'neither', 'unproven']),
  layer: optional(text),
} as const;
const divergenceColumns = columns(divergenceFields);
const keptDivergence = columns({ replyId: bytes, ...divergenceFields });

export function keepDivergence(store: Store, replyId: Uint8Array, row: DivergenceRow): void {
  keptDivergence.insert(store, 'INSERT OR REPLACE INTO divergences', { replyId, ...row });
}

export function readDivergence(store: Store, replyId: Uint8Array): DivergenceRow | undefined {
  const sql = `SELECT ${divergenceColumns.list} FROM divergences WHERE reply_id = ?`;
  return divergenceColumns.get(store.prepare(sql), replyId);
}

/** Returns the form for GetReply. */
export function describeDivergence({ evidence, side, layer }: DivergenceRow) {
  return { position: parseDivergence(evidence).position, side, ...(layer === undefined ? {} : { layer }) };
}
