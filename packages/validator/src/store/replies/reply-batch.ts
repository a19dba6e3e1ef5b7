import { bigInteger, columns, named, oneOf } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { ReplyState, StoredState } from './reply-states.ts';

// A batch is a run of the log. So the place of a reply's entry tells its batch, and no row of a reply changes with the batch.

const batchColumns = columns({
  sequence: bigInteger,
  to: named('to_position', bigInteger),
  state: oneOf(['proposed', 'settled']),
});

/** @returns number and state of the batch with the log entry at this position; undefined if no batch has it. */
export function findBatchAt(
  store: Store,
  position: bigint,
): { readonly sequence: bigint; readonly state: 'proposed' | 'settled' } | undefined {
  // The index of places has all of these columns, so that the bytes of the batch are not read.
  const sql = `SELECT ${batchColumns.list} FROM batches WHERE from_position <= ? ORDER BY from_position DESC LIMIT 1`;
  const row = batchColumns.get(store.prepare(sql), position);
  return row !== undefined && position < row.to ? row : undefined;
}

/** Reads the state of a reply, and the number of its batch. @param entryIndex position of its log entry. */
export function readPlace(
  store: Store,
  { state, entryIndex }: { readonly state: StoredState; readonly entryIndex: bigint | undefined },
): { readonly state: ReplyState; readonly sequence: bigint | undefined } {
  const batch = state === 'decided' && entryIndex !== undefined ? findBatchAt(store, entryIndex) : undefined;
  if (batch === undefined) return { state, sequence: undefined };
  return { state: batch.state === 'settled' ? 'settled' : 'batched', sequence: batch.sequence };
}
