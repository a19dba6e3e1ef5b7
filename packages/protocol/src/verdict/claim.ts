import { equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import type { Check } from '../base/checks.ts';
import { computeBlinds, hashBlind } from '../commitment/blinds.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import { computeCommitment, MAX_HEADER_BYTES, parseOpening } from '../commitment/opening.ts';
import { MAX_RECORD_BYTES, parseRecordV2, type RecordV2 } from '../commitment/record.ts';
import { hashResponse, parseResponseSummary } from '../commitment/response-hash.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { hashLeaf, verifyInclusion } from '../crypto/merkle.ts';
import type { SignedEnd } from '../exchange/ending/order-end.ts';
import { assertFeeFloor, FeeError } from '../exchange/fee.ts';
import { MAX_ORDER_BYTES, MAX_REQUEST_BYTES } from '../exchange/limits.ts';
import { findNamedRoot } from '../exchange/named-root.ts';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder, verifyOrder } from '../exchange/order.ts';
import type { Progress, ProgressedText, SignedProgress } from '../exchange/progress.ts';
import type { CommonRequest, Modality } from '../modality/modality.ts';
import { findHeaderModality, findModality } from '../modality/registry.ts';
import { hashReadRequest } from '../modality/request-hash.ts';
import { RequestError } from '../modality/shared/request-error.ts';
import { findWeakness } from '../modality/shared/serving-cohort.ts';
import type { CohortShard } from '../settlement/cohort.ts';
import { type CohortContext, type CohortTerms, listShards, readCohort } from '../settlement/cohort-agreement.ts';
import { checkOrder, type OrderBeacon } from '../stage1/common-checks.ts';
import { mayShowTexts } from '../tier/outcome.ts';
import { checkPosture } from '../tier/posture.ts';
import type { EvidenceParts } from '../tier/tier.ts';
import type { CheckPayeeStatement } from './payee-statements.ts';
import { computeBilledFee, isLeftAt, readProgress } from './reply-fee.ts';

/** The claim of a provider, which its payment depends on, without the texts. */
interface ClaimedReply {
  readonly order: SignedOrder;
  readonly record: SignedRecord;
  readonly header: Uint8Array;
  readonly headerProof: readonly Uint8Array[];
  /** The signature of the header's payee for the provider's key: 65 bytes, or the bytes that were sent. */
  readonly payeeWord: Uint8Array;
  /** The payer's progress statement. It is present only for a truncated reply, or for a request with a standby price. */
  readonly progress?: SignedProgress | undefined;
  /** The agreement of several providers that serve this order together (docs/spec/cohorts.md). Empty or absent if one serves alone. */
  readonly cohort?: Uint8Array;
}

/** A provider's submission, which is checked at intake. */
export interface Submission extends ClaimedReply {
  /** The consumer's exact body. */
  readonly request: Uint8Array;
  readonly endpoint: string;
  readonly response: Uint8Array;
  /** The tier's own evidence (docs/spec/tiers.md#own-evidence). Default: none. */
  readonly evidence?: EvidenceParts;
}

/**
 * The reply as co-signers receive it, without text: the parts that order and record name by their hashes
 * (docs/spec/request.md#hash).
 */
export interface SummarizedReply extends ClaimedReply {
  readonly requestSummary: Uint8Array;
  readonly responseSummary: Uint8Array;
}

/** The same as a provider's submission before any reader may see the texts. */
export interface BareSubmission extends SummarizedReply, Pick<Submission, 'evidence'> {}

/** Any submission of a provider. */
export type HandedReply = Submission | BareSubmission;

/** An order that its provider ended, in place of a reply. */
export interface EndedOrder {
  readonly order: SignedOrder;
  readonly end: SignedEnd;
}

export const isEnded = (handed: HandedReply | EndedOrder): handed is EndedOrder =>
  'end' in handed && handed.end !== undefined;

export const isBare = (handed: HandedReply): handed is BareSubmission =>
  'requestSummary' in handed && handed.requestSummary.length > 0;

