/** States in a row of replies, in their order. A reply without a verdict alternates between `auditing` and `waiting`. */
export const STORED_STATES = [
  ...(['admitted', 'recorded', 'auditing', 'waiting'] as const),
  ...(['decided', 'refused'] as const),
];

export type StoredState = (typeof STORED_STATES)[number];

/** A decided reply is `batched` or `settled` by the batch of its log entry, see reply-batch.ts. */
export type ReplyState = StoredState | 'batched' | 'settled';

/** States before the verdict. */
export const OPEN_STATES: ReadonlySet<ReplyState> = new Set(['admitted', 'recorded', 'auditing', 'waiting']);

/**
 * SQL condition for a row of replies: its batch has settled.
 * @internal read by the invariants of the simulator
 */
export const IS_SETTLED = `state = 'decided' AND
  entry_index < (SELECT coalesce(max(to_position), 0) FROM batches WHERE state = 'settled')`;
