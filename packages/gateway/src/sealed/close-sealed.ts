import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { ChainView } from '@ogong/host/views/chain-view';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import { MAX_HEADER_BYTES } from '@ogong/protocol/commitment/opening';
import { MAX_RECORD_BYTES } from '@ogong/protocol/commitment/record';
import { FeeError } from '@ogong/protocol/exchange/fee';
import { MAX_COHORT_AGREEMENT_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { signProgress } from '@ogong/protocol/exchange/progress';
import type { Finished, Milestone } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SettlementType } from '@ogong/protocol/http/routes';
import type { EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { isOwnEvidence } from '@ogong/protocol/tier/evidence';
import { type BoundRecord, ClaimError, openBoundMilestone, openBoundRecord } from '@ogong/protocol/verdict/claim';
import type { ChannelLedger, HeldRecord } from '../books/channel-ledger.ts';
import {
  type BillContext,
  buildReceipt,
  computeHeldRecord,
  createDelivery,
  type DeliveryContext,
  type KeepContext,
  listSecondRecipients,
} from '../buy/check/check-reply.ts';
import type { PayingKey, ProviderAttempt } from '../buy/reply.ts';
import { accuseProvider, type ReportContext, reportBroken, reportToRouter } from '../buy/report-attempt.ts';
import type { ValidatorChoice } from '../buy/validator-choice.ts';
import type { DeliveryOutbox } from '../outbox/delivery-outbox.ts';
import type { MilestoneOutbox } from '../outbox/milestone-outbox.ts';
import { readOrder } from '../outbox/read-order.ts';
import type { SealedEnd } from './follow-sealed.ts';
import { SealedBreach } from './pass-sealed.ts';

/** A whole sealed reply that this gateway passed on. Only its client knows the text. */
export interface SealedPassage extends Required<Pick<SealedEnd, 'tookMs' | 'firstMs'>> {
  readonly endpoint: EndpointName;
  readonly request: CommonRequest;
  readonly settlementType: SettlementType;
  readonly attempt: ProviderAttempt;
  readonly record: NonNullable<SealedEnd['finished']['record']>;
  readonly header: Uint8Array;
  readonly admission: NonNullable<SealedEnd['finished']['admission']>;
  /** The payer's last signed progress: it decides the fee of a reply longer than a window. */
  readonly progress: Parameters<typeof buildReceipt>[2]['progress'];
  readonly receipt: Receipt;
}

/** Services for the complaint of a client about a sealed reply. */
export type ComplainContext = Pick<ReportContext, 'complaints' | 'ledger' | 'onFault'> & {
  readonly ledger: Pick<ChannelLedger, 'noteFailure'>;
};

/** Services for delivering a sealed reply that its client has checked. */
export type DeliverContext = KeepContext &
  DeliveryContext &
  ReportContext & {
    readonly chain: Pick<ChainView, 'validators'>;
    readonly deliveries: Pick<DeliveryOutbox, 'put'>;
    readonly validators: Pick<ValidatorChoice, 'noteAdmitted'>;
  };

/** Services for keeping the checked part of a sealed reply that broke off. */
export type KeepPartContext = KeepContext & ReportContext & { readonly milestones: Pick<MilestoneOutbox, 'put'> };

/** A client's statement about a reply that it has checked. */
export interface HeldSealed {
  /** Proof that the header is leaf 0 of the record's commitment. */
  readonly headerProof: readonly Uint8Array[];
  readonly responseBytes: number;
}

const NOTHING = new Uint8Array();
/** A hybrid key and a hybrid signature are shorter. */
const MAX_SIGNED_LENGTH = 8_192;

/** @throws ApiError if the provider's end lacks a part; the validator receives a complaint. */
export async function keepPassed(
  context: ReportContext & BillContext,
  asked: Pick<SealedPassage, 'endpoint' | 'request' | 'settlementType' | 'attempt' | 'progress'>,
  { finished, tookMs, firstMs }: SealedEnd,
): Promise<SealedPassage> {
  const { record, admission, header, evidence, cohort } = finished;
  const { attempt, endpoint } = asked;
  if (record === undefined || admission === undefined || isTooLong(finished, attempt)) {
    await accuseProvider(context, attempt, { reason: 'abandoned' });
    const missing = record === undefined ? 'a record' : admission ? 'a header that fits' : "its validator's admission";
    throw new SealedBreach(`The provider finished without ${missing}.`);
  }
  const receipt = buildReceipt(
    context,
    { endpoint },
    { attempt, admission, record, opening: NOTHING, progress: asked.progress, evidence, cohort },
  );
  return { ...asked, record, header, admission, receipt, tookMs, firstMs };
}

/** Whether a field is longer than necessary. The end is kept until the client has checked the reply. */
const isTooLong = (
  { record, header, admission, evidence, cohort }: Finished,
  { match }: Pick<ProviderAttempt, 'match'>,
): boolean =>
  header.length > MAX_HEADER_BYTES ||
  cohort.length > MAX_COHORT_AGREEMENT_BYTES ||
  (record?.record.length ?? 0) > MAX_RECORD_BYTES ||
  (record?.providerKey.length ?? 0) + (record?.signature.length ?? 0) > MAX_SIGNED_LENGTH ||
  (admission?.signature.length ?? 0) > MAX_SIGNED_LENGTH ||
  !isOwnEvidence(parseModelId(match.ticket.modelId).tier, evidence);

/**
 * The client rejects the reply. Within the client's ration it is audited, and it is paid unless the audit finds a fault. A complaint of one client keeps the
 * provider from its own account. Complaints of several accounts keep it from others too (see DoubtedProviders).
 * @returns false if the complaint is beyond the client's ration.
 */
export async function complainOfSealed(
  context: ComplainContext,
  { attempt, record }: Pick<SealedPassage, 'attempt' | 'record'>,
  { reason, key }: { readonly reason: string; readonly key: PayingKey },
): Promise<boolean> {
  const replyId = toHex(attempt.replyId);
  context.onFault?.(reason, attempt.match.ticket.providerId);
  const isSent = await context.complaints.put(attempt.validator, {
    order: attempt.order,
    reason,
    record,
    claimant: key,
  });
  await context.ledger.noteFailure(replyId, { code: 'ogong_check_failed', reason, shownBytes: 0 });
  await context.ledger.abandon(replyId);
  return isSent;
}

/**
 * The client has checked the reply. This gateway delivers its statement to the validators, and keeps the receipt.
 * @throws ApiError if the record is invalid.
 */
export async function deliverSealed(context: DeliverContext, passed: SealedPassage, held: HeldSealed): Promise<void> {
  const { attempt, admission, receipt, settlementType, tookMs, firstMs, record, header: bytes } = passed;
  const replyId = toHex(attempt.replyId);
  const bound = { ...record, header: bytes, headerProof: held.headerProof };
  const { header, billed } = readPassed(context, passed, { bound, responseBytes: held.responseBytes });
  const { promptTokenCount: promptTokens, outputTokenCount: outputTokens } = header;
  const stored = { replyId, receipt, request: NOTHING, response: NOTHING, checks: [], settlementType };
  const delivery = createDelivery(context, attempt, { admission, record: bound, promptTokens, outputTokens, tookMs });
  await Promise.all([
    context.receipts.put(stored, context.clock.nowMs()),
    context.deliveries.put([attempt.validator, ...listSecondRecipients(context, attempt)], delivery),
    context.ledger.deliver(replyId, billed),
  ]);
  context.validators.noteAdmitted(attempt.validator);
  reportToRouter(context, attempt, { outcome: 'ok', outputTokens, tookMs, firstTokenMs: firstMs });
}

/** @throws ApiError */
function readPassed(
  context: BillContext,
  { attempt, endpoint, request, progress, record }: SealedPassage,
  { bound, responseBytes }: { readonly bound: BoundRecord; readonly responseBytes: number },
): { readonly header: CommonHeader; readonly billed: HeldRecord } {
  return holding(() => {
    const order = readOrder(context.chain.ledger, attempt.order);
    const { header } = openBoundRecord(crypto, order, bound);
    const seen = { record, header, response: { sizeBytes: responseBytes }, progress };
    return { header, billed: computeHeldRecord(context, { endpoint, request }, attempt, seen) };
  });
}

/** A client's part of a reply that broke off. */
export interface HeldPart {
  /** The milestone as it arrived, without its windows. */
  readonly milestone: Milestone;
  readonly headerProof: readonly Uint8Array[];
  /** hashBeginning of its text. */
  readonly textHash: Uint8Array;
  /** Its texts and its opening, sealed to the validator. */
  readonly sealed: Uint8Array;
}

/**
 * The provider died, or spoiled a later unit. It is paid for the signed part that the client has checked. This gateway signs for
 * that part, keeps its receipt, and delivers the sealed part to the validator.
 * @throws ApiError if the milestone is invalid.
 */
export async function keepSealedPart(
  context: KeepPartContext,
  {
    attempt,
    endpoint,
    request,
    settlementType,
  }: Pick<SealedPassage, 'attempt' | 'endpoint' | 'request' | 'settlementType'>,
  { milestone, headerProof, textHash, sealed }: HeldPart,
): Promise<Receipt> {
  const { record, header: bytes, admission, textBytes, payeeWord } = milestone;
  if (record === undefined || admission === undefined) {
    throw new ApiError('invalid_request', 'The milestone has no record, or no admission.', { param: 'milestone' });
  }
  const { chain, payer } = context;
  const { ledger } = chain;
  const order = readOrder(ledger, attempt.order);
  const { orderHash } = order;
  const progress = signProgress(crypto, payer, { ledger, orderHash, textBytes, textHash, hasLeft: true });
  const bound = { ...record, header: bytes, headerProof };
  const billed = holding(() => {
    const { header } = openBoundMilestone(crypto, order, bound);
    const seen = { record, header, response: { sizeBytes: textBytes }, progress };
    return computeHeldRecord(context, { endpoint, request }, attempt, seen);
  });
  const receipt = buildReceipt(context, { endpoint }, { attempt, admission, record, opening: NOTHING, progress });
  const replyId = toHex(attempt.replyId);
  const stored = { replyId, receipt, request: NOTHING, response: NOTHING, checks: [], settlementType };
  const claimed = { order: attempt.order, record, header: bytes, headerProof: [...headerProof], payeeWord, progress };
  await Promise.all([
    context.receipts.put(stored, context.clock.nowMs()),
    context.ledger.deliver(replyId, billed),
    context.milestones.put(attempt.validator, { push: claimed, sealed }),
  ]);
  reportBroken(context, attempt);
  return receipt;
}

/** @throws ApiError if the client's part is invalid. */
function holding<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const isKnown = cause instanceof ClaimError || cause instanceof ProtocolError || cause instanceof FeeError;
    if (!isKnown) throw cause;
    throw new ApiError('invalid_request', `The record does not hold: ${cause.message}.`, { cause });
  }
}
