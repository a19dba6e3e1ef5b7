import { EngineError } from '../interface/engine-error.ts';
import type { TextScoringRequest, TextScoringResult } from '../interface/text.ts';
import type { BatchContext, BatchModel, EdgeContext } from './batch-model.ts';
import type { PositionReader } from './capture/position.ts';
import { createEdgeReader, type EdgeReader } from './edge-reader.ts';
import type { Grammars } from './grammar/grammar-cursor.ts';
import { type Pausable, runPausable } from './pausable.ts';
import { type PlacedPrompt, placePictures } from './picture-rows.ts';
import { cutPiece, findRestart, type PromptRule, ruleOf, shapeOfPrompt } from './prompt-pieces.ts';
import { type ClaimReader, createClaimReader, endOfSlice, SHORT_SLICE } from './scorer.ts';
import { createSlots, LEAST_HELD, type Slots } from './slots.ts';

/** Output rows per pass: bounds the logits buffer (f32[rows, vocabulary]) to this many bytes. */
const MAX_OUTPUT_BYTES = 32 * 2 ** 20;
/** A verifier serves nobody with its scores: it reads any of them again for any other. */
const SCORES = 'scores';

export type QueuedScore = Pick<
  TextScoringResult,
  'windows' | 'firstOtherChoice' | 'tailGap' | 'cachedTokens' | 'edges'
>;

/** A context that may show the rows between layers, if it has one sequence. */
type ScoreContext = BatchContext & Partial<Pick<EdgeContext, 'watch'>>;

export interface ScoreQueueOptions {
  readonly model: BatchModel;
  /**
   * A free context, opened at the first score and after `free`. It has one sequence for each reply that a pass may score. Several are only for a
   * class whose rows do not depend on the other rows of a pass.
   */
  readonly openContext: () => ScoreContext;
  /** Returns the reader of a claim, by the class that it names. */
  readonly readerOf: (claimedClass: string) => PositionReader;
  readonly grammars: Grammars;
  /** Whether a score may begin with rows that earlier ones have left. */
  readonly keepsRows: boolean;
  readonly done: (id: number, score: QueuedScore) => void;
  readonly fail: (id: number, error: unknown) => void;
}

/**
 * Teacher-forced passes over claimed replies, in slices: running replies go on between two steps. Replies whose prompts are in
 * the cache share passes.
 */
export interface ScoreQueue {
  /** The request must have been checked (request-check.ts). @throws EngineError('invalid-request') if its pictures do not fit. */
  submit(id: number, request: TextScoringRequest): void;
  /** @returns whether there was such a score. It sends nothing more. */
  cancel(id: number): boolean;
  /** One pass; the next step begins after this one. @returns whether there is more to do; a promise if the pass is one. */
  step(): boolean | Promise<boolean>;
  /** Frees the context. Scores that wait are lost. */
  free(): void;
}

interface Waiting {
  readonly id: number;
  readonly request: TextScoringRequest;
  readonly placed: PlacedPrompt;
  readonly rule: PromptRule;
  /** Rows of prompt and reply. */
  readonly rows: Uint32Array;
}

interface Score extends Waiting {
  readonly sequence: number;
  readonly reader: ClaimReader;
  readonly edges: EdgeReader | undefined;
  /** Shape class of the prompt's rows before its last token. */
  readonly promptShape: number;
  readonly cachedTokens: number;
  /** Rows that are in the cache. */
  position: number;
  /** Rows, from the first on, that another prompt may begin with. */
  reusable: number;
}

interface QueueState extends ScoreQueueOptions {
  readonly context: ScoreContext;
  readonly slots: Slots;
  /** Output rows of a pass. */
  readonly widest: number;
  readonly waiting: Waiting[];
  readonly active: Score[];
  /** Whether a pass is under way elsewhere. */
  isWaiting: boolean;
  /** Scores that were cancelled meanwhile. */
  readonly cancelled: Set<Score>;
}

