import type { MessageInitShape } from '@bufbuild/protobuf';
import { Refusal } from '@ogong/host/link/link-error';
import type {
  AcknowledgeRequest,
  AcknowledgeRequestSchema,
  GetTextsRequestSchema,
  HeardDelivery as HeardDeliveryMessage,
  HeardDeliverySchema,
  PushRecordRequest,
  ReplyTexts as ReplyTextsMessage,
  SignedOrder as SignedOrderMessage,
  WitnessAnswer as WitnessAnswerMessage,
  WitnessAnswerSchema,
  WitnessRequest,
  WitnessRequestSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type EndedOrder,
  type HandedReply,
  isBare,
  isEnded,
  type ReplyTexts,
  type SignedOrder,
} from '@ogong/protocol/verdict/claim';
import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';
import type { TextsQuestion } from './audit/fetch-texts.ts';
import type { ClaimedPart } from './intake/accept-milestone.ts';
import type { SubmittedDelivery } from './intake/second-recipient.ts';
import type { SecondDeliveryAnswer } from './settlement/cosign/cosign-state.ts';
import type { WitnessAnswer, WitnessAsk } from './witness/answer-witness.ts';

/**
 * The functions below convert wire messages to the arguments of the steps and back. Each throws a Refusal if a part is
 * missing.
 */
export function readOrder(order: SignedOrderMessage | undefined): SignedOrder {
  if (order === undefined) throw new Refusal('invalid', 'the order is missing');
  return order;
}

/** Reads a submission, or a provider's statement that none will come. @throws Refusal */
export function readHanded(pushed: PushRecordRequest): HandedReply | EndedOrder {
  const { order, record, end } = pushed;
  if (end === undefined) return readSubmission(pushed);
  if (record !== undefined) throw new Refusal('invalid', 'an ended order has no record');
  return { order: readOrder(order), end };
}

export function readSubmission(pushed: PushRecordRequest): HandedReply {
  const { order, record, header, headerProof, payeeWord, progress, evidence, cohort } = pushed;
  if (order === undefined || record === undefined) throw new Refusal('invalid', 'order or record is missing');
  const claimed = { order, record, header, headerProof, payeeWord, progress, evidence, cohort };
  const { request, endpoint, response, requestSummary, responseSummary } = pushed;
  const hasTexts = request.length > 0 || endpoint !== '' || response.length > 0;
  if (requestSummary.length === 0) return { ...claimed, request, endpoint, response };
  if (hasTexts) throw new Refusal('invalid', 'a reply has either its texts or their summaries');
  return { ...claimed, requestSummary, responseSummary };
}

/** Reads the unsealed fields that come with a sealed part: no text and no opening. @throws Refusal */
export function readClaimedPart(submission: HandedReply, opening: Uint8Array): ClaimedPart {
  if (isBare(submission)) throw new Refusal('invalid', 'a part has no summaries');
  const { request, endpoint, response, ...claimed } = submission;
  const hasTexts = request.length > 0 || endpoint !== '' || response.length > 0 || opening.length > 0;
  if (hasTexts) throw new Refusal('invalid', 'a part is either sealed or plain');
  return claimed;
}

export function readTexts(texts: ReplyTextsMessage | undefined): ReplyTexts | undefined {
  return texts && { request: texts.request, endpoint: texts.endpoint, response: texts.response };
}

export function readDelivered(request: AcknowledgeRequest): SubmittedDelivery {
  const { order, delivery, record, header, headerProof, admission, tookMs } = request;
  if (order === undefined || delivery === undefined || record === undefined) {
    throw new Refusal('invalid', 'order, delivery or record is missing');
  }
  const { providerKey, signature } = record;
  const bound = { record: record.record, providerKey, signature, header, headerProof };
  return { order, delivery, bound, admission, tookMs };
}

export function writeDelivered({
  order,
  delivery,
  bound,
}: DeliveredReply): MessageInitShape<typeof AcknowledgeRequestSchema> {
  const { record, providerKey, signature, header, headerProof } = bound;
  return { order, delivery, record: { record, providerKey, signature }, header, headerProof: [...headerProof] };
}

/** Reads the answer of a second recipient. An answer with missing parts counts as none. */
export function readSecondDeliveryAnswer({
  replyId,
  delivery,
  record: bound,
}: HeardDeliveryMessage): SecondDeliveryAnswer[] {
  if (delivery === undefined || bound?.record === undefined) return [];
  const { record, header, headerProof } = bound;
  return [{ replyId, signed: delivery, bound: { ...record, header, headerProof } }];
}

export function writeSecondDeliveryAnswer({
  replyId,
  signed,
  bound,
}: SecondDeliveryAnswer): MessageInitShape<typeof HeardDeliverySchema> {
  const { record, providerKey, signature, header, headerProof } = bound;
  const written = { record: { record, providerKey, signature }, header, headerProof: [...headerProof] };
  return { replyId, delivery: signed, record: written };
}

