import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import { drawSecondRecipients } from '@ogong/protocol/audit/second-recipients';
import { toHex } from '@ogong/protocol/base/bytes';
import { isOk, pass } from '@ogong/protocol/base/checks';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { signDelivery } from '@ogong/protocol/exchange/delivery';
import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { withOrderKeys } from '@ogong/protocol/exchange/order-key-grants';
import type { ProgressedText, SignedProgress } from '@ogong/protocol/exchange/progress';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { addPublishedRoot } from '@ogong/protocol/stage1/published-root';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { pickEvidence } from '@ogong/protocol/tier/evidence';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import { type BoundRecord, bindRecord } from '@ogong/protocol/verdict/claim';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { computeBilledFee, readProgress } from '@ogong/protocol/verdict/reply-fee';
import type { ChannelLedger, HeldRecord } from '../../books/channel-ledger.ts';
import type { ReceiptStore, StoredReply } from '../../books/receipt-store.ts';
import type { DeliveryOutbox, OutboxDelivery } from '../../outbox/delivery-outbox.ts';
import { readOrder } from '../../outbox/read-order.ts';
import { BlobsWithheld, createBlobReader, fetchReplayBlobs, type HeldBlob } from '../fetch-blobs.ts';
import { grantOf, type PayingSigner } from '../paying-signer.ts';
import type { PromptMeter } from '../prompt-meter.ts';
import type { ProviderCall } from '../provider-call.ts';
import type { BoughtAnswer, ProviderAnswer, ProviderAttempt, ReplyJob } from '../reply.ts';
import { accuseProvider, type ComplaintEvidence, type ReportContext, reportToRouter } from '../report-attempt.ts';
import type { ValidatorChoice } from '../validator-choice.ts';
import { recoverAdmission } from './ordered-crypto.ts';
import type { ReceiptChecker } from './receipt-checker.ts';
import type { ReadBlob } from './walk-receipt.ts';

/** Services for checking a receipt by stage 1. */
export interface VerifyContext {
  readonly chain: Pick<ChainView, 'ledger' | 'network' | 'generations'>;
  readonly payer: PayingSigner;
  readonly checker: ReceiptChecker;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Published weights. Default: a provider's claim about its weights is believed. */
  readonly modelRoots?: ModelRoots;
  /** Machines of tier `tee` that this gateway believes. */
  readonly machinePolicy?: MachinePolicy | undefined;
}

/** Services for computing the fee of a reply. */
export interface BillContext {
  readonly chain: Pick<ChainView, 'ledger'>;
  readonly payer: PayingSigner;
}

