import { Refusal } from '@ogong/host/link/link-error';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { ClaimError, type Submission } from '@ogong/protocol/verdict/claim';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { checkSubmission, findAdmitted } from './accept-record.ts';
import type { IntakeState } from './intake-state.ts';
import { putMilestone, readMilestoneTokens } from './store/milestone-store.ts';
import { readOrder, readReply } from './store/reply-store.ts';

/**
 * What a provider had committed to when it died, from its payer: checked and kept. It becomes the record of its reply where none has come
 * when the order is over. @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptMilestone(state: IntakeState, submission: Submission, opening: Uint8Array): Promise<void> {
  const { crypto, group } = state;
  if (opening.length > MAX_MILESTONE_OPENING_BYTES)
    throw new Refusal('invalid', 'the opening of the milestone is too large');
  const row = findAdmitted(state, submission);
  const order = readOrder(row);
  if (row.state !== 'admitted') throw new Refusal('conflict', 'the reply has its record');
  // Whoever sends it again learns nothing, and costs no check.
  const { tokenCount } = parseRecordV2(submission.record.record);
  if (state.store.read(() => readMilestoneTokens(state.store, order.replyId)) >= tokenCount) return;
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const { record } = await checkSubmission(state, order, own);
  if (record.isMilestone === undefined) throw new ClaimError('milestone', 'a record is handed in by its provider');
  const opened = openReply(crypto, record, opening);
  if (opened?.outcome !== 'consistent')
    throw new ClaimError('milestone', 'no opening of the milestone, or one that refutes it');
  await group.write((db) => {
    if (readReply(db, order.replyId)?.state !== 'admitted') return;
    putMilestone(db, order.replyId, { submission: own, opening, tokens: record.tokenCount });
  });
}