export function readWitnessAsk({ order, about }: WitnessRequest): WitnessAsk {
  const signed = readOrder(order);
  if (about.case === 'consent') return { order: signed, asked: 'record', consent: about.value };
  if (about.case === 'job') {
    const { verifierId, keyHash, job } = about.value;
    if (job === undefined) throw new Refusal('invalid', 'the job is missing');
    return { order: signed, asked: 'commitment', verifierId, keyHash, job };
  }
  if (about.case === 'report') {
    const { commitment: committed, ...asked } = about.value;
    if (committed === undefined) throw new Refusal('invalid', 'the commitment is missing');
    return { order: signed, asked: 'report', ...asked, committed };
  }
  if (about.case === undefined || about.value.record === undefined) {
    throw new Refusal('invalid', 'the subject of the question is missing');
  }
  const { record, header, headerProof, withTexts, intake, rows } = about.value;
  if (withTexts && intake === undefined) throw new Refusal('invalid', 'the receipt for the record is missing');
  const bound = { ...record, header, headerProof };
  if (rows.length !== 0 && rows.length !== 32) throw new Refusal('invalid', 'the root of rows has 32 bytes');
  const wanted = { intake: withTexts ? intake : undefined, rows: rows.length === 0 ? undefined : rows };
  return { order: signed, asked: 'opening', bound, ...wanted };
}

export const toTextsMessage = ({ replyId, intake }: TextsQuestion): MessageInitShape<typeof GetTextsRequestSchema> => ({
  replyId,
  ...(intake && { intake }),
});

export function writeWitnessAsk(ask: WitnessAsk): MessageInitShape<typeof WitnessRequestSchema> {
  const { order } = ask;
  if (ask.asked === 'record') return { order, about: { case: 'consent', value: ask.consent } };
  if (ask.asked === 'commitment') {
    const { verifierId, keyHash, job } = ask;
    return { order, about: { case: 'job', value: { verifierId, keyHash, job } } };
  }
  if (ask.asked === 'report') {
    const { verifierId, keyHash, jobId, inputsHash, committed: commitment, round, word } = ask;
    const value = { verifierId, keyHash, jobId, inputsHash, commitment, round: [...round], word };
    return { order, about: { case: 'report', value } };
  }
  const { record, providerKey, signature, header, headerProof } = ask.bound;
  const { intake, rows } = ask;
  const parts = { withTexts: intake !== undefined, ...(intake && { intake }), ...(rows && { rows }) };
  const bound = { record: { record, providerKey, signature }, header, headerProof: [...headerProof], ...parts };
  return { order, about: { case: 'record', value: bound } };
}

export function readWitnessAnswer({ answer }: WitnessAnswerMessage): WitnessAnswer {
  if (answer.case === 'silence') {
    const { isRefused, epoch, timeMs, signature } = answer.value;
    return { kind: 'silence', isRefused, epoch, timeMs: Number(timeMs), signature };
  }
  if (answer.case === 'opening') {
    const { opening, blobs, mediaParts: media } = answer.value;
    const texts = readTexts(answer.value.texts);
    const beside = { ...(blobs.length > 0 && { blobs }), ...(media.length > 0 && { media }) };
    return { kind: 'opening', opening, ...(texts && { texts }), ...beside };
  }
  if (answer.case === 'commitment') return { kind: 'commitment', committed: answer.value };
  if (answer.case === 'report') return { kind: 'report', opened: answer.value };
  if (answer.case === 'record') return { kind: 'record', submission: readHanded(answer.value) };
  if (answer.case === 'taken') return { kind: 'taken' };
  return { kind: 'waiting' };
}

export function writeWitnessAnswer(answer: WitnessAnswer): MessageInitShape<typeof WitnessAnswerSchema> {
  if (answer.kind === 'silence') {
    const { kind: _kind, timeMs, ...told } = answer;
    return { answer: { case: 'silence', value: { ...told, timeMs: BigInt(timeMs) } } };
  }
  if (answer.kind === 'opening') {
    const { opening, texts, blobs = [], media: mediaParts = [] } = answer;
    return { answer: { case: 'opening', value: { opening, ...(texts && { texts }), blobs, mediaParts } } };
  }
  if (answer.kind === 'commitment') return { answer: { case: 'commitment', value: answer.committed } };
  if (answer.kind === 'report') return { answer: { case: 'report', value: answer.opened } };
  if (answer.kind !== 'record') return { answer: { case: answer.kind, value: {} } };
  const { submission } = answer;
  if (isEnded(submission)) return { answer: { case: 'record', value: { ...submission } } };
  return { answer: { case: 'record', value: { ...submission, headerProof: [...submission.headerProof] } } };
}
