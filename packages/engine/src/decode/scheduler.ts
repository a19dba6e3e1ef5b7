import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createWindowEncoder, type DrawRow, tokenOf, type WindowEncoder } from '@ogong/protocol/commitment/window';
import { createDrawSource, type DrawSource } from '@ogong/protocol/sampling/draw-key';
import { NAT } from '@ogong/protocol/sampling/sampler';
import { EngineError } from '../interface/engine-error.ts';
import type { StopReason, TextGenerationEvent, TextGenerationRequest, TokenLikelihood } from '../interface/text.ts';
import type { BatchContext, BatchModel } from './batch-model.ts';
import { createPositionReader } from './capture/position.ts';
import { createDraftIndex, type DraftIndex } from './draft-index.ts';
import { nativeHash } from './native-hash.ts';
import { createSlots } from './slots.ts';
import { createTextStream, type TextStream } from './text/text-stream.ts';

export interface SchedulerOptions {
  readonly model: BatchModel;
  readonly context: BatchContext;
  /** Prompt rows between two decode steps: bounds how long running replies wait for a newcomer. */
  readonly promptChunk: number;
  /** Requests that may wait for a slot. */
  readonly maxQueue: number;
  /** Tokens of a reply that one step may guess ahead; the context decides how many of them run. */
  readonly maxDrafts: number;
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
  /** Ends a request with stop reason `cancelled` and frees its slot; unknown ids are ignored. */
  cancel(id: number): void;
  /** One decode step for every running reply, which yields a token of each and those that were guessed right; then one prompt chunk. @returns whether there is more to do. */
  step(): boolean;
  readonly running: number;
}

interface Job {
  readonly id: number;
  readonly request: TextGenerationRequest;
  readonly prompt: Uint32Array;
  readonly draws: DrawSource;
  readonly encoder: WindowEncoder | undefined;
  readonly stream: TextStream;
  readonly bias: ReadonlyMap<number, number>;
  readonly counts: Map<number, number>;
  readonly isCounting: boolean;
  readonly output: number[];
  readonly drafts: { proposed: number; accepted: number };
  text: string;
  slot: number;
  /** Rows already in the KV cache. */
  position: number;
  /** Of those, the ones that another prompt may begin with, from the first on. */
  reusable: number;
  /** Rows of the prompt that were there before. */
  cached: number;
  /** The next row's token, once the prompt but for its last token is in. */
  next: number | undefined;
  startedAt: number;
  firstTokenAt: number;
}

/** The first tokens of prompt and reply. */
function takeTokens({ prompt, output }: Job, count: number): Uint32Array {
  const tokens = new Uint32Array(count);
  tokens.set(prompt.subarray(0, count));
  for (let i = prompt.length; i < count; i++) tokens[i] = output[i - prompt.length] as number;
  return tokens;
}

