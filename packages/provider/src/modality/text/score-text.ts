import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextEngineInfo, TextScoringResult } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError, utf8Encode } from '@ogong/protocol/base/bytes';
import { BLIND_BYTES, computePromptBlind } from '@ogong/protocol/commitment/blinds';
import { MAX_WINDOWS } from '@ogong/protocol/commitment/opening';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { describeLayers } from '@ogong/protocol/exchange/cohort/segment';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { isSameFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { type Header, hashTokens, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { MAX_LISTED } from '@ogong/protocol/modality/text/sampling/sampler';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { endsAtStop, findStop, keepsGrammar, renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import { parseTailDraws, type TailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { computePictureDistance, MOST_DISTANCE, readJobRows } from '@ogong/protocol/modality/text/stage2/picture-rows';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { countScored } from '@ogong/protocol/modality/text/stage2/scored-prefix';
import type { SegmentJob, TextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { nameRerunClass } from '@ogong/protocol/tier/lane-class';
import type { ScorableJob, ScoringMeans } from '../modality.ts';
import { createBlankWindows } from './blank-windows.ts';
import { type ClaimedReply, planPass } from './claimed-pass.ts';
import { chooseAnswerFormat, parseEndpointName, parseModelRequest } from './model-request.ts';
import { type PicturedRequest, readPictures } from './read-pictures.ts';

/** A claim to be scored, every field in range for the model at hand. */
export interface ScoreJob extends ClaimedReply {
  /** The committed rows of the pictures, f32[rows, embeddingSize]. Default: there are no pictures. */
  readonly rows?: readonly Float32Array[];
  /** Media of the request. Default: none. */
  readonly media?: RequestMedia;
  readonly jobId: Uint8Array;
  /** Blind of the answer (blinds.ts). */
  readonly blind: Uint8Array;
  /** The provider's draws that fell into the tail. */
  readonly tailDraws: TailDraws;
  /** Edges between shards whose rows the report shows, ascending, as numbers of layers. Default: the whole reply is of one provider. */
  readonly edges?: readonly number[] | undefined;
  /** The layers that the job is about, and their input. Default: the job is about the whole model. */
  readonly segment?: SegmentJob | undefined;
}

/** Stands for "no text": the tokens do not end where the header says that they were cut, or break the grammar. */
const NO_TEXT = new Uint8Array(32);
/** Stands for "no vocabulary": the header's is not the model's. */
const NO_VOCABULARY = new Uint8Array(32);
const MAX_OUTPUT_TOKENS = MAX_WINDOWS * WINDOW_TOKENS;

/** @throws Refusal naming what is out of range. */
export function parseScoreJob(message: ScoreJobMessage, crypto: Crypto): ScoreJob {
  const { jobId, sketchBankSeed: bankSeed } = message;
  const claim = readClaim(message);
  const { blind, outputTokens, listSizes, shapeClasses } = claim;
  assertJob(jobId.length === 16, `a job id has 16 bytes, not ${jobId.length}`);
  assertJob(blind.length === BLIND_BYTES, `a blind has ${BLIND_BYTES} bytes, not ${blind.length}`);
  assertJob(bankSeed.length === 32, `a sketch bank seed has 32 bytes, not ${bankSeed.length}`);
  const count = outputTokens.length / 4;
  assertJob(Number.isInteger(count) && count >= 1, 'the output tokens are no list of 32-bit integers');
  assertJob(count <= MAX_OUTPUT_TOKENS, `${count} output tokens are more than any reply has`);
  assertJob(listSizes.length === count, `${listSizes.length} list sizes for ${count} tokens`);
  assertJob(
    listSizes.every((size) => size >= 1 && size <= MAX_LISTED),
    `a list holds 1..${MAX_LISTED} candidates`,
  );
  assertJob(
    shapeClasses === undefined || shapeClasses.length === count,
    `${shapeClasses?.length} shape classes for ${count} tokens`,
  );
  const tokens = readTokens(outputTokens);
  try {
    const header = parseHeader(message.header);
    const tailDraws = parseTailDraws(claim.tailDraws ?? new Uint8Array(0), count);
    assertJob(
      tokens.every((token) => token < header.vocabularySize) &&
        listSizes.every((size) => size <= header.vocabularySize),
      `a token or a list lies outside the vocabulary of ${header.vocabularySize}`,
    );
    const request = parseModelRequest(message.request, parseEndpointName(message.endpoint), header.promptDay);
    const { request: body } = message;
    // The blob of a job about some layers is their input. Chains of segments read no pictures.
    const blobs = claim.segment === undefined ? (message.blobs ?? []) : [];
    const rows = readJobRows(crypto, header, { blind, blobs });
    const media = attachMedia(crypto, body, message.media ?? []);
    const claimed = { header, request, body, outputTokens: tokens, listSizes, shapeClasses, bankSeed, rows };
    return { jobId, blind, ...claimed, media, tailDraws, edges: claim.edges, segment: claim.segment };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
    throw error;
  }
}

/** Opens a job for an engine. @throws Refusal naming what is out of range, or what the engine cannot do. */
export function openTextJob(message: ScoreJobMessage, { engine, crypto }: ScoringMeans<TextEngine>): ScorableJob {
  const job = parseScoreJob(message, crypto);
  if (job.segment !== undefined)
    throw new Refusal(
      'unsupported',
      `the job is about ${describeLayers(job.segment)}, and this verifier scores whole replies`,
    );
  if (job.edges !== undefined && engine.info().layers === undefined)
    throw new Refusal('unsupported', 'the engine here does not show the rows between layers, so it audits no cohort');
  const score = (signal: AbortSignal) => scoreJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: job.outputTokens.length, score };
}

/** @throws Refusal */
export function readClaim(message: ScoreJobMessage): TextClaim {
  try {
    return readTextClaim(message);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `this model writes: ${error.message}`);
    throw error;
  }
}

/**
 * One teacher-forced pass over the claimed tokens, with the prompt made from the request and not from the claim.
 * @returns the canonical report.
 * @throws EngineError, Refusal
 */
export async function scoreJob(
  job: ScoreJob,
  { engine, crypto, signal }: { readonly engine: TextEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { header, outputTokens, edges } = job;
  const info = engine.info();
  const request = await readJobPictures(job, { engine, signal });
  if (request === undefined) return encodeUnreadable(job, info, MOST_DISTANCE);
  const { rows = [] } = job;
  // The grids follow from the picture's size, the values are the committed ones.
  const pictures = rows.map((values, i) => ({ ...request.pictures[i], rows: values }));
  const pictureDistance = computePictureDistance(
    rows,
    request.pictures.map(({ rows }) => rows),
  );
  const pass = await planPass({ ...job, request, pictures }, engine).catch(toUnreadable);
  if (pass === undefined) return encodeUnreadable(job, info, pictureDistance);
  const { promptTokens } = pass;
  const firstStopToken = findFirstStop(outputTokens, info.stopTokens);
  const shared = {
    jobId: job.jobId,
    modelRoot: info.modelRoot,
    promptTokensHash: hashTokens(crypto, computePromptBlind(crypto, job.body), promptTokens),
    promptTokenCount: promptTokens.length,
    firstStopToken: firstStopToken < 0 ? NO_STOP_TOKEN : firstStopToken,
    contextSize: info.contextSize,
    pictureDistance,
  };
  const scored = pass.outputTokens.length;
  if (pictureDistance === MOST_DISTANCE || !isOfModel(job, info)) {
    // If the verifier refused, a reply with a false header would be unaudited, and paid.
    return encodeScoreReport({
      ...shared,
      ...nameRerunClass(info, header.numericClass),
      vocabularyHash: NO_VOCABULARY,
      responseHash: NO_TEXT,
      firstOtherChoice: scored > 0 ? 0 : NO_OTHER_CHOICE,
      tailGap: NO_TAIL_GAP,
      elapsedMs: 0,
      windows: createBlankWindows(header, pass),
      edges: [],
    });
  }
  const tailDraws = new Map([...job.tailDraws].filter(([position]) => position < scored));
  const shown = edges && { layers: edges, blind: job.blind };
  const scoring = { ...pass, tailDraws, edges: shown };
  const result = scored > 0 ? await engine.score(scoring, { signal }) : createEmptyResult(info, header);
  const isLast = firstStopToken === outputTokens.length - 1;
  const spoken = isLast ? outputTokens.subarray(0, firstStopToken) : outputTokens;
  const bytes = await engine.detokenize(spoken);
  const last = await engine.detokenize(spoken.subarray(-1));
  const { stop, grammar } = request.asked;
  const rendered = renderReply(bytes, stop, header.stopReason);
  const isCutRight =
    header.stopReason === 'stop-string' ? endsAtStop(bytes, last.length, stop) : findStop(rendered, stop) < 0;
  const text = utf8Encode(rendered);
  // In any class: a token that the grammar forbids is no drift.
  const isOfGrammar = grammar === undefined || keepsGrammar(text, grammar, header.stopReason);
  return encodeScoreReport({
    ...shared,
    numericClass: result.numericClass,
    exact: result.exact,
    vocabularyHash: info.vocabularyHash,
    responseHash: isCutRight && isOfGrammar ? hashResponse(crypto, job.blind, text) : NO_TEXT,
    firstOtherChoice: result.firstOtherChoice < 0 ? NO_OTHER_CHOICE : result.firstOtherChoice,
    tailGap: result.tailGap ?? NO_TAIL_GAP,
    elapsedMs: Math.min(0xffffffff, Math.round(result.elapsedMs)),
    windows: result.windows,
    edges: [...(result.edges ?? [])],
  });
}

/**
 * Encodes the pictures of the request.
 * @returns undefined if this model cannot have read them: it has no encoder, or a file is no picture.
 */
async function readJobPictures(
  { request, media = NO_MEDIA }: ScoreJob,
  { engine, signal }: { readonly engine: TextEngine; readonly signal: AbortSignal },
): Promise<PicturedRequest | undefined> {
  if (request.asked.pictureCount > 0 && engine.info().pictureToken === undefined) return undefined;
  try {
    return await readPictures(engine, request, { media, signal });
  } catch (error) {
    return toUnreadable(error);
  }
}

/** Returns undefined for a request that this model cannot have read: a suffix without tokens for it, messages that its template refuses. */
function toUnreadable(error: unknown): undefined {
  if (error instanceof EngineError && error.code === 'invalid-request') return undefined;
  throw error;
}

/**
 * The report about a request that this model cannot have read. It is a fact of the model, as every other report. A refusal would leave the
 * reply unaudited, and its verifier without an answer.
 */
function encodeUnreadable(
  { jobId, header, outputTokens, listSizes }: ScoreJob,
  info: TextEngineInfo,
  pictureDistance: number,
): Uint8Array {
  const { contextSize } = info;
  const count = countScored({ contextSize, promptTokenCount: 0 }, outputTokens.length);
  const shown = { outputTokens: outputTokens.subarray(0, count), listSizes: listSizes.subarray(0, count) };
  return encodeScoreReport({
    ...{ jobId, modelRoot: info.modelRoot },
    ...nameRerunClass(info, header.numericClass),
    ...{ promptTokensHash: NO_TEXT, promptTokenCount: 0, vocabularyHash: NO_VOCABULARY, responseHash: NO_TEXT },
    ...{ firstStopToken: NO_STOP_TOKEN, firstOtherChoice: count > 0 ? 0 : NO_OTHER_CHOICE, tailGap: NO_TAIL_GAP },
    ...{ contextSize, elapsedMs: 0, pictureDistance },
    windows: createBlankWindows(header, shown),
    edges: [],
  });
}

/**
 * No window fits here. Prompt, vocabulary and text are compared all the same. The class is that of a run, because a report in another
 * class of this verifier denies the class that it signed for.
 */
function createEmptyResult(info: TextEngineInfo, header: Pick<Header, 'numericClass'>): TextScoringResult {
  const nothing = { firstOtherChoice: -1, tailGap: undefined, cachedTokens: 0, elapsedMs: 0, windows: [] };
  return { ...nothing, numericClass: nameRerunClass(info, header.numericClass).numericClass, exact: false };
}

/** Whether this model could have made the claim at all, for this request. */
function isOfModel({ header, request, outputTokens, edges = [] }: ScoreJob, info: TextEngineInfo): boolean {
  return (
    // The leader signed that its cohort has the layers of this model.
    edges.every((edge) => edge < (info.layers ?? 0)) &&
    request.asked.bias.every(({ id }) => id < info.vocabularySize) &&
    header.vocabularySize === info.vocabularySize &&
    header.embeddingSize === info.embeddingSize &&
    isSameFormat(header.answerFormat, chooseAnswerFormat(info, request.asked)) &&
    outputTokens.every((token) => token < info.vocabularySize)
  );
}

function findFirstStop(tokens: Uint32Array, stopTokens: Uint32Array): number {
  const stops = new Set(stopTokens);
  return tokens.findIndex((token) => stops.has(token));
}

/** Reads u32 little endian. @param bytes so many that no part of a token is left. */
export function readTokens(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function assertJob(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
