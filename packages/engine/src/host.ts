import type { BatchContext, BatchModel } from './batch-model.ts';
import type { CallRequest, FromChild, PlainError } from './child-messages.ts';
import {
  EngineError,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  type Prompt,
  type ScoreRequest,
} from './engine.ts';
import { assertGenerateRequest, assertPromptTokens, assertScoreRequest } from './request-check.ts';
import { createScheduler } from './scheduler.ts';
import { scoreReply } from './scorer.ts';

export interface HostOptions {
  readonly model: BatchModel;
  readonly info: EngineInfo;
  readonly promptChunk: number;
  readonly maxQueue: number;
  readonly tokenizePrompt: (prompt: Prompt) => Uint32Array;
  /** Slows every step down, for tests. */
  readonly stepDelayMs?: number;
  readonly send: (message: FromChild) => void;
}

/** Runs one model for its parent: the loop around scheduler and scorer, free of processes and pointers. */
export interface Host {
  generate(id: number, request: GenerateRequest): void;
  call(id: number, call: CallRequest): void;
  cancel(id: number): void;
  close(): void;
}

interface ScoreJob {
  readonly id: number;
  readonly request: ScoreRequest;
  readonly startedAt: number;
  pass: ReturnType<typeof scoreReply> | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof EngineError) return { code: error.code, message: error.message, retryable: error.retryable };
  return { code: 'engine-crashed', message: error instanceof Error ? error.message : String(error), retryable: false };
}

export function createHost(options: HostOptions): Host {
  const { model, info, promptChunk, maxQueue, tokenizePrompt, send, stepDelayMs = 0 } = options;
  const events: [number, GenerateEvent][] = [];
  const scores: ScoreJob[] = [];
  let scoreContext: BatchContext | undefined;
  let cancelStep: (() => void) | undefined;
  const now = () => performance.now();
  const context = model.createContext({ purpose: 'serve', sequences: info.sequences });
  const fail = (id: number, error: unknown) => send({ kind: 'error', id, error: toPlainError(error) });
  const scheduler = createScheduler({
    model,
    context,
    promptChunk,
    maxQueue,
    now,
    emit: (id, event) => events.push([id, event]),
    fail: (id, error) => {
      flush();
      fail(id, error);
    },
  });

  const flush = () => {
    if (events.length > 0) send({ kind: 'events', events: events.splice(0) });
  };

  const stepScore = () => {
    const job = scores[0];
    if (job === undefined) return;
    try {
      scoreContext ??= model.createContext({ purpose: 'score', sequences: 1 });
      job.pass ??= scoreReply(model, scoreContext, job.request);
      const { done, value } = job.pass.next();
      if (!done) return;
      scores.shift();
      const exact = info.exact && job.request.numericClass === info.numericClass;
      send({
        kind: 'result',
        id: job.id,
        value: { windows: value, numericClass: info.numericClass, exact, elapsedMs: now() - job.startedAt },
      });
    } catch (error) {
      scores.shift();
      fail(job.id, error);
    }
  };

  const loop = () => {
    cancelStep = undefined;
    const more = scheduler.step();
    flush();
    stepScore();
    if (more || scores.length > 0) schedule();
  };
  const schedule = () => {
    if (cancelStep !== undefined) return;
    if (stepDelayMs > 0) {
      const timer = setTimeout(loop, stepDelayMs);
      cancelStep = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(loop);
      cancelStep = () => clearImmediate(immediate);
    }
  };

  const limits = { vocabularySize: info.vocabularySize, contextSize: info.contextSize };
  const answer = (id: number, call: CallRequest): unknown => {
    if (call.kind === 'tokenize') return tokenizePrompt(call.prompt);
    if (call.kind === 'detokenize') {
      const known = call.tokens.every((token) => token < info.vocabularySize);
      if (!known) throw new EngineError('invalid-request', 'a token is outside the vocabulary');
      return new Uint8Array(Buffer.concat(Array.from(call.tokens, (token) => model.bytesOf(token))));
    }
    assertScoreRequest(call.request, limits);
    scores.push({ id, request: call.request, startedAt: now(), pass: undefined });
    schedule();
    return undefined;
  };

  return {
    generate(id, request) {
      try {
        assertGenerateRequest(request, limits);
        const tokens = tokenizePrompt(request.prompt);
        assertPromptTokens(tokens, limits);
        scheduler.submit(id, request, tokens);
        schedule();
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
      scheduler.cancel(id);
      flush();
      const at = scores.findIndex((job) => job.id === id);
      if (at >= 0) {
        scores.splice(at, 1)[0]?.pass?.return([]);
        fail(id, new EngineError('cancelled', 'the score was cancelled'));
      }
    },
    close() {
      cancelStep?.();
      context.free();
      scoreContext?.free();
      model.free();
    },
  };
}