/** Continuous batching: replies join and leave between steps; prompt chunks and decode rows never share a pass. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { model, context, promptChunk, maxQueue, maxDrafts, prefixCache, emit, fail, now } = options;
  const reader = createPositionReader(model.vocabularySize);
  const waiting: Job[] = [];
  const active: Job[] = [];
  const slots = createSlots(context.sequences);
  /** By slot. */
  const indexes: DraftIndex[] = [];

  const admit = () => {
    while (waiting.length > 0 && slots.free > 0) {
      const job = waiting.shift() as Job;
      const { slot, held } = slots.take(job.prompt, job.request.cacheScope);
      context.remove(slot, held);
      job.slot = slot;
      job.position = job.reusable = job.cached = held;
      job.startedAt = now();
      if (held === job.prompt.length - 1) job.next = job.prompt[held];
      active.push(job);
      emit(job.id, { kind: 'start', promptTokens: job.prompt });
    }
  };

  const release = (job: Job, keeps: boolean) => {
    const at = active.indexOf(job);
    if (at >= 0) active.splice(at, 1);
    if (job.slot < 0) return;
    const { cacheScope: scope } = job.request;
    const rows = keeps && prefixCache && scope !== undefined ? job.reusable : 0;
    context.remove(job.slot, rows);
    slots.give(job.slot, scope === undefined ? undefined : { tokens: takeTokens(job, rows), scope });
    job.slot = -1;
  };

  const finish = (job: Job, stopReason: StopReason) => {
    release(job, true);
    const window = job.encoder?.flush();
    if (window !== undefined) emit(job.id, { kind: 'window', window });
    job.text += job.stream.flush();
    const end = now();
    const promptEnd = job.output.length > 0 ? job.firstTokenAt : end;
    emit(job.id, {
      kind: 'end',
      stopReason,
      outputTokens: Uint32Array.from(job.output),
      text: job.text,
      timings: { promptMs: promptEnd - job.startedAt, decodeMs: end - promptEnd },
      cachedTokens: job.cached,
      ...(maxDrafts > 0 ? { drafts: job.drafts } : {}),
    });
  };

  const accept = (job: Job, row: DrawRow, hidden: Float32Array, offset: number, shapeClass: number) => {
    const token = tokenOf(row);
    if (job.output.length === 0) job.firstTokenAt = now();
    job.output.push(token);
    if (job.isCounting) job.counts.set(token, (job.counts.get(token) ?? 0) + 1);
    const window = job.encoder?.push(row, hidden, offset, shapeClass);
    const isEnd = model.isEnd(token);
    const { text, stopped } = isEnd ? { text: '', stopped: false } : job.stream.push(model.bytesOf(token));
    job.text += text;
    emit(job.id, {
      kind: 'token',
      token: describe(row, token),
      alternatives: alternatives(row, job.request.topLogprobs),
      text,
    });
    if (window !== undefined) emit(job.id, { kind: 'window', window });
    job.next = token;
    indexes[job.slot]?.push(token);
    if (isEnd) finish(job, 'stop-token');
    else if (stopped) finish(job, 'stop-string');
    else if (job.output.length >= job.request.maxTokens) finish(job, 'length');
    else if (job.prompt.length + job.output.length >= context.contextSize) finish(job, 'context');
  };

  const describe = (row: DrawRow, token: number): TokenLikelihood => {
    const rank = row.rank;
    const q = rank >= 0 ? (row.q[rank] as number) : (row.tailQ as number);
    return { id: token, bytes: model.bytesOf(token), logprob: -q / NAT };
  };

  const alternatives = (row: DrawRow, count: number): TokenLikelihood[] => {
    if (count === 0) return [];
    const order = Array.from(row.ids, (_, i) => i).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
    return order.slice(0, count).map((i) => {
      const id = row.ids[i] as number;
      return { id, bytes: model.bytesOf(id), logprob: -(row.q[i] as number) / NAT };
    });
  };

  /** A failed pass leaves the cache in an unknown state: every running reply ends with the error. */
  const failAll = (cause: unknown) => {
    const error =
      cause instanceof EngineError
        ? cause
        : new EngineError('engine-crashed', String(cause), { cause, retryable: true });
    for (const job of [...active]) {
      release(job, false);
      fail(job.id, error);
    }
    for (const slot of slots.forget()) context.remove(slot);
  };

  const decodeStep = () => {
    const rows = active.filter((job) => job.next !== undefined).sort((a, b) => a.slot - b.slot);
    if (rows.length === 0) return;
    for (const job of rows) {
      context.add(job.next as number, job.position, job.slot);
      guessAhead(job);
    }
    context.decode(true);
    const logits = context.logits();
    const hidden = context.hidden();
    rows.forEach((job, index) => {
      const { bias, counts, request } = job;
      const ran = context.guessesRun(index);
      const shapeClass = context.shapeOf(index);
      const first = context.outputRow(index);
      for (let i = 0; i <= ran; i++) {
        const offset = (first + i) * model.vocabularySize;
        const inputs = { logits, offset, settings: request.sampler, bias, counts };
        // A draw hangs on its position alone: the row behind a guess counts where the draw before it gave the guess.
        const u = job.draws.draw((request.firstDraw ?? 0) + job.output.length);
        if (job.reusable === job.position && shapeClass === context.promptShape) job.reusable++;
        job.position++;
        accept(job, reader.draw(inputs, u), hidden, (first + i) * model.embeddingSize, shapeClass);
        if (job.slot < 0 || i === ran) break;
        if (job.next !== indexes[job.slot]?.guesses[i]) {
          context.remove(job.slot, job.position);
          break;
        }
        job.drafts.accepted++;
      }
      job.drafts.proposed += ran;
    });
  };

  const guessAhead = (job: Job) => {
    if (maxDrafts === 0) return;
    indexes[job.slot] ??= createDraftIndex({ capacity: context.contextSize, most: maxDrafts });
    const index = indexes[job.slot] as DraftIndex;
    if (job.output.length === 0) {
      index.reset();
      for (const token of job.prompt) index.push(token);
    }
    const room = Math.min(job.request.maxTokens - job.output.length, context.contextSize - job.position) - 1;
    const count = index.guess(room);
    if (count > 0) context.guess(index.guesses, count);
  };

  const prefillStep = () => {
    const job = active.find((candidate) => candidate.next === undefined);
    if (job === undefined) return;
    const last = job.prompt.length - 1;
    const end = Math.min(job.position + Math.min(promptChunk, context.batchSize), last);
    for (; job.position < end; job.position++) context.add(job.prompt[job.position] as number, job.position, job.slot);
    context.decode(false);
    job.reusable = job.position;
    if (job.position === last) job.next = job.prompt[last];
    // To the back, so that prompts take turns.
    active.push(...active.splice(active.indexOf(job), 1));
  };

  return {
    submit(id, request, promptTokens) {
      if (waiting.length >= maxQueue + slots.free) {
        throw new EngineError(
          'overloaded',
          `${active.length} replies are running and ${waiting.length} wait; try again later`,
          { retryable: true },
        );
      }
      const { sampler, sketch } = request;
      const bank =
        request.commit === false
          ? undefined
          : createSketchBank(nativeHash, { ...sketch, embeddingSize: model.embeddingSize });
      waiting.push({
        id,
        request,
        prompt: promptTokens,
        draws: createDrawSource(nativeHash, request.drawKey),
        encoder: bank && createWindowEncoder({ vocabularySize: model.vocabularySize, bank }),
        stream: createTextStream(request.stop),
        bias: new Map(request.bias.map((entry) => [entry.id, entry.biasQ16])),
        counts: new Map(),
        isCounting: sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0,
        output: [],
        drafts: { proposed: 0, accepted: 0 },
        text: '',
        slot: -1,
        position: 0,
        reusable: 0,
        cached: 0,
        next: undefined,
        startedAt: now(),
        firstTokenAt: 0,
      });
    },
    cancel(id) {
      const queued = waiting.findIndex((job) => job.id === id);
      const job = queued >= 0 ? waiting.splice(queued, 1)[0] : active.find((candidate) => candidate.id === id);
      if (job !== undefined) finish(job, 'cancelled');
    },
    step() {
      try {
        admit();
        decodeStep();
        prefillStep();
      } catch (error) {
        failAll(error);
      }
      return active.length > 0 || waiting.length > 0;
    },
    get running() {
      return active.length;
    },
  };
}
