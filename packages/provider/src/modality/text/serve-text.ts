import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextEngineInfo, TextGenerationEvent, TokenLikelihood } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { Refusal } from '@ogong/host/link/link-error';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeReplyFee } from '@ogong/protocol/exchange/fee';
import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { isTaken, type Progress, parseProgress } from '@ogong/protocol/exchange/progress';
import { type Endpoint, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { text as textModality } from '@ogong/protocol/modality/text/text';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
import { computeBilledFee } from '@ogong/protocol/verdict/reply-fee';
import { keepCommitted } from '../keep-committed.ts';
import type { AcceptedOrder, ServeContext, ServedCounts } from '../order-job.ts';
import { assertTextSize, type ServedReply } from './commit-reply.ts';
import { planReply } from './generate-reply.ts';
import type { ModelRequest } from './model-request.ts';
import { chooseAnswerFormat } from './model-request.ts';
import { commitPictures } from './read-pictures.ts';
import {
  createReplyMilestones,
  findMilestoneWindows,
  type MilestoneSource,
  type ReplyMilestones,
  type SignedMilestone,
} from './reply-milestones.ts';
import { createTextJoiner } from './text-joiner.ts';

/** One accepted order, from its prompt tokens to its signed record. */
export interface OrderJob extends AcceptedOrder<ModelRequest> {
  readonly endpoint: Endpoint;
  /** The payer's cache scope (see planReply). */
  readonly cacheScope: Uint8Array;
  readonly promptTokens: Uint32Array;
  /** Pictures in the prompt. */
  readonly pictures: readonly EncodedPicture[];
  /** The caller takes milestones. */
  readonly wantsMilestones: boolean;
}

export interface ServeDependencies extends ServeContext {
  readonly engine: TextEngine;
  /**
   * Ends the work of the shards before this one. Default: the engine has the whole model.
   * @param positions number of rows that stand in the end. @returns the signed roots of the shards with their values.
   */
  readonly closeBoundaries?: (positions: number) => Promise<ServedReply['boundaries']>;
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
  const blinds = computeBlinds(crypto, { body: job.body, replyId: order.replyId });
  const { embeddingSize: rowSize } = engine.info();
  const shown = commitPictures(crypto, blinds.answer, { pictures: job.pictures, rowSize });
  if (shown.blobs.length > 0) dependencies.reserveBlobs(shown.blobs.map(({ bytes }) => bytes.length));
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
      blinds,
      info: engine.info(),
      sketch,
      drawKey,
      promptTokens: job.promptTokens,
      shown,
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
  /** Signs the part that was made so far, since the provider lives. The caller receives the reason why it gives the reply up. */
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
  sent = end.text;
  if (rest !== '') await joiner.add(rest, []);
  await joiner.flush();
  // A text that is cut short is paid by its payer's progress. Without one the payer may hand in the last milestone.
  if (end.stuck !== undefined && !isTaken(readSaid(dependencies))) {
    await passCut();
    throw new EngineError('invalid-request', end.stuck);
  }
  await dependencies.waitForTake();
  const { outputTokens, stopReason, text } = end;
  // The last token needs no row.
  const boundaries = await dependencies.closeBoundaries?.(counts.promptTokens + counts.outputTokens - 1);
  const served = { outputTokens, counted, windows, stopReason, text, boundaries, endMs: clock.nowMs() };
  const committed = commit(crypto, signer, { ...signable, info: engine.info(), ...served });
  const { header } = committed;
  const progress = dependencies.progress();
  const said = readSaid(dependencies);
  const responseBytes = Buffer.byteLength(text);
  const own = { promptTokenCount: counts.promptTokens, outputTokenCount: counts.outputTokens };
  const billed = { order, request: asked, header: { ...parseHeader(header), ...own }, responseBytes };
  const feeAtomic = computeBilledFee(textModality, { ...billed, progress: said });
  const isUntaken = asked.demands.standbyPer1kAtomic !== undefined && !isTaken(said);
  const owedAtomic = isUntaken ? feeAtomic : computeReplyFee(order, boundTextTokens(asked), billed.header);
  // Text beyond the payer's signed progress and one window is not billed.
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

/** Reads the payer's last signed progress, if there is one. */
function readSaid({ progress }: Pick<ServeDependencies, 'progress'>): Progress | undefined {
  const signed = progress();
  return signed && parseProgress(signed.progress);
}

/** @returns undefined if the caller wants no milestones, or this reply has none. */
function openMilestones(
  { request: { asked }, wantsMilestones }: Pick<OrderJob, 'request' | 'wantsMilestones'>,
  { crypto, clock, signer, payeeWord, commit, engine }: ServeDependencies,
  signable: Omit<ServedReply, keyof MilestoneSource | 'endMs'>,
): ReplyMilestones | undefined {
  // A validator reads the texts of a milestone.
  const mayHave = wantsMilestones && mayShowTexts(parseModelId(asked.model).tier);
  const windows = mayHave ? findMilestoneWindows(asked.model, engine.info().capabilities) : undefined;
  if (windows === undefined) return undefined;
  return createReplyMilestones({
    windows,
    ...{ maxTokens: asked.maxTokens, providerKey: signer.publicKey, payeeWord },
    commit: (passed) => commit(crypto, signer, { ...signable, ...passed, endMs: clock.nowMs() }),
  });
}

/** Limits another server's count of a prompt to the most that request and context can hold. */
function limitCounts(
  { promptTokens, outputTokens }: NonNullable<Extract<TextGenerationEvent, { kind: 'end' }>['counted']>,
  { promptTokenBound }: Pick<InferenceRequest, 'promptTokenBound'>,
  { contextSize }: Pick<TextEngineInfo, 'contextSize'>,
): { readonly promptTokens: number; readonly outputTokens: number } {
  const room = Math.max(0, contextSize - outputTokens);
  return { promptTokens: Math.min(promptTokens, promptTokenBound, room), outputTokens };
}

function toWireToken(token: TokenLikelihood, alternatives: readonly TokenLikelihood[]) {
  const { id, bytes, logprob } = token;
  return { id, bytes, logprob, alternatives: alternatives.map((other) => ({ ...other, alternatives: [] })) };
}
