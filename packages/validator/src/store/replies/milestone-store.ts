import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { bytes, columns, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Submission } from '@ogong/protocol/verdict/claim';

/**
 * A milestone as its payer handed it in (docs/spec/progress.md#milestones). Every function that writes belongs inside a
 * group commit.
 */
export interface StoredMilestone {
  readonly submission: Submission;
  readonly opening: Uint8Array;
}

const milestoneColumns = columns({ submission: bytes, opening: bytes });
const tokenColumns = columns({ tokens: integer });

/** Stores a milestone. The longest one counts. */
export function putMilestone(
  store: Store,
  replyId: Uint8Array,
  {
    submission,
    opening,
    tokens,
  }: { readonly submission: Submission; readonly opening: Uint8Array; readonly tokens: number },
): void {
  if (readMilestoneTokens(store, replyId) >= tokens) return;
  const { order, record, header, headerProof, request, endpoint, response, payeeWord, progress, evidence } = submission;
  // A message from the wire is no plain object, so its fields are named.
  const push = create(PushRecordRequestSchema, {
    order: { order: order.order, signature: order.signature },
    record: { record: record.record, providerKey: record.providerKey, signature: record.signature },
    ...{ header, headerProof: [...headerProof], request, endpoint, response, payeeWord },
    ...(evidence && { evidence: { ...evidence } }),
    ...(progress && { progress: { progress: progress.progress, signature: progress.signature } }),
  });
  store
    .prepare('INSERT OR REPLACE INTO milestones (reply_id, submission, opening, tokens) VALUES (?, ?, ?, ?)')
    .run(replyId, toBinary(PushRecordRequestSchema, push), opening, tokens);
}

export function readMilestone(store: Store, replyId: Uint8Array): StoredMilestone | undefined {
  const row = milestoneColumns.get(
    store.prepare(`SELECT ${milestoneColumns.list} FROM milestones WHERE reply_id = ?`),
    replyId,
  );
  if (row === undefined) return undefined;
  const { order, record, ...push } = fromBinary(PushRecordRequestSchema, row.submission);
  if (order === undefined || record === undefined) throw new Error('a milestone without its order or record was kept');
  return { submission: { ...push, order, record }, opening: row.opening };
}

/** Returns the output tokens of the stored milestone; 0 if there is none. */
export const readMilestoneTokens = (store: Store, replyId: Uint8Array): number =>
  tokenColumns.get(store.prepare('SELECT tokens FROM milestones WHERE reply_id = ?'), replyId)?.tokens ?? 0;

export function forgetMilestone(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM milestones WHERE reply_id = ?').run(replyId);
}
