import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextEngineInfo, TextGenerationEvent, TokenLikelihood } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { computeReplyFee } from '@ogong/protocol/exchange/fee';
import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { isTaken, parseProgress, type SignedProgress } from '@ogong/protocol/exchange/progress';
import {
  type GenerateEventSchema,
  type PushRecordRequest,
  PushRecordRequestSchema,
  type TokenLogprobSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type Endpoint, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { text as textModality } from '@ogong/protocol/modality/text/text';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import { computeBilledFee } from '@ogong/protocol/verdict/reply-fee';
import type { ModelRequest } from '../../engine/model-request.ts';
import { chooseAnswerFormat } from '../../engine/model-request.ts';
import type { AcceptedOrder } from '../orders/order-intake.ts';
import type { PayingPayers } from '../paid/paying-payers.ts';
import { assertTextSize, type CommitReply, type CommittedReply, type ServedReply } from './commit-reply.ts';
import { planReply } from './generate-reply.ts';
import {
  createReplyMilestones,
  findMilestoneWindows,
  type MilestoneSource,
  type ReplyMilestones,
  type SignedMilestone,
} from './reply-milestones.ts';
import { createTextJoiner } from './text-joiner.ts';

export type ReplyEvent = MessageInitShape<typeof GenerateEventSchema>;
type TokenMessage = MessageInitShape<typeof TokenLogprobSchema>;

/** One accepted order, from its prompt tokens to its signed record. */
export interface OrderJob extends AcceptedOrder<ModelRequest> {
  readonly endpoint: Endpoint;
  /** The payer's cache scope (see planReply). */
  readonly cacheScope: Uint8Array;
  readonly promptTokens: Uint32Array;
  /** The caller takes milestones. */
  readonly wantsMilestones: boolean;
}

interface KeptBill {
  /** What the reply is paid, by the word that is handed in with it. */
  readonly feeAtomic: bigint;
  /** What the payer has had made, whether or not it has signed for it: that counts against its credit here. Default: the fee. */
  readonly owedAtomic?: bigint | undefined;
  /** The caller was not sent all of the text, and does not pay for all of it: it is not told the rest either. Default: it may be. */
  readonly isWithheld?: boolean | undefined;
}

/** What serving needs, for every modality. */
export interface ServeContext {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** The payee's signature for the signer's key. */
  readonly payeeWord: Uint8Array;
  /** The cohort's word, where several providers share the fee of this order; else empty. */
  readonly cohort: Uint8Array;
  /** Reserves the fee at the order's validator, once the order is claimed. @returns its word for it. @throws Refusal where it does not admit. */
  readonly admit: (signal: AbortSignal) => Promise<SignedAdmission>;
  readonly payers: PayingPayers;
  /** Makes opening and record durable. From then on the provider answers for the reply, and the fee is owed. */
  readonly keep: (committed: CommittedReply, push: PushRecordRequest, billed: KeptBill) => Promise<void>;
  /**
   * Makes the tier's own evidence about a record.
   * @param exchange the exchange with a hosted model. @throws AttesterError
   */
  readonly makeEvidence: (record: Uint8Array, exchange?: ShownExchange) => Promise<EvidenceParts>;
  /** The reply is over, committed or not. */
  readonly end: () => void;
  /** False once the reply is over or nobody reads it any more, even where the consumer has not taken the event by then. */
  readonly send: (event: ReplyEvent) => Promise<boolean>;
  /** The same for a part of a text, which waits while the payer has not signed for what it was sent. */
  readonly sendText: (text: string, tokens: TokenMessage[]) => Promise<boolean>;
  /** There is something to bill: from now on the payer may leave. */
  readonly begin: () => void;
  /** Nobody takes the reply: what was generated so far is committed. */
  readonly unwanted: AbortSignal;
  /** Resolves once the payer has taken the reply, or will not. */
  readonly waitForTake: () => Promise<void>;
  /** The payer's last word about the reply. */
  readonly progress: () => SignedProgress | undefined;
  /** The payer has signed that it leaves, or the order's time is up: what was generated so far is committed. */
  readonly left: AbortSignal;
  /** The order's time is up. */
  readonly expired: AbortSignal;
  /** The provider gives the reply up and commits nothing. */
  readonly failed: AbortSignal;
}

export interface ServeDependencies extends ServeContext {
  readonly engine: TextEngine;
  readonly commit: CommitReply;
}

export interface ServedCounts {
  readonly promptTokens: number;
  /** How many of them the engine had in its prefix cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Draft tokens, if the engine uses drafts. */
  readonly drafts: { readonly proposed: number; readonly accepted: number };
}

/**
 * Generates once the validator has admitted the order, for a payer that it knows while it admits (see PayingPayers). Nothing leaves
 * before the order is admitted and its claim is on the disk.
 * @throws Refusal, EngineError, ReplyTextError
 */
export async function serveReply(job: OrderJob, dependencies: ServeDependencies): Promise<ServedCounts> {
  const { engine, crypto, clock, signer, commit, send, left, failed, unwanted } = dependencies;
  const { order, request } = job;
  const { asked } = request;
  const prompt = engine.info().capabilities.tokenize ? undefined : request.prompt;
  const { drawKey, sketch, request: planned } = planReply(crypto, { ...job, asked, prompt });
  const started = { promptTokens: job.promptTokens.length, ...chooseAnswerFormat(engine.info(), asked) };
  const refused = new AbortController();
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([left, failed, unwanted, refused.signal]);
  const admission = dependencies.admit(signal);
  admission.catch(() => refused.abort());
  if (!dependencies.payers.watch(order, admission)) await admission;

  const windows: WindowBytes[] = [];
  const signable = {
    ...{
      order,
      endpoint: job.endpoint,
      asked,
      blinds: computeBlinds(crypto, { body: job.body, replyId: order.replyId }),
      info: engine.info(),
      sketch,
      drawKey,
      promptTokens: job.promptTokens,
      startMs,
    },
  };
  const milestones = openMilestones(job, dependencies, signable);
  const joiner = createTextJoiner(dependencies.sendText, { isShown: asked.stream || job.wantsMilestones });
  let sent = '';
  let sentBytes = 0;
  let end: Extract<TextGenerationEvent, { kind: 'end' }> | undefined;
  async function passOn(milestone: SignedMilestone | undefined): Promise<void> {
    if (milestone === undefined) return;
    // It is about the text before it.
    await joiner.flush();
    const shown = { admission: await admission, evidence: await dependencies.makeEvidence(milestone.record.record) };
    await send({ event: { case: 'milestone', value: { ...milestone, ...shown } } });
  }
  /** What was made so far is signed for, since the provider lives; why it gives the reply up is what its caller hears. */
  const passCut = () =>
    joiner
      .flush()
      .then(() => passOn(milestones?.cut(sent)))
      .catch(() => undefined);
  const events = engine.generate(planned, { signal });
  try {
    for await (const event of events) {
      if (refused.signal.aborted || failed.aborted) break;
      if (event.kind === 'window') {
        windows.push(event.window);
        await passOn(milestones?.window(event.window, sent));
      } else if (event.kind === 'end') end = event;
      else {
        await admission;
        if (event.kind === 'token') dependencies.begin();
        if (event.kind === 'start') {
          await send({ event: { case: 'started', value: started } });
        } else if (event.text !== '' || asked.logprobs) {
          const tokens = asked.logprobs ? [toWireToken(event.token, event.alternatives)] : [];
          sent += event.text;
          sentBytes += Buffer.byteLength(event.text);
          assertTextSize(sentBytes);
          await joiner.add(event.text, tokens);
        }
        if (event.kind === 'token') await passOn(milestones?.token(event.token, sent));
      }
    }
  } catch (error) {
    // The engine stopped because the validator did not admit the order, so throw the validator's refusal.
    if (refused.signal.aborted) await admission;
    await passCut();
    throw error;
  }
  const admitted = await admission;
  if (failed.aborted || end === undefined) await passCut();
  if (failed.aborted) throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
  if (end === undefined) throw new EngineError('engine-crashed', 'the engine ended without an answer');
  const counted = end.counted && limitCounts(end.counted, asked, engine.info());
  const counts = {
    promptTokens: counted?.promptTokens ?? job.promptTokens.length,
    cachedTokens: end.cachedTokens,
    outputTokens: counted?.outputTokens ?? end.outputTokens.length,
    drafts: end.drafts ?? { proposed: 0, accepted: 0 },
  };
  // The order ran out before there was a token.
  if (counts.outputTokens === 0) return counts;

  const rest = end.text.slice(sent.length);
  if (rest !== '') await joiner.add(rest, []);
  await joiner.flush();
  await dependencies.waitForTake();
  const { outputTokens, stopReason, text } = end;
  const served = { outputTokens, counted, windows, stopReason, text, endMs: clock.nowMs() };
  const committed = commit(crypto, signer, { ...signable, info: engine.info(), ...served });
  const { header } = committed;
  const progress = dependencies.progress();
  const said = progress && parseProgress(progress.progress);
  const responseBytes = Buffer.byteLength(text);
  const own = { promptTokenCount: counts.promptTokens, outputTokenCount: counts.outputTokens };
  const billed = { order, request: asked, header: { ...parseHeader(header), ...own }, responseBytes };
  const feeAtomic = computeBilledFee(textModality, { ...billed, progress: said });
  const isUntaken = asked.demands.standbyPer1kAtomic !== undefined && !isTaken(said);
  const owedAtomic = isUntaken ? feeAtomic : computeReplyFee(order, boundTextTokens(asked), billed.header);
  // More than the payer may have by its word is not billed.
  const isAhead = responseBytes > (said?.textBytes ?? 0) + PROGRESS_WINDOW_BYTES;
  const bill = { feeAtomic, owedAtomic, isWithheld: isUntaken || isAhead };
  const kept = await keepCommitted(job, { ...committed, ...bill, progress, exchange: end.exchange }, dependencies);
  if (unwanted.aborted || (isUntaken && text !== '')) {
    if (left.aborted) return counts;
    throw new Refusal(
      'unavailable',
      'nobody took the first part of this answer in time: sign a progress as soon as it comes, or order without a standby price',
    );
  }
  await send({
    event: {
      case: 'finished',
      value: {
        ...{ ...kept, header, text: end.text, stopReason: end.stopReason },
        ...{ admission: admitted, ...counts },
      },
    },
  });
  return counts;
}

/** @returns undefined where the caller wants no milestones, or this reply has none. */
function openMilestones(
  { request: { asked }, wantsMilestones }: Pick<OrderJob, 'request' | 'wantsMilestones'>,
  { crypto, clock, signer, payeeWord, commit, engine }: ServeDependencies,
  signable: Omit<ServedReply, keyof MilestoneSource | 'endMs'>,
): ReplyMilestones | undefined {
  const windows = wantsMilestones ? findMilestoneWindows(asked.model, engine.info().capabilities) : undefined;
  if (windows === undefined) return undefined;
  return createReplyMilestones({
    windows,
    ...{ maxTokens: asked.maxTokens, providerKey: signer.publicKey, payeeWord },
    commit: (passed) => commit(crypto, signer, { ...signable, ...passed, endMs: clock.nowMs() }),
  });
}

/** What another server counts of a prompt is billed as far as the request and the context can hold it. */
function limitCounts(
  { promptTokens, outputTokens }: NonNullable<Extract<TextGenerationEvent, { kind: 'end' }>['counted']>,
  { promptTokenBound }: Pick<InferenceRequest, 'promptTokenBound'>,
  { contextSize }: Pick<TextEngineInfo, 'contextSize'>,
): { readonly promptTokens: number; readonly outputTokens: number } {
  const room = Math.max(0, contextSize - outputTokens);
  return { promptTokens: Math.min(promptTokens, promptTokenBound, room), outputTokens };
}

/** Makes a committed reply durable, and due at its validator. @returns record and own evidence as they go over the wire. */
export async function keepCommitted(
  { signedOrder, body, endpoint }: Pick<AcceptedOrder<unknown>, 'signedOrder' | 'body' | 'endpoint'>,
  {
    feeAtomic,
    owedAtomic,
    isWithheld,
    progress,
    exchange,
    ...committed
  }: CommittedReply &
    KeptBill & {
      readonly progress?: SignedProgress | undefined;
      readonly exchange?: ShownExchange | undefined;
    },
  {
    signer,
    payeeWord,
    cohort,
    keep,
    makeEvidence,
  }: Pick<ServeContext, 'signer' | 'payeeWord' | 'cohort' | 'keep' | 'makeEvidence'>,
) {
  const { record, signature, header, headerProof, response } = committed;
  const signedRecord = { record, providerKey: signer.publicKey, signature };
  const claim = { order: signedOrder, record: signedRecord, header, headerProof: [...headerProof] };
  const word = progress && { progress };
  const evidence = await makeEvidence(record, exchange);
  const push = create(PushRecordRequestSchema, {
    ...claim,
    request: body,
    endpoint,
    response,
    payeeWord,
    cohort,
    evidence,
    ...word,
  });
  await keep(committed, push, { feeAtomic, owedAtomic, isWithheld });
  return { record: signedRecord, evidence };
}

function toWireToken(token: TokenLikelihood, alternatives: readonly TokenLikelihood[]) {
  const { id, bytes, logprob } = token;
  return { id, bytes, logprob, alternatives: alternatives.map((other) => ({ ...other, alternatives: [] })) };
}