export function createScoreQueue(options: ScoreQueueOptions): ScoreQueue {
  let state: QueueState | undefined;
  const open = (): QueueState => {
    const context = options.openContext();
    const fitting = Math.floor(MAX_OUTPUT_BYTES / (4 * options.model.vocabularySize));
    return {
      ...options,
      ...{ context, waiting: [], active: [], isWaiting: false, cancelled: new Set() },
      slots: createSlots(context.sequences),
      widest: Math.max(SHORT_SLICE, Math.min(context.batchSize, fitting)),
    };
  };
  return {
    submit(id, request) {
      state ??= open();
      const { promptTokens, outputTokens } = request;
      const placed = placePictures(options.model.pictures, promptTokens, request.pictures);
      const rows = new Uint32Array(promptTokens.length + outputTokens.length);
      rows.set(placed.rows);
      rows.set(outputTokens, promptTokens.length);
      state.waiting.push({ id, request, placed, rule: ruleOf(state.context, placed.hasPictures), rows });
    },
    cancel(id) {
      if (state === undefined) return false;
      const queued = state.waiting.findIndex((each) => each.id === id);
      if (queued >= 0) state.waiting.splice(queued, 1)[0]?.placed.release();
      const running = state.active.find((each) => each.id === id);
      if (running !== undefined && state.isWaiting) state.cancelled.add(running);
      else if (running !== undefined) release(state, running, 0);
      return queued >= 0 || running !== undefined;
    },
    step: () => (state === undefined ? false : runPausable(runStep(state))),
    free() {
      state?.context.free();
      state = undefined;
    },
  };
}

function* runStep(state: QueueState): Pausable<boolean> {
  try {
    admit(state);
    const prompting = state.active.find(isPrompting);
    if (prompting !== undefined) yield* runPrompts(state, prompting);
    else if (state.active.length > 0) yield* runOutputs(state);
  } catch (error) {
    failAll(state, error);
  }
  return state.active.length > 0 || state.waiting.length > 0;
}

/** Runs the added rows, and then releases the scores that were cancelled meanwhile. */
function* runPass(state: QueueState, outputs: boolean): Pausable<void> {
  const pass = state.context.decode(outputs);
  if (pass === undefined) return;
  state.isWaiting = true;
  try {
    yield pass;
  } finally {
    state.isWaiting = false;
    for (const score of state.cancelled) release(state, score, 0);
    state.cancelled.clear();
  }
}

const lastOf = ({ request }: Waiting): number => request.promptTokens.length - 1;
const isPrompting = (score: Score): boolean => score.position < lastOf(score);

/**
 * Finds the next reply: one that continues the rows of a free sequence, or else the first one that continues none that is being
 * scored. The latter has its rows from there when that is done.
 */
function findNext({ waiting, active, slots, keepsRows }: QueueState): number {
  if (!keepsRows) return 0;
  const shapeOf = (each: Waiting): number => shapeOfPrompt(each.rule, lastOf(each));
  const continues = (each: Waiting, rows: number): boolean => rows >= LEAST_HELD && 2 * rows >= lastOf(each);
  const held = waiting.findIndex((each) =>
    continues(each, slots.find(each.placed.rows, { scope: SCORES, shapeClass: shapeOf(each) })),
  );
  if (held >= 0) return held;
  return waiting.findIndex(
    (each) =>
      !active.some(
        ({ rows, promptShape }) =>
          promptShape === shapeOf(each) && continues(each, countShared(rows, each.placed.rows)),
      ),
  );
}

function countShared(tokens: Uint32Array, prompt: Uint32Array): number {
  const most = Math.min(tokens.length, prompt.length) - 1;
  let shared = 0;
  while (shared < most && tokens[shared] === prompt[shared]) shared++;
  return shared;
}

function admit(state: QueueState): void {
  const { model, context, slots, waiting, active, keepsRows } = state;
  while (waiting.length > 0 && slots.free > 0) {
    const at = findNext(state);
    if (at < 0) return;
    const [next] = waiting.splice(at, 1) as [Waiting];
    const last = lastOf(next);
    const promptShape = shapeOfPrompt(next.rule, last);
    let reader: ClaimReader;
    let edges: EdgeReader | undefined;
    try {
      reader = createClaimReader(model, next.request, {
        grammars: state.grammars,
        reader: state.readerOf(next.request.numericClass),
      });
      edges = createEdgeReader(model, next.request);
    } catch (error) {
      next.placed.release();
      state.fail(next.id, error);
      continue;
    }
    const scope = keepsRows ? SCORES : undefined;
    const { slot: sequence, held } = slots.take(next.placed.rows, { scope, shapeClass: promptShape });
    const from = next.placed.restartOf(findRestart(next.rule, { held, rows: last }));
    context.remove(sequence, from);
    if (edges !== undefined) context.watch?.(edges.edges, edges.push);
    active.push({ ...next, sequence, reader, edges, promptShape, cachedTokens: from, position: from, reusable: from });
  }
}

