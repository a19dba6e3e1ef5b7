import { Refusal } from '@ogong/host/link/link-error';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { type InnerPart, openPart } from '@ogong/protocol/sealing/sealed-part';
import { ClaimError, type Submission } from '@ogong/protocol/verdict/claim';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { putMilestone, readMilestoneTokens } from '../store/replies/milestone-store.ts';
import { readOrder, readReply } from '../store/replies/reply-store.ts';
import { checkSubmission, findAdmitted, findLacking } from './accept-record.ts';
import type { IntakeState } from './intake-state.ts';

/**
 * What a provider had committed to when it died, from its payer: checked and kept. It becomes the record of its reply where none has come
 * when the order is over. @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptMilestone(state: IntakeState, submission: Submission, opening: Uint8Array): Promise<void> {
  const { crypto, group } = state;
  if (opening.length > MAX_MILESTONE_OPENING_BYTES)
    throw new Refusal('invalid', 'the opening of the milestone is too large');
  const row = findAwaiting(state, submission);
  if (row === undefined) return;
  const order = readOrder(row);
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const claim = await checkSubmission(state, order, own);
  const { record } = claim;
  if (record.isMilestone === undefined) throw new ClaimError('milestone', 'a record is handed in by its provider');
  const lacking = await findLacking(state, claim);
  if (lacking !== undefined) throw new ClaimError('stake', lacking);
  const opened = openReply(crypto, record, opening);
  if (opened?.outcome !== 'consistent')
    throw new ClaimError('milestone', 'no opening of the milestone, or one that refutes it');
  await group.write((db) => {
    if (readReply(db, order.replyId)?.state !== 'admitted') return;
    putMilestone(db, order.replyId, { submission: own, opening, tokens: record.tokenCount });
  });
}

/**
 * The order of a milestone that would count. Undefined where one as long is kept: whoever sends it again learns nothing, and costs no
 * check. @throws Refusal, ClaimError, ProtocolError
 */
function findAwaiting(
  state: IntakeState,
  claimed: Pick<Submission, 'order' | 'record'>,
): ReturnType<typeof findAdmitted> | undefined {
  const row = findAdmitted(state, claimed);
  if (row.state !== 'admitted') throw new Refusal('conflict', 'the reply has its record');
  const { tokenCount } = parseRecordV2(claimed.record.record);
  const { replyId } = readOrder(row);
  return state.store.read(() => readMilestoneTokens(state.store, replyId)) >= tokenCount ? undefined : row;
}

/** What its payer hands in of a part whose texts it does not see. */
export type ClaimedPart = Omit<Submission, 'request' | 'endpoint' | 'response'>;

/**
 * A milestone whose request, text and opening its client has sealed to this validator, past the gateway that pays
 * (docs/spec/sealing.md#parts). @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptSealedPart(state: IntakeState, claimed: ClaimedPart, envelope: Uint8Array): Promise<void> {
  // Nobody has this validator decapsulate for an order that it has not admitted, nor again for one that is over.
  const row = findAwaiting(state, claimed);
  if (row === undefined) return;
  const { opening, body: request, endpoint, response } = unseal(state, readOrder(row), claimed, envelope);
  await acceptMilestone(state, { ...claimed, request, endpoint, response }, opening);
}

function unseal(
  { crypto, ledger, sealKeys, verdicts: { validator } }: IntakeState,
  { replyId, requestHash }: Pick<NamedOrder, 'replyId' | 'requestHash'>,
  { record }: ClaimedPart,
  envelope: Uint8Array,
): InnerPart {
  const recordHash = hashRecord(crypto, record.record);
  const milestone = { ledger, validator, replyId, requestHash, recordHash };
  try {
    return openPart(sealKeys, { milestone, envelope, findKey: sealKeys.find });
  } catch (cause) {
    if (!(cause instanceof SealError)) throw cause;
    const code = cause.code === 'unknown-key' ? 'unsupported' : 'invalid';
    throw new Refusal(code, `the part does not open: ${cause.message}`);
  }
}
