import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import {
  createWindowEncoder,
  type DrawRow,
  tokenOf,
  type WindowEncoder,
} from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource, type DrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { createRepeatedTokens, type RepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import { NAT } from '@ogong/protocol/modality/text/sampling/sampler';
import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationEvent, TextGenerationRequest, TokenLikelihood } from '../interface/text.ts';
import type { BatchContext, BatchModel } from './batch-model.ts';
import type { PositionReader } from './capture/position.ts';
import { createDraftIndex, type DraftIndex } from './draft-index.ts';
import {
  createGrammars,
  type GrammarCursor,
  type Grammars,
  SERVING_WORK,
  type TokenMask,
} from './grammar/grammar-cursor.ts';
import type { ModelDrafter } from './model-drafter.ts';
import { nativeHash } from './native-hash.ts';
import { type Pausable, runPausable } from './pausable.ts';
import { type PlacedPrompt, placePictures } from './picture-rows.ts';
import { cutPiece, findRestart, type PromptRule, ruleOf, shapeOfPrompt } from './prompt-pieces.ts';
import { createSketchBanks, type OpenSketchBank } from './sketch-banks.ts';
import { createSlots, type Slots } from './slots.ts';
import { createTextStream, type TextStream } from './text/text-stream.ts';

export interface SchedulerOptions {
  readonly model: BatchModel;
  readonly context: BatchContext;
  /** Reader of the engine's class. */
  readonly reader: PositionReader;
  /** Prompt rows between two decode steps: bounds how long running replies wait for a newcomer. */
  readonly promptChunk: number;
  /** Requests that may wait for a slot. */
  readonly maxQueue: number;
  /** Tokens of a reply that one step may guess ahead; the context decides how many of them run. */
  readonly maxDrafts: number;
  /** Guesses by a smaller model. Default: guesses come from prompt and reply themselves. */
  readonly drafter?: ModelDrafter | undefined;
  /** Whether prompts may begin with rows that earlier requests of their scope have left. */
  readonly prefixCache: boolean;
  readonly emit: (id: number, event: TextGenerationEvent) => void;
  readonly fail: (id: number, error: EngineError) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface Scheduler {
  /** The request must have been checked (request-check.ts). @throws EngineError('overloaded'). */
  submit(id: number, request: TextGenerationRequest, promptTokens: Uint32Array): void;
  /**
   * Ends a request with stop reason `cancelled` and frees its slot; unknown ids are ignored. A running reply ends with the pass that
   * is under way.
   */
  cancel(id: number): void;
  /**
   * One decode step for every running reply, which yields a token of each and those that were guessed right; then one prompt
   * chunk. The next step begins after this one.
   * @returns whether there is more to do; a promise if the context's passes are promises.
   */
  step(): boolean | Promise<boolean>;
  /** Requests that run or wait. */
  readonly load: number;
}

interface Job {
  readonly id: number;
  readonly request: TextGenerationRequest;
  readonly prompt: Uint32Array;
  readonly placed: PlacedPrompt;
  readonly rule: PromptRule;
  readonly draws: DrawSource;
  readonly encoder: WindowEncoder | undefined;
  readonly stream: TextStream;
  readonly bias: ReadonlyMap<number, number>;
  readonly counts: Map<number, number>;
  readonly isCounting: boolean;
  /** Undefined if there is no repetition penalty. */
  readonly repeated: RepeatedTokens | undefined;
  readonly cursor: GrammarCursor | undefined;
  readonly output: number[];
  readonly drafts: { proposed: number; accepted: number };
  /** Shape class of the prompt's rows before its last token. */
  readonly promptShape: number;
  text: string;
  slot: number;
  /** Rows already in the KV cache. */
  position: number;
  /** How many of these rows, from the first on, another prompt may begin with. */
  reusable: number;
  /** Rows of the prompt that were in the cache before. */
  cached: number;
  /** The next row's token, once the prompt but for its last token is in. */
  next: number | undefined;
  startedAt: number;
  firstTokenAt: number;
}

/** The first rows of prompt and reply. */
function takeRows({ placed: { rows }, output }: Job, count: number): Uint32Array {
  const taken = new Uint32Array(count);
  taken.set(rows.subarray(0, count));
  for (let i = rows.length; i < count; i++) taken[i] = output[i - rows.length] as number;
  return taken;
}

/** The options, and what the steps below read and change. */
interface SchedulerState extends SchedulerOptions {
  readonly grammars: Grammars;
  readonly openBank: OpenSketchBank;
  readonly slots: Slots;
  readonly waiting: Job[];
  readonly active: Job[];
  /** Indexes by slot. */
  readonly indexes: DraftIndex[];
  /** Whether a pass is under way elsewhere. */
  isWaiting: boolean;
  /** Running replies that were cancelled meanwhile. */
  readonly cancelled: Job[];
}

/** Continuous batching: replies join and leave between steps; prompt chunks and decode rows never share a pass. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const state: SchedulerState = {
    ...options,
    grammars: createGrammars(options.model, SERVING_WORK),
    openBank: createSketchBanks(options.model.embeddingSize),
    slots: createSlots(options.context.sequences),
    ...{ waiting: [], active: [], indexes: [], isWaiting: false, cancelled: [] },
  };
  return {
    submit(id, request, promptTokens) {
      if (state.waiting.length >= state.maxQueue + state.slots.free) {
        throw new EngineError(
          'overloaded',
          `${state.active.length} replies are running and ${state.waiting.length} wait; try again later`,
          { retryable: true },
        );
      }
      state.waiting.push(createJob(state, id, request, promptTokens));
    },
    cancel(id) {
      const queued = state.waiting.findIndex((job) => job.id === id);
      const job =
        queued >= 0 ? state.waiting.splice(queued, 1)[0] : state.active.find((candidate) => candidate.id === id);
      if (job === undefined) return;
      if (state.isWaiting && queued < 0) state.cancelled.push(job);
      else finish(state, job, 'cancelled');
    },
    step: () => runPausable(runStep(state)),
    get load() {
      return state.active.length + state.waiting.length;
    },
  };
}

function* runStep(state: SchedulerState): Pausable<boolean> {
  try {
    admit(state);
    yield* decodeStep(state);
    yield* prefillStep(state);
  } catch (error) {
    failAll(state, error);
  }
  return state.active.length > 0 || state.waiting.length > 0;
}

/** Runs the added rows, and then ends the replies that were cancelled meanwhile. */
function* runPass(state: SchedulerState, outputs: boolean): Pausable<void> {
  const pass = state.context.decode(outputs);
  if (pass === undefined) return;
  state.isWaiting = true;
  try {
    yield pass;
  } finally {
    state.isWaiting = false;
    for (const job of state.cancelled.splice(0)) if (isRunning(job)) finish(state, job, 'cancelled');
  }
}

const isRunning = ({ slot }: Job): boolean => slot >= 0;

function createJob(state: SchedulerState, id: number, request: TextGenerationRequest, promptTokens: Uint32Array): Job {
  const { sampler, sketch, prompt } = request;
  const cursor = openGrammar(state, request, promptTokens);
  const placed = placePictures(state.model.pictures, promptTokens, prompt.pictures);
  const rule = ruleOf(state.context, placed.hasPictures);
  const bank = request.commit === false ? undefined : state.openBank(sketch);
  return {
    id,
    request,
    prompt: promptTokens,
    placed,
    rule,
    draws: createDrawSource(nativeHash, request.drawKey),
    encoder: bank && createWindowEncoder({ vocabularySize: state.model.vocabularySize, bank }),
    stream: createTextStream(request.stop),
    bias: new Map(request.bias.map((entry) => [entry.id, entry.biasQ16])),
    counts: new Map(),
    isCounting: sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0,
    repeated: createRepeatedTokens(sampler, promptTokens),
    cursor,
    output: [],
    drafts: { proposed: 0, accepted: 0 },
    promptShape: shapeOfPrompt(rule, promptTokens.length - 1),
    text: '',
    slot: -1,
    position: 0,
    reusable: 0,
    cached: 0,
    next: undefined,
    startedAt: state.now(),
    firstTokenAt: 0,
  };
}

/** @throws EngineError('invalid-request') */
function openGrammar(
  { grammars }: SchedulerState,
  { grammar, firstDraw = 0 }: TextGenerationRequest,
  promptTokens: Uint32Array,
): GrammarCursor | undefined {
  const cursor = grammar === undefined ? undefined : grammars.open(grammar);
  // The reply that is continued stands at the end of the prompt.
  for (const token of promptTokens.subarray(promptTokens.length - firstDraw)) cursor?.accept(token);
  return cursor;
}

function admit(state: SchedulerState): void {
  while (state.waiting.length > 0 && state.slots.free > 0) {
    const job = state.waiting.shift() as Job;
    const { promptShape: shapeClass, request } = job;
    const { slot, held } = state.slots.take(job.placed.rows, { scope: request.cacheScope, shapeClass });
    const last = job.prompt.length - 1;
    const from = job.placed.restartOf(findRestart(job.rule, { held, rows: last }));
    state.context.remove(slot, from);
    state.context.name?.(slot, request.passKey);
    job.slot = slot;
    job.position = job.reusable = job.cached = from;
    job.startedAt = state.now();
    if (from === last) job.next = job.prompt[last];
    state.active.push(job);
    state.emit(job.id, { kind: 'start', promptTokens: job.prompt });
  }
}

/** Rows of a job that another prompt may begin with. */
const restartOf = ({ placed, reusable }: Job): number =>
  reusable < placed.rows.length ? placed.restartOf(reusable) : reusable;

function release(state: SchedulerState, job: Job, keeps: boolean): void {
  const rest = keeps ? restartOf(job) : 0;
  job.placed.release();
  const at = state.active.indexOf(job);
  if (at >= 0) state.active.splice(at, 1);
  if (job.slot < 0) return;
  const { cacheScope: scope } = job.request;
  const { promptShape: shapeClass } = job;
  const rows = keeps && state.prefixCache && scope !== undefined ? rest : 0;
  state.context.remove(job.slot, rows);
  state.slots.give(job.slot, scope === undefined ? undefined : { tokens: takeRows(job, rows), scope, shapeClass });
  job.slot = -1;
}

function finish(state: SchedulerState, job: Job, stopReason: StopReason, stuck?: string): void {
  release(state, job, true);
  const window = job.encoder?.flush();
  if (window !== undefined) state.emit(job.id, { kind: 'window', window });
  job.text += job.stream.flush();
  const end = state.now();
  const promptEnd = job.output.length > 0 ? job.firstTokenAt : end;
  state.emit(job.id, {
    kind: 'end',
    stopReason,
    ...(stuck !== undefined && { stuck }),
    outputTokens: Uint32Array.from(job.output),
    text: job.text,
    timings: { promptMs: promptEnd - job.startedAt, decodeMs: end - promptEnd },
    cachedTokens: job.cached,
    ...(state.maxDrafts > 0 ? { drafts: job.drafts } : {}),
  });
}

function accept(
  state: SchedulerState,
  job: Job,
  row: DrawRow,
  hidden: Float32Array,
  offset: number,
  shapeClass: number,
): void {
  const token = tokenOf(row);
  if (job.output.length === 0) job.firstTokenAt = state.now();
  job.output.push(token);
  if (job.isCounting) job.counts.set(token, (job.counts.get(token) ?? 0) + 1);
  job.repeated?.push(token);
  job.cursor?.accept(token);
  const window = job.encoder?.push(row, hidden, offset, shapeClass);
  const isEnd = state.model.isEnd(token);
  const { text, stopped } = isEnd ? { text: '', stopped: false } : job.stream.push(state.model.bytesOf(token));
  job.text += text;
  state.emit(job.id, {
    kind: 'token',
    token: describe(state, row, token),
    alternatives: listAlternatives(state, row, job.request.topLogprobs),
    text,
  });
  if (window !== undefined) state.emit(job.id, { kind: 'window', window });
  job.next = token;
  state.indexes[job.slot]?.push(token);
  if (isEnd) finish(state, job, 'stop-token');
  else if (stopped) finish(state, job, 'stop-string');
  else if (job.output.length >= job.request.maxTokens) finish(state, job, 'length');
  else if (job.prompt.length + job.output.length >= state.context.contextSize) finish(state, job, 'context');
}

function describe(state: SchedulerState, row: DrawRow, token: number): TokenLikelihood {
  const rank = row.rank;
  const q = rank >= 0 ? (row.q[rank] as number) : (row.tailQ as number);
  return { id: token, bytes: state.model.bytesOf(token), logprob: -q / NAT };
}

function listAlternatives(state: SchedulerState, row: DrawRow, count: number): TokenLikelihood[] {
  if (count === 0) return [];
  const order = Array.from(row.ids, (_, i) => i).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
  return order.slice(0, count).map((i) => {
    const id = row.ids[i] as number;
    return { id, bytes: state.model.bytesOf(id), logprob: -(row.q[i] as number) / NAT };
  });
}

/** A failed pass leaves the cache in an unknown state: every running reply ends with the error. */
function failAll(state: SchedulerState, cause: unknown): void {
  const error =
    cause instanceof EngineError ? cause : new EngineError('engine-crashed', String(cause), { cause, retryable: true });
  for (const job of [...state.active]) {
    release(state, job, false);
    state.fail(job.id, error);
  }
  for (const slot of state.slots.forget()) state.context.remove(slot);
  state.drafter?.forget();
}

function* decodeStep(state: SchedulerState): Pausable<void> {
  const rows = state.active.filter((job) => job.next !== undefined).sort((a, b) => a.slot - b.slot);
  if (rows.length === 0) return;
  const drafted = draftAhead(state, rows);
  for (const job of rows) {
    state.context.add(job.next as number, job.position, job.slot);
    if (state.drafter === undefined) guessAhead(state, job);
    else if (drafted > 0) state.context.guess(state.drafter.guessesOf(job.slot), drafted);
  }
  yield* runPass(state, true);
  const logits = state.context.logits();
  const hidden = state.context.hidden();
  rows.forEach((job, index) => {
    if (!isRunning(job)) return;
    const { bias, counts, repeated, request } = job;
    const ran = state.context.guessesRun(index);
    const shapeClass = state.context.shapeOf(index);
    const first = state.context.outputRow(index);
    for (let i = 0; i <= ran; i++) {
      const offset = (first + i) * state.model.vocabularySize;
      const mask = findMask(state, job);
      if (mask === 'failed') break;
      const inputs = { logits, offset, settings: request.sampler, bias, counts, repeated: repeated?.counts, mask };
      // A draw depends on its position only, so the row behind a guess counts if the draw before it gave that guess.
      const u = job.draws.draw((request.firstDraw ?? 0) + job.output.length);
      if (job.reusable === job.position && shapeClass === job.promptShape) job.reusable++;
      job.position++;
      accept(state, job, state.reader.draw(inputs, u), hidden, (first + i) * state.model.embeddingSize, shapeClass);
      if (!isRunning(job) || i === ran) break;
      if (job.next !== guessesOf(state, job.slot)?.[i]) {
        state.context.remove(job.slot, job.position);
        break;
      }
      job.drafts.accepted++;
    }
    job.drafts.proposed += ran;
  });
}

/**
 * Finds the tokens that a reply's grammar allows next. If it allows none, the reply ends with the text that it has, or fails without
 * one. No other reply is concerned.
 */
function findMask(state: SchedulerState, job: Job): TokenMask | undefined | 'failed' {
  if (job.cursor === undefined) return undefined;
  let error: EngineError;
  try {
    const mask = job.cursor.mask();
    if (mask !== undefined && mask.count > 0) return mask;
    error = new EngineError('invalid-request', "no token of this model goes on where the request's grammar needs one");
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    error = cause;
  }
  if (job.output.length > 0) {
    finish(state, job, 'cancelled', error.message);
  } else {
    release(state, job, false);
    state.fail(job.id, error);
  }
  return 'failed';
}

const guessesOf = ({ drafter, indexes }: SchedulerState, slot: number): Int32Array | undefined =>
  drafter === undefined ? indexes[slot]?.guesses : drafter.guessesOf(slot);

/** How many tokens of each reply may still be guessed behind its next one. */
const roomOf = ({ context }: SchedulerState, { request, output, position }: Job): number =>
  Math.min(request.maxTokens - output.length, context.contextSize - position) - 1;

/** Lets the draft model guess for all replies. @returns how many tokens of each. */
function draftAhead(state: SchedulerState, jobs: readonly Job[]): number {
  if (state.drafter === undefined) return 0;
  return state.drafter.guess(
    jobs.map((job) => {
      const { prompt, output, request, draws, bias, counts, repeated } = job;
      return {
        sequence: job.slot,
        length: prompt.length + output.length,
        tokenAt: (index) => (index < prompt.length ? prompt[index] : output[index - prompt.length]) as number,
        drawAt: (i) => draws.draw((request.firstDraw ?? 0) + output.length + i),
        ...{ settings: request.sampler, bias, counts, repeated: repeated?.counts, room: roomOf(state, job) },
      };
    }),
  );
}

function guessAhead(state: SchedulerState, job: Job): void {
  if (state.maxDrafts === 0) return;
  state.indexes[job.slot] ??= createDraftIndex({ capacity: state.context.contextSize, most: state.maxDrafts });
  const index = state.indexes[job.slot] as DraftIndex;
  if (job.output.length === 0) {
    index.reset();
    for (const token of job.prompt) index.push(token);
  }
  const count = index.guess(roomOf(state, job));
  if (count > 0) state.context.guess(index.guesses, count);
}

function* prefillStep(state: SchedulerState): Pausable<void> {
  const job = state.active.find((candidate) => candidate.next === undefined);
  if (job === undefined) return;
  const last = job.prompt.length - 1;
  const { end, shapeClass } = cutPiece(job.rule, { from: job.position, rows: last, chunk: state.promptChunk });
  for (; job.position < end; job.position++)
    state.context.add(job.placed.rows[job.position] as number, job.position, job.slot, shapeClass);
  yield* runPass(state, false);
  if (!isRunning(job)) return;
  job.reusable = job.position;
  if (job.position === last) job.next = job.prompt[last];
  // Move it to the back, so that prompts take turns.
  state.active.push(...state.active.splice(state.active.indexOf(job), 1));
}