/** @param rows that stay in the cache for another score. */
function release({ context, slots, active, keepsRows }: QueueState, score: Score, rows: number): void {
  const at = active.indexOf(score);
  if (at < 0) return;
  active.splice(at, 1);
  const { sequence, placed, promptShape: shapeClass } = score;
  placed.release();
  const kept = keepsRows ? rows : 0;
  context.remove(sequence, kept);
  slots.give(sequence, keepsRows ? { tokens: score.rows.subarray(0, kept), scope: SCORES, shapeClass } : undefined);
}

/** Rows of prompts, as many of each: of all replies if no rule cuts them, of one if their pass holds one sequence. */
function* runPrompts(state: QueueState, first: Score): Pausable<void> {
  const { context, active } = state;
  const isCut = first.promptShape !== 0;
  const scores = isCut ? [first] : active.filter((score) => isPrompting(score) && score.promptShape === 0);
  scores.sort((a, b) => a.sequence - b.sequence).splice(context.batchSize);
  const left = Math.min(...scores.map((score) => lastOf(score) - score.position));
  const even = Math.min(left, Math.floor(context.batchSize / scores.length));
  for (const score of scores) {
    const { end, shapeClass } = isCut
      ? cutPiece(score.rule, { from: score.position, rows: lastOf(score) })
      : { end: score.position + even, shapeClass: 0 };
    for (; score.position < end; score.position++)
      context.add(score.rows[score.position] as number, score.position, score.sequence, shapeClass);
  }
  yield* runPass(state, false);
  for (const score of scores) score.reusable = score.position;
}

/**
 * Runs the next positions, equally many of every reply. llama.cpp cuts a pass where its sequences have different lengths. A single
 * row that is left over has other bits with float weights.
 */
function* runOutputs(state: QueueState): Pausable<void> {
  const { context, active, widest } = state;
  const scores = [...active].sort((a, b) => a.sequence - b.sequence).slice(0, widest);
  const left = Math.min(...scores.map(({ rows, position }) => rows.length - 1 - position));
  const even = Math.min(left, Math.max(1, Math.floor(widest / scores.length)));
  const firsts = scores.map(({ position }) => position);
  for (const score of scores) {
    const { shapeClasses } = score.request;
    const last = lastOf(score);
    const from = score.position - last;
    const end = last + endOfSlice(context, shapeClasses, { from, limit: from + even });
    for (; score.position < end; score.position++)
      context.add(
        score.rows[score.position] as number,
        score.position,
        score.sequence,
        shapeClasses?.[score.position - last],
      );
  }
  yield* runPass(state, true);
  const outputs = { logits: context.logits(), hidden: context.hidden() };
  let index = 0;
  scores.forEach((score, i) => {
    const rows = score.position - (firsts[i] as number);
    try {
      for (let j = 0; j < rows && active.includes(score); j++)
        readRow(context, score, { outputs, index: index + j, at: (firsts[i] as number) + j });
    } catch (error) {
      // The failure of one claim, such as a grammar that costs too much, ends no other claim.
      release(state, score, 0);
      state.fail(score.id, error);
    }
    index += rows;
    if (!active.includes(score) || score.position < score.rows.length - 1) return;
    const { reader, edges, cachedTokens } = score;
    const result = { ...reader.finish(), cachedTokens, ...(edges && { edges: edges.finish() }) };
    release(state, score, score.reusable);
    state.done(score.id, result);
  });
}

function readRow(
  context: BatchContext,
  score: Score,
  {
    outputs,
    index,
    at,
  }: { readonly outputs: Parameters<ClaimReader['read']>[0]; readonly index: number; readonly at: number },
): void {
  const shapeClass = context.shapeOf(index);
  score.reader.read(outputs, context.outputRow(index), shapeClass);
  if (score.reusable === at && shapeClass === score.promptShape) score.reusable++;
}

/** After a pass that failed, the cache is in an unknown state. */
function failAll(state: QueueState, cause: unknown): void {
  const error =
    cause instanceof EngineError ? cause : new EngineError('engine-crashed', String(cause), { cause, retryable: true });
  for (const score of [...state.active]) {
    release(state, score, 0);
    state.fail(score.id, error);
  }
  for (const slot of state.slots.forget()) state.context.remove(slot);
}
