import type { Store } from '@ogong/host/store/store';
import { parseDivergence } from '@ogong/protocol/stage2/divergence';
import type { SignedTrace } from '@ogong/protocol/stage2/trace-report';
import type { DivergenceSide } from '@ogong/protocol/stage2/verify-divergence';

/** What was found out about a reply that was rejected for being different (docs/spec/replay-tier.md). */
export interface DivergenceRow {
  /** Canonical evidence. */
  readonly evidence: Uint8Array;
  /** The confirming machine's, where there was one. */
  readonly third: SignedTrace | undefined;
  readonly side: DivergenceSide;
  /** In words, where it is confirmed. */
  readonly layer: string | undefined;
}

export function keepDivergence(store: Store, replyId: Uint8Array, row: DivergenceRow): void {
  const { evidence, third, side, layer } = row;
  store
    .prepare(
      `INSERT OR REPLACE INTO divergences (reply_id, evidence, third_report, third_key, third_signature, side, layer)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(replyId, evidence, third?.report ?? null, third?.key ?? null, third?.signature ?? null, side, layer ?? null);
}

export function readDivergence(store: Store, replyId: Uint8Array): DivergenceRow | undefined {
  const row = store.prepare('SELECT * FROM divergences WHERE reply_id = ?').get(replyId);
  if (row === undefined) return undefined;
  return {
    evidence: row.evidence as Uint8Array,
    third:
      row.third_report === null
        ? undefined
        : {
            report: row.third_report as Uint8Array,
            key: row.third_key as Uint8Array,
            signature: row.third_signature as Uint8Array,
          },
    side: row.side as DivergenceSide,
    layer: (row.layer as string | null) ?? undefined,
  };
}

/** As GetReply tells it. */
export function describeDivergence({ evidence, side, layer }: DivergenceRow) {
  return { position: parseDivergence(evidence).position, side, ...(layer === undefined ? {} : { layer }) };
}
