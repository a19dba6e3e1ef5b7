import { closeError, Refusal } from '@ogong/host/link/link-error';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { type InnerPart, openPart } from '@ogong/protocol/sealing/sealed-part';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
import { ClaimError, type Submission } from '@ogong/protocol/verdict/claim';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { namesMedia } from '../audit/request-media.ts';
import { putMilestone, readMilestoneTokens } from '../store/replies/milestone-store.ts';
import { readOrder, readReply } from '../store/replies/reply-store.ts';
import { checkSubmission, findAdmitted, findLacking } from './accept-record.ts';
import type { IntakeState } from './intake-state.ts';
import { refusing } from './refusing.ts';

/**
 * Accepts the last commitment of a dead provider from its payer: checks and stores it. It becomes the record of its
 * reply if none has come when the order is over. @throws Refusal, ClaimError, ProtocolError
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
  if (record.isMilestone === undefined) throw new ClaimError('milestone', 'only the provider hands in a record');
  if (!mayShowTexts(claim.header.tier))
    throw new ClaimError(
      'milestone',
      `no validator takes a milestone of tier ${claim.header.tier}: it would read the texts`,
    );
  if (namesMedia(submission.request))
    throw new ClaimError('milestone', 'a request with media has no milestones: its payer would have to hand them in');
  const lacking = await findLacking(state, claim);
  if (lacking !== undefined) throw new ClaimError('stake', lacking);
  const opened = openReply(crypto, record, opening);
  if (opened?.outcome !== 'consistent')
    throw new ClaimError('milestone', 'the opening of the milestone is missing or refutes it');
  await group.write((db) => {
    if (readReply(db, order.replyId)?.state !== 'admitted') return;
    putMilestone(db, order.replyId, { submission: own, opening, tokens: record.tokenCount });
  });
}

/**
 * Returns the order of a milestone that would count. Undefined if one of the same length is stored: a repeated
 * milestone costs no check and reveals nothing. @throws Refusal, ClaimError, ProtocolError
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

/** A part without its texts, which the payer cannot see. */
export type ClaimedPart = Omit<Submission, 'request' | 'endpoint' | 'response'>;

/**
 * Accepts a milestone whose request, text and opening the client has sealed to this validator, past the paying gateway
 * (docs/spec/sealing.md#parts). @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptSealedPart(state: IntakeState, claimed: ClaimedPart, envelope: Uint8Array): Promise<void> {
  // The order is checked before decapsulation: it must be admitted here and must still be open.
  const row = findAwaiting(state, claimed);
  if (row === undefined) return;
  const { opening, body: request, endpoint, response } = unseal(state, readOrder(row), claimed, envelope);
  await refusing(() => acceptMilestone(state, { ...claimed, request, endpoint, response }, opening)).catch(
    (error: unknown) => {
      throw closeError(error, { place: 'part' });
    },
  );
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
    throw new Refusal(code, `the sealed part cannot be opened: ${cause.message}`);
  }
}
