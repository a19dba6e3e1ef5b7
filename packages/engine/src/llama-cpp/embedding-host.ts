import type { PoolingModel } from '../decode/pooling-model.ts';
import type { EmbeddingInfo, Pooling } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import { createPairTokenizer } from '../process/pair-tokens.ts';
import { LLAMA_VERSION } from './device/platform.ts';
import type { LlamaEmbeddingLoad } from './load-options.ts';
import { type LlamaModel, openLlamaModel } from './model.ts';
import type { ModelFacts } from './model-file.ts';
import { formatNumericClass, isaClassOf, WHOLE_INPUTS } from './numeric-class.ts';
import { openLibrary } from './open-host.ts';
import { POOLING_CODES, type PooledContextOptions, type ScorePlace } from './pooled-context.ts';
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
  const readPair = createPairTokenizer(vocabulary, pooling === 'rank' ? file.rerankTemplate : undefined);
  const score = placeOfScore(file);
  const tokenize = (input: string, query?: string) =>
    query === undefined
      ? vocabulary.tokenize(input, { addSpecial: true, parseSpecial: false })
      : readPair(query, input);
  const exact = reference && llama.hasReference && probeRepetition(llama, { contextSize, pooling, score, threads });
  const context = llama.createPooledContext({ contextSize, threads, pooling, score, reference });
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

type RerankFacts = Pick<ModelFacts, 'path' | 'architecture' | 'scoreCount' | 'scoreLabels' | 'rerankTemplate'>;

/** @throws EngineError */
export function findPooling(file: RerankFacts & Pick<ModelFacts, 'poolingCode'>): Pooling {
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

/** Architectures for which llama.cpp makes two likelihoods of the scores of yes and no. */
const ANSWERS_IN_WORDS = new Set(['qwen3', 'qwen3vl']);
const YES = 'yes';

function findRerankProblem({ path, architecture, scoreCount, scoreLabels }: RerankFacts): string | undefined {
  const known = 'rerankers are run that have a classifier of one score, or one of yes and no as Qwen3-Reranker has it';
  if (scoreCount === undefined) return `${path} is to rerank, and has no classifier (cls.output.weight); ${known}`;
  if (scoreCount === 1) return undefined;
  const labels = scoreLabels?.join(', ') ?? 'nothing that the file names';
  const saysYesOrNo = scoreCount === 2 && [...(scoreLabels ?? [])].sort().join() === `no,${YES}`;
  if (!saysYesOrNo || !ANSWERS_IN_WORDS.has(architecture))
    return `${path} (${architecture}) gives ${scoreCount} scores for a document, of ${labels}; ${known}`;
  return undefined;
}

/** Returns the place of the score among those of the classifier. */
const placeOfScore = ({ scoreCount, scoreLabels }: RerankFacts): ScorePlace => ({
  count: scoreCount ?? 1,
  at: scoreCount === 1 ? 0 : (scoreLabels?.indexOf(YES) ?? 0),
});

/** Lengths that ggml runs differently: one row, a few, and enough to tile. */
const PROBE_LENGTHS = [72, 1, 5, 72];

/**
 * Tests whether passes give the same bits on all threads and on one, after other passes and alone. An engine claims to be exact only
 * after this test.
 */
function probeRepetition(
  llama: LlamaModel,
  {
    contextSize,
    pooling,
    score,
    threads,
  }: Pick<LlamaEmbeddingLoad, 'contextSize' | 'threads'> & Pick<PooledContextOptions, 'pooling' | 'score'>,
): boolean {
  const usable = Math.max(1, llama.vocabulary.size - 3);
  const inputOf = (length: number) =>
    Uint32Array.from({ length: Math.min(length, contextSize) }, (_, i) => 3 + ((i * 7919 + length) % usable));
  const one = { contextSize, pooling, score, reference: true };
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
