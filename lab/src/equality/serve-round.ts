import { createHash } from 'node:crypto';
import type {
  TextEngine,
  TextGenerationEvent,
  TextGenerationRequest,
  TextScoringRequest,
} from '@ogong/engine/interface/text';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { decodeDraws, expandRuns } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { listTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { createPrompt, drawOutPrompt, PROMPT_KINDS } from '@ogong/provider/calibration/prompts';
import { planRequest } from '@ogong/provider/calibration/request-plan';
import { parseModelRequest } from '@ogong/provider/modality/text/model-request';
import { MOST_STREAMS } from './ways.ts';

/** Counts of the compared replies. */
export interface RoundCounts {
  readonly replies: number;
  readonly tokens: number;
  /** Replies whose re-run differs in a byte. */
  readonly differing: number;
  /** Prompt tokens that were found in the KV cache. */
  readonly cached: number;
  /** Tokens that a draft had guessed right. */
  readonly drafted: number;
  /** Replies that were cancelled; the part that was generated is compared. */
  readonly cancelled: number;
  /** Largest prompt and reply, tokens. */
  readonly longest: number;
}

export const NO_COUNTS: RoundCounts = {
  ...{ replies: 0, tokens: 0, differing: 0, cached: 0, drafted: 0, cancelled: 0, longest: 0 },
};

export const addCounts = (a: RoundCounts, b: RoundCounts): RoundCounts => ({
  replies: a.replies + b.replies,
  tokens: a.tokens + b.tokens,
  differing: a.differing + b.differing,
  cached: a.cached + b.cached,
  drafted: a.drafted + b.drafted,
  cancelled: a.cancelled + b.cancelled,
  longest: Math.max(a.longest, b.longest),
});

interface RoundOptions {
  readonly provider: TextEngine;
  readonly verifier: TextEngine;
  /** Decides prompts, sampler settings, how many conversations run side by side, and where one is cancelled. */
  readonly seed: number;
  /** Of a reply. */
  readonly maxTokens: number;
  /** A third of the prompts are lengthened, up to this. */
  readonly promptTokens: number;
  readonly signal: AbortSignal;
  /** Called after every reply with the counts that it adds. */
  readonly onReply?: (counts: RoundCounts) => void;
}

/** Share of rounds that use every stream. The others use a random number of streams. */
const FULL = 0.5;
/** Conversations in each stream, one after the other. */
const CONVERSATIONS = 3;
const TURNS = 3;
const CANCELLED = 0.1;
const CARRIED_ON = 0.7;

/**
 * Serves parallel conversations of one to three turns; a turn continues the previous one or starts anew. The verifier runs
 * each reply again as soon as it is complete, while the others go on.
 * @throws EngineError
 */
export async function serveRound({ seed, ...options }: RoundOptions): Promise<RoundCounts> {
  const random = createSeededRandom(seed);
  const streams = random() < FULL ? MOST_STREAMS : 1 + Math.floor(MOST_STREAMS * random());
  const counts = await Promise.all(
    Array.from({ length: streams }, async (_, stream) => {
      let total = NO_COUNTS;
      for (let i = 0; i < CONVERSATIONS; i++) {
        const number = CONVERSATIONS * (MOST_STREAMS * seed + stream) + i;
        total = addCounts(total, await converse({ ...options, seed: number }));
      }
      return total;
    }),
  );
  return counts.reduce(addCounts, NO_COUNTS);
}

async function converse({ provider, verifier, seed, signal, onReply, ...plan }: RoundOptions): Promise<RoundCounts> {
  const random = createSeededRandom(seed);
  const { contextSize } = provider.info();
  const { maxTokens } = plan;
  let before = new Uint32Array(0);
  let total = NO_COUNTS;
  const turns = 1 + Math.floor(TURNS * random());
  for (let turn = 0; turn < turns && !signal.aborted; turn++) {
    const own = await planTurn(provider, { ...plan, seed: 8 * seed + turn });
    const tokens = Uint32Array.from([...before, ...own.tokens]);
    const isCarriedOn = tokens.length + maxTokens <= contextSize;
    const request: TextGenerationRequest = {
      ...own.request,
      prompt: { kind: 'tokens', tokens: isCarriedOn ? tokens : own.tokens },
    };
    const cancelAfter = random() < CANCELLED ? 1 + Math.floor(20 * random()) : undefined;
    const reply = await serve(provider, request, { cancelAfter, signal });
    if (reply === undefined) break;
    const { promptTokens, outputTokens, windows, end } = reply;
    const isSame = await isReproduced({ provider, verifier }, request, reply);
    const counts: RoundCounts = {
      replies: 1,
      tokens: outputTokens.length,
      differing: isSame ? 0 : 1,
      cached: end.cachedTokens,
      drafted: end.drafts?.accepted ?? 0,
      cancelled: end.stopReason === 'cancelled' ? 1 : 0,
      longest: promptTokens.length + outputTokens.length,
    };
    onReply?.(counts);
    total = addCounts(total, counts);
    if (windows.length === 0) break;
    before = random() < CARRIED_ON ? Uint32Array.from([...promptTokens, ...outputTokens]) : new Uint32Array(0);
  }
  return total;
}

async function planTurn(
  engine: TextEngine,
  { seed, maxTokens, promptTokens }: Pick<RoundOptions, 'seed' | 'maxTokens' | 'promptTokens'>,
) {
  const kind = pick(createSeededRandom(seed), PROMPT_KINDS);
  const prompts = [drawOutPrompt(createPrompt(kind, seed), seed, promptTokens)];
  const { asked, prompt } = parseModelRequest(planRequest({ maxTokens, prompts, sampler: 'any' }, seed), 'chat', 0);
  const { vocabularySize, contextSize } = engine.info();
  const digest = (name: string): Uint8Array => createHash('sha256').update(`${name} ${seed}`).digest();
  const request: TextGenerationRequest = {
    prompt,
    sampler: asked.sampler,
    bias: asked.bias.filter(({ id }) => id < vocabularySize),
    drawKey: digest('draws'),
    maxTokens,
    stop: [],
    sketch: { bankSeed: digest('bank'), directions: 16 },
    topLogprobs: 0,
    cacheScope: 'equality',
  };
  const tokens = await engine.tokenizePrompt(prompt);
  return { request, tokens: tokens.subarray(0, contextSize - maxTokens) };
}

interface Served {
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
  readonly windows: readonly WindowBytes[];
  readonly end: Extract<TextGenerationEvent, { kind: 'end' }>;
}

async function serve(
  engine: TextEngine,
  request: TextGenerationRequest,
  { cancelAfter, signal }: { readonly cancelAfter: number | undefined; readonly signal: AbortSignal },
): Promise<Served | undefined> {
  const cancelling = new AbortController();
  const windows: WindowBytes[] = [];
  let promptTokens = new Uint32Array(0);
  let seen = 0;
  for await (const event of engine.generate(request, { signal: AbortSignal.any([signal, cancelling.signal]) })) {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'token' && ++seen === cancelAfter) cancelling.abort();
    else if (event.kind === 'end') {
      const { outputTokens } = event;
      return outputTokens.length === 0 ? undefined : { promptTokens, outputTokens, windows, end: event };
    }
  }
  return undefined;
}

