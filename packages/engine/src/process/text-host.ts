import { nameRerunClass } from '@ogong/protocol/tier/lane-class';
import type { BatchModel } from '../decode/batch-model.ts';
import { createPositionReaders } from '../decode/capture/position-readers.ts';
import { createGrammars, SCORING_WORK } from '../decode/grammar/grammar-cursor.ts';
import type { ModelDrafter } from '../decode/model-drafter.ts';
import { type Pausable, settle } from '../decode/pausable.ts';
import {
  assertGenerateRequest,
  assertPictures,
  assertPromptTokens,
  assertScoreRequest,
  assertTraceRequest,
} from '../decode/request-check.ts';
import { createScheduler, type Scheduler } from '../decode/scheduler.ts';
import { createScoreQueues } from '../decode/score-queues.ts';
import { openTraceContext, traceReply } from '../decode/trace.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { Prompt, TextEngineInfo, TextGenerationEvent, TextGenerationRequest } from '../interface/text.ts';
import type { HostMessage } from './child-messages.ts';
import { toPlainError } from './plain-error.ts';
import type { TextCall } from './text-messages.ts';
import { createTurnLoop } from './turn-loop.ts';

export interface TextHostOptions {
  readonly model: BatchModel;
  readonly info: TextEngineInfo;
  readonly promptChunk: number;
  readonly maxQueue: number;
  /** See SchedulerOptions; 0. */
  readonly maxDrafts?: number | undefined;
  /** Guesses `maxDrafts` tokens at most, in place of what the text repeats. Its context has as many sequences. */
  readonly drafter?: ModelDrafter | undefined;
  /** See SchedulerOptions; on, if the engine is exact. */
  readonly prefixCache?: boolean | undefined;
  /**
   * How long tokens may wait for those of the next steps, so that fast steps share a message. A reply's beginning, its first
   * token and its end wait for nothing. Default: not at all.
   */
  readonly gatherMs?: number | undefined;
  readonly tokenizePrompt: (prompt: Prompt) => Uint32Array;
  readonly usesTemplate: (prompt: Prompt) => boolean;
  /**
   * Groups of sequences with a scheduler each, whose passes may be under way at the same time. It divides the sequences. Only for a model
   * whose passes are promises, without a drafter. Default: 1.
   */
  readonly groups?: number | undefined;
  /** Slows every step down, for tests. */
  readonly stepDelayMs?: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs one model for its parent: the loop around scheduler and scorer, free of processes and pointers. */
export interface TextHost {
  generate(id: number, request: TextGenerationRequest): void;
  call(id: number, call: TextCall): void;
  cancel(id: number): void;
  close(): void;
}

type TraceCall = Extract<TextCall, { kind: 'trace' }>;

interface Trace {
  readonly id: number;
  readonly request: TraceCall['request'];
  readonly startedAt: number;
  pass: ReturnType<typeof traceReply> | undefined;
}

/** A request for a re-run. */
interface Asked {
  /** The claimed one. */
  readonly numericClass: string;
  readonly startedAt: number;
}

function answerAtOnce(
  { model, info, tokenizePrompt, usesTemplate }: TextHostOptions,
  call: Extract<TextCall, { readonly kind: 'tokenize' | 'template' | 'detokenize' }>,
): unknown {
  if (call.kind === 'template') return usesTemplate(call.prompt);
  if (call.kind === 'tokenize') {
    assertPictures(call.prompt, info);
    return tokenizePrompt(call.prompt);
  }
  const known = call.tokens.every((token) => token < info.vocabularySize);
  if (!known) throw new EngineError('invalid-request', 'a token is outside the vocabulary');
  return new Uint8Array(Buffer.concat(Array.from(call.tokens, (token) => model.bytesOf(token))));
}

export function createTextHost(options: TextHostOptions): TextHost {
  const { model, info, promptChunk, maxQueue, tokenizePrompt, send, stepDelayMs = 0, gatherMs = 0 } = options;
  const { groups = 1 } = options;
  const events: [number, TextGenerationEvent][] = [];
  const traces: Trace[] = [];
  const grammars = createGrammars(model, SCORING_WORK);
  const readers = createPositionReaders(model.vocabularySize);
  const readerOf = (claimedClass: string) => readers(nameRerunClass(info, claimedClass).numericClass);
  // In other classes rows of another pass have other bits, and nobody has measured how far replies would drift.
  const prefixCache = info.exact && (options.prefixCache ?? true);
  /** Running replies without any text so far. Their events wait for no other ones. */
  const silent = new Set<number>();
  /** When events were sent last; long ago where the next ones must not wait. */
  let sentAt = Number.NEGATIVE_INFINITY;
  const now = () => performance.now();
  const sequences = info.sequences / groups;
  const contexts = Array.from({ length: groups }, (_, group) =>
    model.createContext({ purpose: 'serve', sequences, group }),
  );
  const fail = (id: number, error: unknown) => send({ kind: 'error', id, error: toPlainError(error) });
  const schedulers = contexts.map((context) =>
    createScheduler({
      model,
      context,
      reader: readers(info.numericClass),
      promptChunk,
      maxQueue: Math.ceil(maxQueue / groups),
      maxDrafts: options.maxDrafts ?? 0,
      drafter: options.drafter,
      prefixCache,
      now,
      emit(id, event) {
        events.push([id, event]);
        if (event.kind === 'start') silent.add(id);
        if (event.kind === 'end' || silent.has(id)) sentAt = Number.NEGATIVE_INFINITY;
        if (event.kind === 'end' || (event.kind === 'token' && event.text !== '')) silent.delete(id);
      },
      fail: (id, error) => {
        silent.delete(id);
        flush();
        fail(id, error);
      },
    }),
  );

  const flush = () => {
    if (events.length === 0) return;
    sentAt = now();
    send({ kind: 'events', events: events.splice(0) });
  };

  const answerRerun = (id: number, value: object, { numericClass: claimed, startedAt }: Asked): void => {
    const ran = nameRerunClass(info, claimed);
    send({ kind: 'result', id, value: { ...value, ...ran, elapsedMs: now() - startedAt } });
  };

  /** Requests by id. */
  const scored = new Map<number, Asked>();
  const scores = createScoreQueues({
    ...{ model, grammars, readerOf, keepsRows: prefixCache, sequences: info.scoresTogether ?? 1 },
    done(id, score) {
      answerRerun(id, score, scored.get(id) as Asked);
      scored.delete(id);
    },
    fail(id, error) {
      scored.delete(id);
      fail(id, error);
    },
  });

  function* trace(request: TraceCall['request']) {
    // The context is freed after each trace: it is rarely needed, as large as a context for scoring, and slow.
    const traceContext = openTraceContext(model);
    try {
      return yield* traceReply(model, traceContext, request, { grammars, reader: readerOf(request.numericClass) });
    } finally {
      traceContext.free();
    }
  }

  const stepTrace = () => {
    const job = traces[0];
    if (job === undefined) return;
    const { id, request, startedAt } = job;
    try {
      job.pass ??= trace(request);
      const { done, value } = job.pass.next();
      if (!done) return;
      traces.shift();
      answerRerun(id, value, { numericClass: request.numericClass, startedAt });
    } catch (error) {
      traces.shift();
      fail(id, error);
    }
  };

  function* serveTurn(scheduler: Scheduler): Pausable<boolean> {
    const more = yield* settle(scheduler.step());
    if (!more || now() - sentAt >= gatherMs) flush();
    return more;
  }
  const [first, ...others] = schedulers as [Scheduler, ...Scheduler[]];
  /** Serves the first group, and all re-runs. */
  const firstTurns = createTurnLoop(function* () {
    const more = yield* serveTurn(first);
    const scoresMore = yield* settle(scores.step());
    stepTrace();
    return more || scoresMore || traces.length > 0;
  }, stepDelayMs);
  const turns = [firstTurns, ...others.map((scheduler) => createTurnLoop(() => serveTurn(scheduler), stepDelayMs))];

  const { vocabularySize, contextSize, layers } = info;
  const limits = { vocabularySize, contextSize, ...(layers !== undefined && { layers }) };
  const answer = (id: number, call: TextCall): unknown => {
    if (call.kind === 'tokenize' || call.kind === 'template' || call.kind === 'detokenize')
      return answerAtOnce(options, call);
    const startedAt = now();
    if (call.kind === 'score') {
      assertScoreRequest(call.request, limits);
      scores.submit(id, call.request);
      scored.set(id, { numericClass: call.request.numericClass, startedAt });
    } else {
      assertTraceRequest(call.request, limits);
      traces.push({ id, request: call.request, startedAt, pass: undefined });
    }
    firstTurns.schedule();
    return undefined;
  };

  return {
    generate(id, request) {
      try {
        assertGenerateRequest(request, limits);
        assertPictures(request.prompt, info);
        const tokens = tokenizePrompt(request.prompt);
        assertPromptTokens(tokens, limits);
        const least = Math.min(...schedulers.map(({ load }) => load));
        const group = schedulers.findIndex(({ load }) => load === least);
        schedulers[group]?.submit(id, request, tokens);
        turns[group]?.schedule();
      } catch (error) {
        fail(id, error);
      }
    },
    call(id, call) {
      try {
        const value = answer(id, call);
        if (value !== undefined) send({ kind: 'result', id, value });
      } catch (error) {
        fail(id, error);
      }
    },
    cancel(id) {
      for (const scheduler of schedulers) scheduler.cancel(id);
      flush();
      const at = traces.findIndex((job) => job.id === id);
      if (at >= 0) traces.splice(at, 1)[0]?.pass?.return(undefined as never);
      if (at < 0 && !scores.cancel(id)) return;
      scored.delete(id);
      fail(id, new EngineError('cancelled', 'the re-run was cancelled'));
    },
    close() {
      for (const turn of turns) turn.close();
      for (const context of contexts) context.free();
      scores.free();
      options.drafter?.free();
      model.free();
    },
  };
}
