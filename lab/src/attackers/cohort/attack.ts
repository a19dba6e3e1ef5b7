import type { ChainPass, SegmentEngine } from '@ogong/engine/interface/segment';
import type { FindingReason } from '@ogong/protocol/modality/text/boundary/boundary-claims';
import type { UsedRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import type { BoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';

/** Opens segments that a shard runs in place of its own. */
export interface SegmentForge {
  /** Opens its own layers of another model. */
  openOther(): SegmentEngine;
  /** Opens its own layers without the last one. */
  openShort(): SegmentEngine;
}

/** Parts that a dishonest member of a cohort changes. Its other code is that of an honest one. */
export interface CohortAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  readonly by: 'shard' | 'leader';
  /** True if it lies about the rows that come to it, so the first shard cannot play it. */
  readonly needsRows?: true;
  /** True if it lies to the shard behind it, so the last shard before the leader cannot play it. */
  readonly needsReceiver?: true;
  /**
   * The finding that names the attacker's key. `edge` is the audit of the rows between layers, and `terms` the refusal of terms that the
   * leader signed. `inputs` is a record whose roots contradict each other or its tokens. `nothing-came` names nobody. Without one, the lie
   * changes no row.
   */
  readonly foundBy?: FindingReason | 'edge' | 'terms' | 'inputs';
  /** Replaces the segment that it runs. */
  bendSegment?(segment: SegmentEngine, forge: SegmentForge): SegmentEngine;
  /** Changes the rows that it computes on. */
  bendInput?(rows: Float32Array): Float32Array;
  /** Changes the rows that it shows as those that came to it. */
  bendShown?(shown: UsedRows): UsedRows;
  /** Changes the statement that it signs for the leader. Its rows, and its complaint, keep the true one. */
  bendRoot?(root: BoundaryRoot): Pick<BoundaryRoot, 'root'>;
  /** Changes the rows that it sends. Its root is about the rows before the change. */
  bendSent?(rows: Float32Array): Float32Array;
  /** True if its leader belongs to the same owner, and lists its root whatever it is about. */
  readonly hasLeader?: true;
  /** Changes the tokens that a leader sends to the first shard. Its record has the tokens before the change. */
  bendTokens?(tokens: Uint32Array, position: number): Uint32Array;
  /** Changes the kind of pass that a leader names to its shards. */
  bendKind?(kind: ChainPass['kind']): ChainPass['kind'];
  /** True if it answers no pass. */
  readonly isSilent?: true;
  /** Changes the roots that a leader lists in its header. */
  bendListed?<T>(roots: readonly (T | undefined)[]): readonly (T | undefined)[];
  /** Changes the manifest that a leader names in the terms. */
  bendManifest?(manifestHash: Uint8Array): Uint8Array;
}

/** A segment that poses as `segment`, and runs its passes in another way. */
export const disguiseSegment = (
  segment: SegmentEngine,
  parts: Pick<SegmentEngine, 'run'> & Partial<SegmentEngine>,
): SegmentEngine => ({
  info: () => segment.info(),
  drop: (sequence, position) => segment.drop(sequence, position),
  close: () => segment.close(),
  ...parts,
});