/** Whether one teacher-forced pass in the class gives the same bytes, the same lists and the same draws. */
async function isReproduced(
  { provider, verifier }: Pick<RoundOptions, 'provider' | 'verifier'>,
  { drawKey, sampler, bias, sketch }: TextGenerationRequest,
  { promptTokens, outputTokens, windows }: Served,
): Promise<boolean> {
  const { vocabularySize, numericClass } = provider.info();
  const draws = windows.map((window) => decodeDraws(window.draws, { vocabularySize }));
  const rows = draws.flatMap((each) => each.rows);
  const score: TextScoringRequest = {
    ...{ promptTokens, outputTokens, sampler, bias, sketch, numericClass },
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    shapeClasses: Uint8Array.from(draws.flatMap(({ runs }) => [...expandRuns(runs)])),
    tailDraws: listTailDraws(createDrawSource(nodeCrypto, drawKey), rows),
  };
  const scored = await verifier.score(score);
  return scored.exact && scored.firstOtherChoice < 0 && isSameText(scored.windows, windows);
}

const isSameText = (a: readonly WindowBytes[], b: readonly WindowBytes[]): boolean =>
  a.length === b.length &&
  a.every(({ draws, sketch }, i) => {
    const other = b[i] as WindowBytes;
    return equalBytes(draws, other.draws) && equalBytes(sketch, other.sketch);
  });
