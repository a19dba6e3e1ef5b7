import { type EmbeddingInput, MAX_INPUTS } from '@ogong/protocol/modality/embedding/request';
import { normaliseVector, toScoreVector } from '@ogong/protocol/modality/embedding/vector';
import type { PoolingModel } from '../decode/pooling-model.ts';
import type { EmbeddedInput, EmbeddingInfo, EmbedRequest, EmbedResult } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { HostMessage } from './child-messages.ts';
import type { EmbeddingCall } from './embedding-messages.ts';
import { toPlainError } from './plain-error.ts';

export interface EmbeddingHostOptions {
  readonly model: PoolingModel;
  readonly info: EmbeddingInfo;
  /** Requests that wait at most. */
  readonly maxQueue: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs one embedding model for its parent, one input a pass and one pass a turn of the event loop. */
export interface EmbeddingHost {
  call(id: number, call: EmbeddingCall): void;
  cancel(id: number): void;
  close(): void;
}

interface Job {
  readonly id: number;
  readonly request: EmbedRequest;
  readonly tokens: readonly Uint32Array[];
  readonly done: EmbeddedInput[];
  readonly startedAt: number;
}

export function createEmbeddingHost({ model, info, maxQueue, send }: EmbeddingHostOptions): EmbeddingHost {
  const jobs: Job[] = [];
  let next: NodeJS.Immediate | undefined;
  const now = () => performance.now();
  const fail = (id: number, error: unknown) => send({ kind: 'error', id, error: toPlainError(error) });

  const isReranker = info.pooling === 'rank';
  const finishVector = (raw: Float32Array): Float32Array => {
    try {
      return isReranker ? toScoreVector(raw) : normaliseVector(raw);
    } catch (cause) {
      throw new EngineError('engine-crashed', `the model computed no vector: ${(cause as Error).message}`, { cause });
    }
  };
  const tokenize = (input: EmbeddingInput, query: string | undefined): Uint32Array => {
    if (isReranker && !query) throw new EngineError('invalid-request', 'this model reranks: give it a query');
    if (!isReranker && query !== undefined)
      throw new EngineError('invalid-request', 'this model makes vectors and takes no query');
    if (typeof input === 'string') return model.tokenize(input, query);
    if (isReranker) throw new EngineError('invalid-request', 'this model reranks texts, not ids of tokens');
    const unknown = input.find((id) => id >= info.vocabularySize);
    if (unknown !== undefined)
      throw new EngineError(
        'invalid-request',
        `token id ${unknown} is outside the vocabulary of ${info.vocabularySize}`,
      );
    return Uint32Array.from(input);
  };

  const finish = ({ request, done, startedAt }: Job): EmbedResult => {
    const { numericClass } = info;
    const exact = info.exact && (request.numericClass ?? numericClass) === numericClass;
    return { inputs: done, numericClass, exact, elapsedMs: now() - startedAt };
  };

  const step = (): void => {
    next = undefined;
    const job = jobs[0];
    if (job === undefined) return;
    try {
      const tokens = job.tokens[job.done.length] as Uint32Array;
      job.done.push({ tokens, vector: finishVector(model.pool(tokens)) });
      if (job.done.length === job.tokens.length) {
        jobs.shift();
        send({ kind: 'result', id: job.id, value: finish(job) });
      }
    } catch (error) {
      jobs.shift();
      fail(job.id, error);
    }
    schedule();
  };
  const schedule = (): void => {
    if (jobs.length > 0) next ??= setImmediate(step);
  };

  const submit = (id: number, request: EmbedRequest): void => {
    const { inputs } = request;
    if (inputs.length === 0 || inputs.length > MAX_INPUTS || inputs.some((input) => input.length === 0)) {
      throw new EngineError('invalid-request', `1 to ${MAX_INPUTS} inputs that are not empty are embedded together`);
    }
    if (jobs.length > maxQueue) {
      throw new EngineError('overloaded', `${maxQueue} requests are waiting already; try again`, { retryable: true });
    }
    const tokens = inputs.map((input, i) => {
      try {
        return tokenize(input, request.query);
      } catch (cause) {
        if (!(cause instanceof EngineError) || typeof input === 'string') throw cause;
        throw new EngineError(cause.code, `input ${i}: ${cause.message}`, { cause });
      }
    });
    const long = tokens.findIndex(({ length }) => length > info.contextSize);
    if (long >= 0) {
      const { length } = tokens[long] as Uint32Array;
      throw new EngineError('prompt-too-long', `input ${long} has ${length} tokens, at most ${info.contextSize} fit`);
    }
    const empty = tokens.findIndex(({ length }) => length === 0);
    if (empty >= 0) throw new EngineError('invalid-request', `input ${empty} makes no token`);
    jobs.push({ id, request, tokens, done: [], startedAt: now() });
    schedule();
  };

  return {
    call(id, call) {
      try {
        if (call.kind === 'embed') submit(id, call.request);
        else send({ kind: 'result', id, value: tokenize(call.input, call.query) });
      } catch (error) {
        fail(id, error);
      }
    },
    cancel(id) {
      const at = jobs.findIndex((job) => job.id === id);
      if (at < 0) return;
      jobs.splice(at, 1);
      fail(id, new EngineError('cancelled', 'the embedding was cancelled'));
    },
    close() {
      clearImmediate(next);
      model.free();
    },
  };
}
