import type { PoolingModel } from '../decode/pooling-model.ts';
import type { EmbeddingInfo, Pooling } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { LlamaEmbeddingLoad } from './load-options.ts';
import { type LlamaModel, type LlamaVocabulary, openLlamaModel } from './model.ts';
import type { ModelFacts } from './model-file.ts';
import { formatNumericClass, isaClassOf, WHOLE_INPUTS } from './numeric-class.ts';
import { openLibrary } from './open-host.ts';
import { LLAMA_VERSION } from './platform.ts';
import { POOLING_CODES } from './pooled-context.ts';
import { assertUnchanged } from './verified-model.ts';

/** Loads llama.cpp and an embedding model in this process. @throws EngineError. */
export function openEmbeddingHost(options: LlamaEmbeddingLoad): {
  readonly model: PoolingModel;
  readonly info: EmbeddingInfo;
} {
  const { modelPath, facts: file, files, contextSize, threads, kernels } = options;
  const pooling = findPooling(file);
  const library = openLibrary({ backend: 'cpu', engineDir: '', isa: options.isa });
  assertUnchanged(files);
  const llama = openLlamaModel(library, modelPath);
  assertUnchanged(files);
  const { vocabulary, embeddingSize } = llama;
  const reference = kernels === 'reference';
  const tokenize = (input: string, query?: string) =>
    query === undefined
      ? vocabulary.tokenize(input, { addSpecial: true, parseSpecial: false })
      : tokenizePair(vocabulary, query, input);
  const exact = reference && llama.hasReference && probeRepetition(llama, { contextSize, pooling, threads });
  const context = llama.createPooledContext({ contextSize, threads, pooling, reference });
  const info: EmbeddingInfo = {
    modelRoot: options.modelRoot,
    vocabularyHash: file.vocabularyHash,
    vocabularySize: vocabulary.size,
    embeddingSize: pooling === 'rank' ? 1 : embeddingSize,
    contextSize,
    sequences: options.maxQueue,
    numericClass: formatNumericClass({
      ...{ build: `llama.cpp-${LLAMA_VERSION}`, backend: library.backend, isa: isaClassOf(library.isa) },
      kernels: reference ? WHOLE_INPUTS : kernels,
      ...{ weights: file.weightType, kv: 'f16', flashAttention: true, kvUnified: false },
      isUnproven: reference && !exact,
    }),
    exact,
    weightType: file.weightType,
    pooling,
  };
  const model: PoolingModel = {
    tokenize,
    pool: (tokens) => context.pool(tokens),
    free() {
      context.free();
      llama.free();
    },
  };
  return { model, info };
}

/** @throws EngineError */
export function findPooling(
  file: Pick<ModelFacts, 'path' | 'poolingCode' | 'scoreCount' | 'hasRerankTemplate'>,
): Pooling {
  const { path, poolingCode } = file;
  const found = Object.entries(POOLING_CODES).find(([, code]) => code === poolingCode)?.[0] as Pooling | undefined;
  const problem = found === 'rank' ? findRerankProblem(file) : undefined;
  if (found !== undefined && problem === undefined) return found;
  throw new EngineError(
    'unsupported-model',
    problem ??
      `${path} is no embedding model: its pooling type is ${poolingCode ?? 'not named'}, and mean, cls, last or rank is needed`,
  );
}

function findRerankProblem({
  path,
  scoreCount,
  hasRerankTemplate,
}: Pick<ModelFacts, 'path' | 'scoreCount' | 'hasRerankTemplate'>): string | undefined {
  const known = 'rerankers with a classifier of one score are run, which read [BOS] query [EOS] [SEP] document [EOS]';
  if (hasRerankTemplate)
    return `${path} reads query and document in a form of its own (tokenizer.chat_template.rerank), which no receipt names yet; ${known}`;
  if (scoreCount === undefined) return `${path} is to rerank, and has no classifier (cls.output.weight); ${known}`;
  if (scoreCount !== 1) return `${path} gives ${scoreCount} scores for a document; ${known}`;
  return undefined;
}

/**
 * Query and document as llama.cpp's server writes them for a reranker; each part of a text is a text, whatever it spells.
 * [BOS] query [EOS] [SEP] document [EOS], where the vocabulary adds such tokens.
 */
function tokenizePair(
  { tokenize, bos, eos, sep, addBos, addEos, addSep }: LlamaVocabulary,
  query: string,
  document: string,
): Uint32Array {
  const read = (text: string) => tokenize(text, { addSpecial: false, parseSpecial: false });
  const begin = addBos ? [bos] : [];
  // A vocabulary without an end has a separator in its place.
  const end = addEos ? [eos >= 0 ? eos : sep] : [];
  return Uint32Array.from([...begin, ...read(query), ...end, ...(addSep ? [sep] : []), ...read(document), ...end]);
}

/** Lengths that ggml runs differently: one row, a few, and enough to tile. */
const PROBE_LENGTHS = [72, 1, 5, 72];

/**
 * Whether passes give the same bits on all threads and on one, after other passes and alone. An engine claims to be exact only
 * after this test.
 */
function probeRepetition(
  llama: LlamaModel,
  {
    contextSize,
    pooling,
    threads,
  }: Pick<LlamaEmbeddingLoad, 'contextSize' | 'threads'> & { readonly pooling: Pooling },
): boolean {
  const usable = Math.max(1, llama.vocabulary.size - 3);
  const inputOf = (length: number) =>
    Uint32Array.from({ length: Math.min(length, contextSize) }, (_, i) => 3 + ((i * 7919 + length) % usable));
  const one = { contextSize, pooling, reference: true };
  const many = llama.createPooledContext({ ...one, threads });
  try {
    return PROBE_LENGTHS.every((length) => {
      const alone = llama.createPooledContext({ ...one, threads: 1 });
      try {
        const expected = alone.pool(inputOf(length)).slice();
        const vector = many.pool(inputOf(length));
        return expected.every((value, d) => Object.is(value, vector[d]));
      } finally {
        alone.free();
      }
    });
  } finally {
    many.free();
  }
}
