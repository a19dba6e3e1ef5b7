import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeCommitment } from '@ogong/protocol/commitment/opening';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { signComplaint } from '@ogong/protocol/exchange/complaint';
import { type Delivery, signDelivery } from '@ogong/protocol/exchange/delivery';
import {
  encodeOrder,
  hashOrder,
  type LedgerDomain,
  type NamedOrder,
  nameOrder,
  type Order,
  parseOrder,
} from '@ogong/protocol/exchange/order';
import { type OrderConsent, signConsent } from '@ogong/protocol/exchange/order-consent';
import { hashBeginning, type Progress, signProgress } from '@ogong/protocol/exchange/progress';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  type PushRecordRequest,
  SignedProgressSchema,
  type SummarizedReply as SummarizedReplyMessage,
  SummarizedReplySchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { decodeDraws, encodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  type ScoreReport,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { type HandedReply, isBare, type SignedOrder, type Submission } from '@ogong/protocol/verdict/claim';
import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';
import { summarizeSubmission } from '@ogong/protocol/verdict/summarize';
import type { Complaint } from '@ogong/validator/intake/complaint';
import { createSyntheticReply, type SyntheticOptions, type SyntheticReply } from '../synthetic/synthetic-reply.ts';
import { reportTestEdges } from './test-edges.ts';
import { createTestLedgerSigner, WORD_UNTIL_MS } from './test-keys.ts';

/** Replies without a model: payer's, provider's and verifier's side. */
export const MODEL = 'ogong/verified/test/synthetic';
export const MODEL_ROOT: Uint8Array = new Uint8Array(32).fill(0x4d);
export const payeeSigner: LedgerSigner = createTestLedgerSigner(new Uint8Array(32).fill(0x70));
export const PAYEE: Uint8Array = payeeSigner.address;
export const PRICE_PER_1K = 2_000_000n;
const ROUTER = new Uint8Array(20).fill(0x72);

export interface TestOrder extends SignedOrder {
  readonly consent: OrderConsent;
  readonly fields: NamedOrder;
  readonly request: Uint8Array;
}

export interface OrderInput {
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly validator: Uint8Array;
  readonly provider: HybridSigner;
  readonly index: number;
  readonly epoch: bigint;
  readonly expiresAtMs: number;
  readonly tokens?: number;
  readonly model?: string;
  /** The demands of the request, its object `ogong`. */
  readonly demands?: object;
  /** References to media of the request, in a field that texts leave out. */
  readonly image?: readonly string[] | undefined;
  readonly bend?: Partial<Order>;
}

/** The nonce follows from the index, so that runs are repeatable. */
export function createTestOrder(given: OrderInput): TestOrder {
  const { index, tokens = 40, model = MODEL, demands, image, bend = {}, ...input } = given;
  const asked = { model, messages: [{ role: 'user', content: `story ${index}` }], max_tokens: tokens };
  const body = { ...asked, ...(image && { image }), ...(demands && { ogong: demands }) };
  const request = utf8Encode(JSON.stringify(body));
  const maxFeeAtomic = 1_000_000n;
  const fields = nameOrder(crypto, input.ledger, {
    payer: input.payer.address,
    validator: input.validator,
    cumulativeAtomic: maxFeeAtomic * BigInt(index + 1),
    requestHash: hashRequest(crypto, 'chat', request),
    nonce: crypto.sha256(utf8Encode(`nonce ${index}`)),
    modelRoot: MODEL_ROOT,
    providerId: hashHybridKey(crypto, input.provider.publicKey),
    payee: PAYEE,
    router: ROUTER,
    choice: 0,
    contextSize: 4096,
    maxFeeAtomic,
    pricePer1kAtomic: PRICE_PER_1K,
    epoch: input.epoch,
    expiresAtMs: BigInt(input.expiresAtMs),
    ...bend,
  });
  const signature = input.payer.signDigest(fields.orderHash);
  const consent = signConsent(input.provider, fields);
  return { fields, request, order: encodeOrder(fields), signature, consent };
}

export interface TestReply {
  readonly reply: SyntheticReply;
  readonly submission: Submission;
}

export interface ServeInput {
  readonly provider: HybridSigner;
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly beacon: { readonly value: Uint8Array; readonly previous: Uint8Array };
  /** The payee in the header, which signs for the provider's key. */
  readonly payee?: LedgerSigner;
  readonly text?: string;
  /** Output tokens. Default: as many as the request allows. */
  readonly tokens?: number;
  readonly bend?: SyntheticOptions['bend'];
  /** A reply of tier vanilla; its order has to name such a model. */
  readonly said?: SyntheticOptions['said'];
}

export function serveTestReply(order: TestOrder, input: ServeInput): TestReply {
  const payee = input.payee ?? payeeSigner;
  const providerId = hashHybridKey(crypto, input.provider.publicKey);
  const text = input.text ?? (input.said ? 'once there was a story with many words in it' : 'once there was a story');
  const reply = createSyntheticReply({
    crypto,
    provider: input.provider,
    payer: input.payer,
    ledger: input.ledger,
    tokens: input.tokens ?? (JSON.parse(new TextDecoder().decode(order.request)).max_tokens as number),
    ...(input.said && { said: input.said }),
    given: {
      endpoint: 'chat',
      request: order.request,
      order: order.fields,
      orderSignature: order.signature,
      beacon: input.beacon,
      text,
    },
    bend: {
      ...input.bend,
      header: (header) => {
        const paid = { ...header, payee: payee.address };
        return input.bend?.header?.(paid) ?? paid;
      },
    },
  });
  return {
    reply,
    submission: {
      order: { order: order.order, signature: order.signature },
      record: {
        record: reply.recordBytes,
        providerKey: input.provider.publicKey,
        signature: reply.recordSignature,
      },
      header: reply.opening.header,
      headerProof: computeCommitment(crypto, reply.opening).headerProof,
      request: order.request,
      endpoint: 'chat',
      response: reply.response,
      payeeWord: signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger: input.ledger, providerId }),
    },
  };
}