export interface SignedOrder {
  readonly order: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SignedRecord {
  readonly record: Uint8Array;
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** A record with leaf 0 of its commitment, which names the order that the record is about. */
export interface BoundRecord extends SignedRecord {
  readonly header: Uint8Array;
  readonly headerProof: readonly Uint8Array[];
}

export interface Claim {
  readonly order: NamedOrder;
  readonly record: RecordV2;
  readonly header: CommonHeader;
  readonly request: CommonRequest;
  readonly feeAtomic: bigint;
  /** The shards that share the fee; empty if the provider serves alone. */
  readonly shards: readonly CohortShard[];
  /** The terms of these shards. Default: the provider serves alone. */
  readonly cohort?: CohortTerms | undefined;
}

/** A claim that was verified before it was stored, and read again. */
export type StoredClaim = Pick<Claim, 'order' | 'record' | 'header' | 'cohort'> & Pick<Submission, 'endpoint'>;

export type ClaimErrorCode =
  | 'malformed'
  | 'too-large'
  | 'order-signature'
  | 'record-signature'
  | 'wrong-provider'
  | 'wrong-reply'
  | 'wrong-model'
  | 'request-hash'
  | 'response-hash'
  | 'header-inclusion'
  | 'header-order'
  | 'token-count'
  | 'fee'
  | 'payee'
  | 'payee-word'
  | 'draw-key'
  | 'posture'
  | 'demands'
  | 'sampler'
  | 'sketch-bank'
  | 'stop-strings'
  | 'grammar'
  | 'context'
  | 'inputs'
  | 'delivery'
  | 'progress'
  | 'milestone'
  | 'complaint'
  | 'end'
  | 'response-size'
  | 'pixels'
  | 'choices'
  | 'evidence'
  | 'stake'
  | 'cohort';

export class ClaimError extends Error {
  override readonly name = 'ClaimError';
  readonly code: ClaimErrorCode;
  readonly retryable = false;
  constructor(code: ClaimErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The most hashes in the proof that a header is leaf 0 of the largest commitment. */
export const MAX_HEADER_PROOF = 13;

function demand(ok: boolean, code: ClaimErrorCode, message: string): asserts ok {
  if (!ok) throw new ClaimError(code, message);
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof ProtocolError || cause instanceof RequestError) {
      throw new ClaimError('malformed', `${what}: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

/** Verifies that the order is signed by its payer, and offers at least the least fee. @throws ClaimError */
export function verifySignedOrder(
  crypto: Crypto,
  ledger: LedgerDomain,
  { order: bytes, signature }: SignedOrder,
): NamedOrder {
  demand(bytes.length <= MAX_ORDER_BYTES, 'too-large', 'order is too long');
  const order = nameOrder(
    crypto,
    ledger,
    parsed('order', () => parseOrder(bytes)),
  );
  demand(verifyOrder(crypto, order, signature), 'order-signature', 'the order is not signed by its payer');
  assertFloor(ledger, order);
  return order;
}

function assertFloor(ledger: LedgerDomain, order: NamedOrder): void {
  try {
    assertFeeFloor(ledger, order);
  } catch (cause) {
    if (cause instanceof FeeError) throw new ClaimError('fee', cause.message, { cause });
    throw cause;
  }
}

/**
 * Verifies that the order's provider signed the record, and that it is about the same reply, model and request.
 * @throws ClaimError
 */
export function verifySignedRecord(crypto: Crypto, order: NamedOrder, signed: SignedRecord): RecordV2 {
  const record = readRecord(signed);
  assertRecordNames(record, order);
  verifyProvider(crypto, order, signed);
  return record;
}

/** @throws ClaimError */
export function assertRecordNames(record: RecordV2, order: NamedOrder): void {
  demand(equalBytes(record.replyId, order.replyId), 'wrong-reply', 'order and record name different replies');
  demand(equalBytes(record.modelRoot, order.modelRoot), 'wrong-model', 'order and record name different models');
  demand(equalBytes(record.requestHash, order.requestHash), 'request-hash', 'order and record name different requests');
}

/**
 * Verifies a record of the order's provider whose header names this very order, with any other contents. A provider signs one
 * such record for an order, so a second one is exact evidence. A record that only shares the reply id may answer another order.
 * @throws ClaimError
 */
export function verifyBoundRecord(crypto: Crypto, order: NamedOrder, bound: BoundRecord): RecordV2 {
  return openBoundRecord(crypto, order, bound).record;
}

/** Verifies the same and returns the header too. @throws ClaimError */
export function openBoundRecord(
  crypto: Crypto,
  order: NamedOrder,
  bound: BoundRecord,
): { readonly record: RecordV2; readonly header: CommonHeader } {
  const opened = readRecord(bound);
  demand(
    opened.isMilestone === undefined,
    'milestone',
    'a milestone is not the record of its reply, and contradicts none',
  );
  return openNaming(crypto, order, opened, bound);
}

/** Verifies the same for a milestone, about this reply, request and model. @throws ClaimError */
export function openBoundMilestone(
  crypto: Crypto,
  order: NamedOrder,
  bound: BoundRecord,
): { readonly record: RecordV2; readonly header: CommonHeader } {
  const opened = readRecord(bound);
  demand(opened.isMilestone !== undefined, 'milestone', 'a record of a whole reply is no milestone');
  assertRecordNames(opened, order);
  return openNaming(crypto, order, opened, bound);
}

function openNaming(
  crypto: Crypto,
  order: NamedOrder,
  record: RecordV2,
  bound: BoundRecord,
): { readonly record: RecordV2; readonly header: CommonHeader } {
  verifyProvider(crypto, order, bound);
  const modality = findHeaderModality(bound.header);
  demand(modality !== undefined, 'malformed', 'the header is of no modality that this version knows');
  const header = openHeader(crypto, modality, record, bound);
  demandCheck(checkOrder(header, order));
  return { record, header };
}

/** Binds the record of an opening to the leaf that names its order. @throws ClaimError */
export function bindRecord(crypto: Crypto, signed: SignedRecord, opening: Uint8Array): BoundRecord {
  const opened = parsed('opening', () => parseOpening(opening));
  const { record, providerKey, signature } = signed;
  const { headerProof } = computeCommitment(crypto, opened);
  return { record, providerKey, signature, header: opened.header, headerProof };
}

function readRecord({ record }: SignedRecord): RecordV2 {
  demand(record.length <= MAX_RECORD_BYTES, 'too-large', 'record is too long');
  return parsed('record', () => parseRecordV2(record));
}

/** @throws ClaimError unless the provider that the order names signed the record. */
function verifyProvider(crypto: Crypto, order: NamedOrder, signed: SignedRecord): void {
  demand(
    equalBytes(hashHybridKey(crypto, signed.providerKey), order.providerId),
    'wrong-provider',
    'the record is signed by another provider than the order names',
  );
  demand(
    verifyHybrid(crypto, { publicKey: signed.providerKey, message: signed.record, signature: signed.signature }),
    'record-signature',
    'a signature of the record does not hold',
  );
}

/** Opens the header, which must be leaf 0 of the signed commitment. @throws ClaimError */
function openHeader(
  crypto: Crypto,
  modality: Modality,
  record: RecordV2,
  { header: bytes, headerProof }: Pick<BoundRecord, 'header' | 'headerProof'>,
): CommonHeader {
  demand(bytes.length <= MAX_HEADER_BYTES, 'too-large', 'header is too large');
  demand(headerProof.length <= MAX_HEADER_PROOF, 'too-large', 'header proof is too long');
  const leaves = modality.countLeaves(record.tokenCount);
  demand(leaves > 0, 'token-count', `a reply of ${record.tokenCount} tokens`);
  const inclusion = {
    leaf: hashLeaf(crypto, bytes),
    index: 0,
    size: leaves + 1,
    proof: headerProof,
    root: record.commitRoot,
  };
  demand(verifyInclusion(crypto, inclusion), 'header-inclusion', 'the header is not leaf 0 of the signed commitment');
  return parsed('header', () => modality.parseHeader(bytes));
}

export interface ClaimContext {
  /** Domain of the escrow, for which payers sign. */
  readonly ledger: LedgerDomain;
  /** Beacon of the order's epoch. */
  readonly beacon: OrderBeacon;
  readonly checkWord: CheckPayeeStatement;
}

/**
 * Verifies everything about a reply that can be checked before it is opened.
 * @throws ClaimError naming the first check that failed.
 */
export function verifySubmission(crypto: Crypto, context: ClaimContext, submission: Submission): Claim {
  const order = verifySignedOrder(crypto, context.ledger, submission.order);
  return verifyReply(crypto, { order, ...context }, submission);
}

interface ReplyContext extends ClaimContext {
  /** An order whose signature is already verified. */
  readonly order: NamedOrder;
}

/**
 * Verifies the same without the payer's signature, which costs more than everything else. It is for the validator that admitted
 * the order.
 * @throws ClaimError naming the first check that failed; cheap checks come first.
 */
export function verifyReply(crypto: Crypto, context: ReplyContext, submission: Submission): Claim {
  assertTextSizes(submission);
  const record = verifySignedRecord(crypto, context.order, submission.record);
  // Nothing of the request is parsed before its exact bytes and the header are those of the signed record.
  const { modality, blind } = findTexts(crypto, record, submission);
  const header = openHeader(crypto, modality, record, submission);
  demandCheck(checkOrder(header, context.order));
  const request = readRequest(crypto, record, { modality, ...submission });
  const given = { record, header, modality, request, response: { blind, text: submission.response } };
  return verifyClaimed(crypto, context, submission, given);
}

/**
 * Verifies the same from summaries, for a reader without the texts. It skips two checks that need the texts: that the response
 * contains no stop string, and that the payer's progress matches its beginning (docs/adr/text-privacy.md).
 * @throws ClaimError naming the first check that failed.
 */
export function verifySummarized(crypto: Crypto, context: ReplyContext, reply: SummarizedReply): Claim {
  const { requestSummary, responseSummary } = reply;
  const record = verifySignedRecord(crypto, context.order, reply.record);
  const isSigned = (summary: Uint8Array, hash: Uint8Array): boolean => equalBytes(crypto.sha256(summary), hash);
  demand(isSigned(requestSummary, record.requestHash), 'request-hash', 'the record names another request');
  demand(isSigned(responseSummary, record.responseHash), 'response-hash', 'the record signs another response');
  const modality = findHeaderModality(reply.header);
  demand(modality !== undefined, 'malformed', 'the header is of no modality that this version knows');
  const request = parsed('request', () => modality.parseSummary(requestSummary));
  const response = parsed('response', () => parseResponseSummary(responseSummary));
  demand(response.sizeBytes <= modality.maxResponseBytes, 'too-large', 'response is too large');
  const header = openHeader(crypto, modality, record, reply);
  return verifyClaimed(crypto, context, reply, { record, header, modality, request, response });
}

/**
 * Verifies a provider's submission, with or without its texts. A truncated reply must include them, because its fee depends on
 * the payer's signed statement about them. If no validator may read texts of its tier, the length and the payer's signature decide.
 * @throws ClaimError naming the first check that failed.
 */
export function verifyHanded(crypto: Crypto, context: ReplyContext, handed: HandedReply): Claim {
  if (!isBare(handed)) return verifyReply(crypto, context, handed);
  const claim = verifySummarized(crypto, context, handed);
  const isCut = findHeaderModality(handed.header)?.wasCutShort(claim.header) === true;
  demand(!isCut || !mayShowTexts(claim.header.tier), 'progress', 'a truncated reply must be submitted with its texts');
  return claim;
}

/** The texts of a reply and of its request. */
export type ReplyTexts = Pick<Submission, 'request' | 'endpoint' | 'response'>;

/**
 * Verifies the texts of a reply whose record and header were verified without them.
 * @throws ClaimError naming the first check that failed.
 */
export function verifyTexts(
  crypto: Crypto,
  { order, record, header }: Pick<Claim, 'order' | 'record' | 'header'>,
  { request: body, endpoint, response }: ReplyTexts,
): void {
  assertTextSizes({ request: body, endpoint, response });
  const { modality } = findTexts(crypto, record, { request: body, endpoint, response });
  const request = readRequest(crypto, record, { modality, request: body, endpoint });
  const held = { order, request, beacon: undefined, mayBeCancelled: true, response };
  const checks = modality.checkHeader(crypto, header, held);
  for (const one of checks) if (TEXT_CHECKS.includes(one.id)) demandCheck(one);
}

function assertTextSizes({ request, endpoint, response }: ReplyTexts): void {
  demand(request.length <= MAX_REQUEST_BYTES, 'too-large', 'request is too large');
  const { maxResponseBytes } = parsed('endpoint', () => findModality(endpoint));
  demand(response.length <= maxResponseBytes, 'too-large', 'response is too large');
}

/**
 * Checks that a record is about these exact texts, and parses none of them. The hash of the response binds the body too, because
 * its blind follows from the body. @throws ClaimError
 */
function findTexts(
  crypto: Crypto,
  record: RecordV2,
  { request: body, endpoint, response }: ReplyTexts,
): { readonly modality: Modality; readonly blind: Uint8Array } {
  const modality = parsed('endpoint', () => findModality(endpoint));
  const { answer: blind } = computeBlinds(crypto, { body, replyId: record.replyId });
  demand(
    equalBytes(hashResponse(crypto, blind, response), record.responseHash),
    'response-hash',
    'the record signs another response, or the response to another body',
  );
  return { modality, blind };
}

/** Parses a body that passed findTexts. @throws ClaimError unless it is the request that the record names. */
function readRequest(
  crypto: Crypto,
  record: RecordV2,
  { modality, request: body, endpoint }: Pick<ReplyTexts, 'request' | 'endpoint'> & { readonly modality: Modality },
): CommonRequest {
  const request = parsed('request', () => modality.parseRequest(body, endpoint));
  const requestHash = parsed('request', () => hashReadRequest(crypto, request, body));
  demand(equalBytes(requestHash, record.requestHash), 'request-hash', 'the record names another request');
  return request;
}

/** Checks of a header that need the texts. */
const TEXT_CHECKS: readonly string[] = ['stop-strings', 'grammar', 'response-size', 'pixels'];

function verifyClaimed(
  crypto: Crypto,
  { ledger, order, beacon, checkWord }: ReplyContext,
  reply: ClaimedReply,
  given: {
    readonly record: RecordV2;
    readonly header: CommonHeader;
    readonly modality: Modality;
    readonly request: CommonRequest;
    readonly response: ProgressedText;
  },
): Claim {
  const { record, header, modality, request, response } = given;
  const outputs = modality.countOutputs(header);
  demand(outputs === record.tokenCount, 'token-count', `record says ${record.tokenCount} tokens, header ${outputs}`);
  const isShown = !('sizeBytes' in response);
  const named = findNamedRoot(crypto, request.model);
  const isNamed = named === undefined || equalBytes(named, order.modelRoot);
  demand(isNamed, 'wrong-model', `the order names another root than that of the name ${request.model}`);
  const held = { order, request, beacon, mayBeCancelled: true, response: isShown ? response.text : undefined };
  for (const check of [checkPosture(header), ...modality.checkHeader(crypto, header, held)]) {
    const isLeftOut = !isShown && check.status === 'skip' && TEXT_CHECKS.includes(check.id);
    if (!isLeftOut) demandCheck(check);
  }
  const progress = verifyProgress(crypto, { ledger, order, modality }, reply, response);
  const responseBytes = isShown ? response.text.length : response.sizeBytes;
  demand(
    record.isMilestone === undefined || isLeftAt(progress, responseBytes),
    'milestone',
    'a milestone counts where the payer has signed that it has its text, and that it has left',
  );
  const feeAtomic = computeClaimedFee(modality, { order, request, header, responseBytes, progress });
  const { payeeWord } = reply;
  demand(
    checkWord({
      ...{ providerId: order.providerId, payee: header.payee, payeeWord },
      untilMs: Number(order.expiresAtMs),
    }),
    'payee-word',
    `payee ${toHex(header.payee)} has not signed for this provider's key on these contracts. Let it sign ` +
      'ProviderPayee(providerId, validUntil) past the expiry of the order, and submit the signature with the reply',
  );
  const blindHash = isShown ? hashBlind(crypto, response.blind) : undefined;
  const terms = verifyCohort(crypto, { ledger, order, numericClass: header.numericClass, blindHash }, reply);
  const weakness = terms && parsed('request', () => findWeakness(request, terms, order));
  demand(weakness === undefined, 'cohort', weakness ?? '');
  const claim = { order, record, header, request, feeAtomic };
  return terms === undefined ? { ...claim, shards: [] } : { ...claim, shards: listShards(terms), cohort: terms };
}

/** @throws ClaimError if a cohort agreement is present and invalid. Then nobody is paid. */
function verifyCohort(
  crypto: Crypto,
  context: CohortContext,
  { cohort }: Pick<ClaimedReply, 'cohort'>,
): CohortTerms | undefined {
  if (cohort === undefined || cohort.length === 0) return undefined;
  const found = readCohort(crypto, context, cohort);
  demand('terms' in found, 'cohort', 'problem' in found ? found.problem : '');
  return found.terms;
}

function demandCheck({ id, status, detail }: Check): void {
  demand(status === 'pass', id as ClaimErrorCode, detail);
}

/** @returns the payer's progress statement, undefined if there is none. @throws ClaimError if it is invalid. */
function verifyProgress(
  crypto: Crypto,
  { ledger, order, modality }: Pick<Claim, 'order'> & { readonly ledger: LedgerDomain; readonly modality: Modality },
  { progress: signed }: Pick<ClaimedReply, 'progress'>,
  response: ProgressedText,
): Progress | undefined {
  if (signed === undefined) return undefined;
  demand(modality.hasProgress, 'progress', 'a progress beside a reply that is no text');
  const progress = readProgress(crypto, { ledger, order }, signed, response);
  demand(progress !== undefined, 'progress', "the progress statement is not the payer's, or not about this text");
  return progress;
}

function computeClaimedFee(modality: Modality, billed: Parameters<typeof computeBilledFee>[1]): bigint {
  try {
    return computeBilledFee(modality, billed);
  } catch (cause) {
    if (cause instanceof FeeError) throw new ClaimError('fee', cause.message, { cause });
    throw cause;
  }
}