/** Services for keeping a checked reply or a part of one. */
export interface KeepContext extends BillContext {
  readonly receipts: Pick<ReceiptStore, 'put'>;
  readonly ledger: Pick<ChannelLedger, 'deliver'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Services for the delivery statement about a reply. */
export interface DeliveryContext extends BillContext {
  readonly beacon: Pick<BeaconView, 'latest'>;
}

interface ReplyServices {
  readonly chain: Pick<ChainView, 'validators'>;
  readonly providers: Pick<ProviderCall, 'getOpening' | 'getBlob'>;
  readonly validators: Pick<ValidatorChoice, 'noteAdmitted'>;
  readonly prompts: PromptMeter;
  readonly deliveries: Pick<DeliveryOutbox, 'put'>;
}

/** Services for checking a whole reply. */
export type CheckContext = ReplyServices & VerifyContext & KeepContext & DeliveryContext & ReportContext;

type SignedRecord = NonNullable<ProviderAnswer['finished']['record']>;

/** Reason of a complaint about a prompt that is billed with unusually many tokens. */
const ODD_PROMPT = 'odd-prompt';
/** Time that a busy provider has to open an answer that has arrived. After it the answer is rejected. */
const OPENING_PATIENCE_MS = 30_000;

/**
 * Checks one reply by stage 1. A reply that passes is stored and marked as delivered.
 * @throws ApiError if the provider is at fault.
 */
export async function checkReply<R extends BoughtAnswer>(
  context: CheckContext,
  job: ReplyJob<CommonRequest, R>,
  { attempt, answer }: { readonly attempt: ProviderAttempt; readonly answer: ProviderAnswer },
): Promise<R> {
  const { record, admission, cohort, evidence: own } = answer.finished;
  if (record === undefined || admission === undefined) {
    await accuseProvider(context, attempt, { reason: 'abandoned' });
    throw new ApiError(
      'provider_failed',
      `The provider finished without ${record === undefined ? 'a record' : "its validator's admission"}.`,
    );
  }
  const opening = answer.opening ?? (await fetchOpening(context, attempt, record));
  const evidence = { record, opening: { opening } };
  const response = job.form.toResponse(answer);
  // A reply that fits into one window is paid without signed progress. Exceptions: a cut reply, and a standby order.
  const isStandby = job.request.demands.standbyPer1kAtomic !== undefined;
  const isCut = answer.finished.stopReason === 'cancelled';
  const isPaidBy = isStandby || isCut || response.length > PROGRESS_WINDOW_BYTES;
  const progress = isPaidBy ? answer.progress : undefined;
  const receipt = buildReceipt(context, job, { attempt, admission, record, opening, progress, cohort, evidence: own });
  const readBlob = createBlobReader(context.providers, attempt, { endpoint: job.endpoint, opening });
  const heldBlobs = readBlob ? [] : await fetchBlobs(context, attempt, { endpoint: job.endpoint, evidence });
  const verified = verifyReply(context, job, { attempt, receipt, response, heldBlobs, readBlob });
  const verdict = excuseBeacon(
    await verified.catch(async (error: unknown) => {
      throw error instanceof BlobsWithheld ? await accuseWithheld(context, attempt, { evidence, cause: error }) : error;
    }),
  );
  const failed = verdict.ok ? undefined : toFailure(verdict);
  if (failed) throw await rejectReply(context, attempt, { ...failed, evidence });
  context.validators.noteAdmitted(attempt.validator);

  const opened = parseOpening(opening);
  const header = findModality(job.endpoint).parseHeader(opened.header);
  const { promptTokenCount: promptTokens, outputTokenCount: outputTokens } = header;
  const replyId = toHex(attempt.replyId);
  const { checks } = verdict;
  const { tookMs, firstMs } = answer;
  const timing = { tookMs, firstMs };
  const checked = { choice: job.index ?? job.choice, replyId, promptTokens, outputTokens, timing, receipt, checks };
  const read = job.form.read(checked, answer, opened);
  if ('failed' in read) throw await rejectReply(context, attempt, { ...read.failed, evidence });

  const { body: request, settlementType } = job;
  const stored = { replyId, receipt, request, response, checks, settlementType };
  await Promise.all([
    context.receipts.put(stored, context.clock.nowMs()),
    context.deliveries.put(
      [attempt.validator, ...listSecondRecipients(context, attempt)],
      createDelivery(context, attempt, {
        ...{ admission, record: bindRecord(crypto, record, opening), promptTokens, outputTokens },
        tookMs,
      }),
    ),
    context.ledger.deliver(replyId, computeHeldRecord(context, job, attempt, { record, header, response, progress })),
  ]);
  reportToRouter(context, attempt, { outcome: 'ok', outputTokens, tookMs, firstTokenMs: firstMs });
  const metered = { providerId: toHex(attempt.match.ticket.providerId), requestBytes: job.body.length, promptTokens };
  if (context.prompts.isOdd({ model: job.request.model, ...metered })) {
    // The answer is good as far as anybody can see here. Only an audit counts the prompt again.
    context.onFault?.(ODD_PROMPT, attempt.match.ticket.providerId);
    // A client can write such prompts.
    const complaint = { order: attempt.order, reason: ODD_PROMPT, ...evidence, claimant: job.key };
    await context.complaints.put(attempt.validator, complaint);
  }
  return read.reply;
}

/** @throws ApiError if the provider does not open its commitment. */
async function fetchOpening(
  context: CheckContext,
  attempt: ProviderAttempt,
  record: SignedRecord,
): Promise<Uint8Array> {
  try {
    return await context.providers.getOpening(attempt.match, attempt.replyId, OPENING_PATIENCE_MS);
  } catch (cause) {
    await accuseProvider(context, attempt, { reason: 'opening-withheld', evidence: { record } });
    throw createCheckFailed('the provider withholds the opening of its commitment', cause);
  }
}

/** @throws ApiError if the provider does not deliver the blobs that its opening names. */
async function fetchBlobs(
  context: CheckContext,
  attempt: ProviderAttempt,
  {
    endpoint,
    evidence,
  }: Pick<ReplyJob, 'endpoint'> & {
    readonly evidence: ComplaintEvidence & Pick<Required<ComplaintEvidence>, 'opening'>;
  },
): Promise<readonly HeldBlob[]> {
  try {
    return await fetchReplayBlobs(context.providers, attempt, { endpoint, ...evidence.opening });
  } catch (cause) {
    throw await accuseWithheld(context, attempt, { evidence, cause });
  }
}

async function accuseWithheld(
  context: CheckContext,
  attempt: ProviderAttempt,
  { evidence, cause }: { readonly evidence: ComplaintEvidence; readonly cause: unknown },
): Promise<ApiError> {
  await accuseProvider(context, attempt, { reason: 'blob-withheld', evidence });
  return createCheckFailed('the provider withholds values that its commitment names', cause);
}

/** Keeps the receipt of a part of an answer that passed stage 1, and the fee for it. */
export async function keepReply(
  context: KeepContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  attempt: ProviderAttempt,
  part: Pick<StoredReply, 'receipt' | 'response' | 'checks'> & Parameters<typeof computeHeldRecord>[3],
): Promise<void> {
  const { receipt, response, checks } = part;
  const replyId = toHex(attempt.replyId);
  const { body: request, settlementType } = job;
  const stored = { replyId, receipt, request, response, checks, settlementType };
  await Promise.all([
    context.receipts.put(stored, context.clock.nowMs()),
    context.ledger.deliver(replyId, computeHeldRecord(context, job, attempt, part)),
  ]);
}

/** Computes the ledger's entry for a reply that passed stage 1. */
export function computeHeldRecord(
  { chain: { ledger }, payer }: BillContext,
  {
    endpoint,
    request,
    body,
  }: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'endpoint' | 'request'> & {
    readonly body?: Uint8Array;
  },
  { order }: Pick<ProviderAttempt, 'order'>,
  held: {
    readonly record: SignedRecord;
    readonly header: CommonHeader;
    /** The response, or its length if the gateway does not see it. */
    readonly response: Uint8Array | { readonly sizeBytes: number };
  } & Pick<ProviderAnswer, 'progress'>,
): HeldRecord {
  const { record, header, response } = held;
  const named = readOrder(ledger, order);
  const text = toProgressed(response, named, body);
  const known = withOrderKeys(crypto, grantOf(payer, named));
  const progress = held.progress && readProgress(known, { ledger, order: named }, held.progress, text);
  return {
    recordHash: toHex(hashRecord(crypto, record.record)),
    promptTokens: header.promptTokenCount,
    outputTokens: header.outputTokenCount,
    feeAtomic: computeBilledFee(findModality(endpoint), {
      order: named,
      request,
      header,
      responseBytes: 'sizeBytes' in response ? response.sizeBytes : response.length,
      progress,
    }),
  };
}

function toProgressed(
  response: Uint8Array | { readonly sizeBytes: number },
  { replyId }: Pick<NamedOrder, 'replyId'>,
  body: Uint8Array | undefined,
): ProgressedText {
  if ('sizeBytes' in response) return response;
  if (body === undefined) return { sizeBytes: response.length };
  return { blind: computeBlinds(crypto, { body, replyId }).answer, text: response };
}

/** Lists the other validators that receive the delivery, so that the handling validator cannot hide it. */
export function listSecondRecipients(
  { chain }: { readonly chain: Pick<ChainView, 'ledger' | 'validators'> },
  { order, beacon }: Pick<ProviderAttempt, 'order' | 'beacon'>,
): Uint8Array[] {
  const named = readOrder(chain.ledger, order);
  const recipients = drawSecondRecipients(crypto, { beacon: beacon.value, order: named }, chain.validators());
  return recipients.map(({ address }) => address);
}

/** Signs this gateway's statement that it received the reply. */
export function createDelivery(
  { chain: { ledger }, beacon, payer }: DeliveryContext,
  { order }: Pick<ProviderAttempt, 'order'>,
  held: {
    readonly admission: SignedAdmission;
    readonly record: BoundRecord;
    readonly tookMs: number;
  } & Pick<BoughtAnswer, 'promptTokens' | 'outputTokens'>,
): OutboxDelivery {
  const { record, header, headerProof, providerKey, signature: signed } = held.record;
  const delivery = signDelivery(crypto, payer, {
    ledger,
    orderHash: readOrder(ledger, order).orderHash,
    recordHash: hashRecord(crypto, record),
    promptTokenCount: held.promptTokens,
    outputTokenCount: held.outputTokens,
    epoch: beacon.latest().epoch,
  });
  const { epoch, timeMs, signature } = held.admission;
  const admission = { epoch, timeMs, signature };
  return {
    order,
    delivery,
    record: { record, providerKey, signature: signed },
    header,
    headerProof: [...headerProof],
    admission,
    tookMs: held.tookMs,
  };
}

/** Builds the receipt: all that was signed for one reply, in one document. */
export function buildReceipt(
  { chain }: Pick<BillContext, 'chain'>,
  { endpoint }: Pick<ReplyJob, 'endpoint'>,
  {
    attempt: { order, match, beacon, machines },
    admission: { epoch, timeMs, signature: admitted },
    record,
    opening,
    progress,
    cohort,
    evidence: own = {},
  }: {
    readonly attempt: Pick<ProviderAttempt, 'order' | 'match' | 'beacon' | 'machines'>;
    readonly admission: SignedAdmission;
    readonly record: SignedRecord;
    readonly opening: Uint8Array;
    readonly progress?: SignedProgress | undefined;
    /** The agreement of a cohort as its leader sent it. Default: one provider served alone. */
    readonly cohort?: Uint8Array | undefined;
    /** The tier's own evidence as its provider sent it. Default: none. */
    readonly evidence?: EvidenceParts;
  },
): Receipt {
  const { ticket, routerKey, signature } = match.signed;
  const evidence = new Map([...pickEvidence(parseModelId(match.ticket.modelId).tier, own), ...(machines ?? [])]);
  return {
    endpoint,
    ledger: chain.ledger,
    order: { bytes: order.order, signature: order.signature },
    ticket: { bytes: ticket, publicKey: routerKey, signature },
    admission: { epoch, timeMs, signature: admitted },
    record: { bytes: record.record, publicKey: record.providerKey, signature: record.signature },
    beacon: beacon.certificate,
    opening: { bytes: opening },
    ...(evidence.size > 0 && { evidence }),
    ...(progress && { progress: { bytes: progress.progress, signature: progress.signature } }),
    ...(cohort?.length && { cohort }),
  };
}

/** Verifies a receipt in the child process that reads bytes from strangers. */
export async function verifyReply(
  { chain, modelRoots, machinePolicy, checker, clock, payer }: VerifyContext,
  { body }: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'body'>,
  {
    attempt,
    receipt,
    response,
    heldBlobs,
    readBlob,
  }: {
    readonly attempt: Pick<ProviderAttempt, 'validators'>;
    readonly receipt: Receipt;
    readonly response: Uint8Array;
    /** Default: stage 1 reads no blob. */
    readonly heldBlobs?: readonly HeldBlob[];
    /** Default: no blob is read one after another. */
    readonly readBlob?: ReadBlob | undefined;
  },
) {
  const order = readOrder(chain.ledger, { order: receipt.order.bytes });
  const given = {
    ledger: chain.ledger,
    settlement: chain.network.settlement,
    validators: attempt.validators,
    generations: chain.generations(),
    orderKeys: grantOf(payer, order),
    // router: the ticket came over a link with a pinned certificate.
    // intake: the validator signs for the record later, and no reply waits for that.
    // model-root: the operator chose to believe providers about their weights.
    allow: ['router', 'intake', ...(modelRoots === undefined ? ['model-root'] : [])],
  };
  const trust = modelRoots === undefined ? given : await addPublishedRoot(given, receipt, modelRoots.find);
  const job = { receipt, request: body, response, heldBlobs, readBlob, trust, nowMs: clock.nowMs(), machinePolicy };
  return checker.check({ ...job, isOrdered: true, admitted: recoverAdmission(crypto, receipt, order) });
}

/**
 * Excuses a failed beacon check. This gateway read the certificate itself and it was valid then. Validators that left since then are
 * no fault of the provider.
 */
export function excuseBeacon(verdict: ReceiptVerdict): ReceiptVerdict {
  const isOut = ({ id, status }: ReceiptVerdict['checks'][number]): boolean => id === 'beacon' && status === 'fail';
  if (!verdict.checks.some(isOut)) return verdict;
  const read = pass('beacon', 'certified when it was read; the validators have changed since');
  const checks = verdict.checks.map((one) => (isOut(one) ? read : one));
  return { ...verdict, checks, ok: isOk(checks) && verdict.missing.length === 0 };
}

/** Returns the first failed check. If none failed, nothing could be checked, which is not a pass either. */
export function toFailure({ checks }: Pick<ReceiptVerdict, 'checks'>): {
  readonly id: string;
  readonly detail: string;
} {
  const failed = checks.find(({ status }) => status === 'fail');
  return failed ?? { id: 'no-check-passed', detail: 'nothing could be checked' };
}

async function rejectReply(
  context: ReportContext,
  attempt: ProviderAttempt,
  { id, detail, evidence }: { readonly id: string; readonly detail: string; readonly evidence: ComplaintEvidence },
): Promise<ApiError> {
  await accuseProvider(context, attempt, { reason: id, evidence });
  return createCheckFailed(`${id}: ${detail}`);
}

function createCheckFailed(why: string, cause?: unknown): ApiError {
  return new ApiError(
    'ogong_check_failed',
    `The reply failed its check and is not paid for: ${why}. The validators were informed.`,
    { cause },
  );
}
