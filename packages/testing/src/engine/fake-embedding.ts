import { nativeHash } from '@ogong/engine/decode/native-hash';
import type { PoolingModel } from '@ogong/engine/decode/pooling-model';
import type { EmbeddingEngine, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { createEmbeddingHost } from '@ogong/engine/process/embedding-host';
import type { EmbeddingCall, EmbeddingResults } from '@ogong/engine/process/embedding-messages';
import { createRequestPort } from '@ogong/engine/process/request-port';

export interface FakeEmbeddingOptions {
  readonly embeddingSize?: number;
  /** Reranks: one score for each document. Default: false. */
  readonly reranks?: boolean;
  readonly contextSize?: number;
  readonly maxQueue?: number;
  /** Another number makes another model: other vectors, another root. */
  readonly weights?: number;
  /** Error of each value, as a multiple of its hash: a similar model or another precision. */
  readonly error?: number;
  /** False: an engine that declares itself inexact. */
  readonly exact?: boolean;
  /** Wraps the model, to inject faults. */
  readonly bend?: (model: PoolingModel) => PoolingModel;
}

const BEGIN = 1;
const BETWEEN = 2;
const FIRST_BYTE = 3;
const spell = (text: string): number[] => Array.from(Buffer.from(text, 'utf8'), (byte) => byte + FIRST_BYTE);

/** An embedding model made of hashes, behind the same host as the real one: fast, exact, with faults on request. */
export function createFakeEmbeddingEngine(options: FakeEmbeddingOptions = {}): EmbeddingEngine {
  const {
    reranks = false,
    embeddingSize = reranks ? 1 : 32,
    contextSize = 256,
    maxQueue = 8,
    weights = 1,
    error = 0,
    bend = (model) => model,
  } = options;
  const exact = options.exact !== false;
  const info: EmbeddingInfo = {
    modelRoot: nativeHash.sha256(Buffer.from(`ogong-fake-${reranks ? 'reranker' : 'embedding'}-${weights}`)),
    vocabularyHash: nativeHash.sha256(Buffer.from('ogong-fake-embedding-vocabulary')),
    vocabularySize: 259,
    embeddingSize,
    contextSize,
    sequences: maxQueue,
    numericClass: `fake-1/js/f64/${exact ? 'exact' : 'fast'}/hash/kv-none`,
    exact,
    weightType: 'hash',
    pooling: reranks ? 'rank' : 'mean',
  };
  const model = bend({
    tokenize: (input, query) =>
      Uint32Array.of(BEGIN, ...(query === undefined ? [] : [...spell(query), BETWEEN]), ...spell(input)),
    pool: (tokens) => hashVector(tokens, { embeddingSize, weights, error }),
    free: () => undefined,
  });
  const port = createRequestPort();
  const host = createEmbeddingHost({ model, info, maxQueue, send: (message) => port.receive(message) });
  let closed = false;
  const call = async <K extends EmbeddingCall['kind']>(
    request: Extract<EmbeddingCall, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<EmbeddingResults[K]> => {
    if (closed) throw new EngineError('engine-closed', 'the engine is closed');
    const cancel = (id: number) => host.cancel(id);
    return (await port.call((id) => host.call(id, request), { signal, cancel })) as EmbeddingResults[K];
  };
  return {
    specificationVersion: 'embedding-v1',
    info: () => info,
    embed: (request, { signal } = {}) => call({ kind: 'embed', request }, signal),
    tokenize: (input, query) => call({ kind: 'tokenize', input, query }),
    async close() {
      if (closed) return;
      closed = true;
      port.failAll(new EngineError('engine-closed', 'the engine was closed'));
      host.close();
    },
  };
}

/** Every value between -1 and 1, from SHA-256 over weights, place and tokens. */
function hashVector(
  tokens: Uint32Array,
  { embeddingSize, weights, error }: { embeddingSize: number; weights: number; error: number },
): Float32Array {
  const state = nativeHash.sha256(Buffer.from(`${weights}:${tokens.join()}`));
  return Float32Array.from({ length: embeddingSize }, (_, d) => {
    const hash = nativeHash.sha256(state, Uint8Array.of(d & 255, d >> 8));
    const view = new DataView(hash.buffer, hash.byteOffset);
    const draw = (at: number) => view.getInt32(at) / 2 ** 31;
    return draw(0) + error * draw(4);
  });
}