/** Returns the reply as its provider delivers it, with the payer's signed progress on its first bytes. */
export function submitWithProgress(
  { fields }: TestOrder,
  { submission }: TestReply,
  { payer, ledger, bend = {} }: Pick<ServeInput, 'payer' | 'ledger'> & { readonly bend?: Partial<Progress> },
): Submission {
  const { textBytes = 0 } = bend;
  const { answer } = computeBlinds(crypto, { body: submission.request, replyId: fields.replyId });
  const textHash = hashBeginning(crypto, answer, submission.response.subarray(0, textBytes));
  const word = { ...{ orderHash: fields.orderHash, textBytes, textHash, hasLeft: true }, ...bend };
  return { ...submission, progress: signProgress(crypto, payer, { ledger, ...word }) };
}

export type UnsignedComplaint = Pick<Complaint, 'order' | 'reason' | 'record' | 'opening' | 'texts'>;

/** Returns a signed complaint of the payer, with the announced opening. */
export function signTestComplaint(
  complaint: UnsignedComplaint,
  { payer, ledger }: Pick<ServeInput, 'payer' | 'ledger'>,
): Complaint {
  const { order, reason, record, opening } = complaint;
  const openingHash = opening && crypto.sha256(opening);
  const orderHash = hashOrder(crypto, ledger, parseOrder(order.order));
  const terms = { ledger, orderHash, reason, record: record?.record, openingHash };
  return { ...complaint, openingHash, signature: signComplaint(crypto, payer, terms) };
}

/** Returns the delivery that an honest payer acknowledges. */
export function createTestDelivery(
  { fields, order, signature }: TestOrder,
  { reply, submission }: TestReply,
  { payer, ledger, bend = {} }: Pick<ServeInput, 'payer' | 'ledger'> & { readonly bend?: Partial<Delivery> },
): DeliveredReply {
  const { promptTokenCount, outputTokenCount } = reply.header;
  const { record, header, headerProof } = submission;
  const delivery = signDelivery(crypto, payer, {
    ...{ ledger, orderHash: fields.orderHash, recordHash: hashRecord(crypto, record.record) },
    ...{ promptTokenCount, outputTokenCount, epoch: fields.epoch },
    ...bend,
  });
  return { order: { order, signature }, delivery, bound: { ...record, header, headerProof } };
}

/** Returns the message for co-signers. */
export function toSummaryMessage(submission: HandedReply): SummarizedReplyMessage {
  const summarized = isBare(submission) ? submission : summarizeSubmission(crypto, submission);
  return create(SummarizedReplySchema, { ...summarized, headerProof: [...summarized.headerProof] });
}

export function toPushMessage(submission: Submission): Omit<
  PushRecordRequest,
  '$typeName' | '$unknown' | 'order' | 'record'
> & {
  order: { order: Uint8Array; signature: Uint8Array };
  record: { record: Uint8Array; providerKey: Uint8Array; signature: Uint8Array };
} {
  const { progress, ...rest } = submission;
  return {
    ...{ evidence: {}, requestSummary: new Uint8Array(), responseSummary: new Uint8Array() },
    cohort: new Uint8Array(),
    ...{ ...rest, headerProof: [...submission.headerProof] },
    ...(progress && { progress: create(SignedProgressSchema, progress) }),
  };
}

type TestJob = Pick<ScoreJobMessage, 'jobId' | 'request' | 'modality' | 'claim'>;

/** Finds the reply of a job by its request, because a job does not name the reply. */
export function findServed(served: Iterable<TestReply>, { request }: Pick<TestJob, 'request'>): TestReply | undefined {
  return [...served].find(({ reply }) => equalBytes(reply.request, request));
}

/** Returns the report of a verifier of the same model and class, unless changed. */
export function createTestReport(
  { reply }: Pick<TestReply, 'reply'>,
  { jobId, modality, claim }: TestJob,
  bend: Partial<ScoreReport> = {},
): Uint8Array {
  const { header, record } = reply;
  const shown = readTextClaim({ modality, claim });
  return encodeScoreReport({
    jobId,
    modelRoot: record.modelRoot,
    numericClass: header.numericClass,
    exact: true,
    pictureDistance: 0,
    promptTokensHash: header.promptTokensHash,
    promptTokenCount: header.promptTokenCount,
    vocabularyHash: header.vocabularyHash,
    responseHash: record.responseHash,
    firstStopToken: NO_STOP_TOKEN,
    firstOtherChoice: NO_OTHER_CHOICE,
    tailGap: NO_TAIL_GAP,
    contextSize: 4096,
    elapsedMs: 1,
    windows: teacherForce(reply, shown.outputTokens),
    edges: reportTestEdges(reply, shown.edges),
    ...bend,
  });
}

/** Returns windows of the made-up model for other claimed tokens: the same lists with other tokens chosen. */
function teacherForce({ header, opening }: SyntheticReply, outputTokens: Uint8Array): WindowBytes[] {
  const tokens = new DataView(outputTokens.buffer, outputTokens.byteOffset, outputTokens.byteLength);
  let position = 0;
  return opening.windows.map(({ draws, sketch }) => {
    const { rows, runs } = decodeDraws(draws, header);
    const forced = rows.map((row) => {
      const token = tokens.getUint32(4 * position++, true);
      const { ids, q, tail } = row;
      return token === tokenOf(row) ? row : { ids, q, tail, rank: ids.indexOf(token) };
    });
    return { draws: encodeDraws({ rows: forced, runs }, header), sketch };
  });
}
