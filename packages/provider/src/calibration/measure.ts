import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { Checker } from './checkers.ts';
import { collectReports, collectServed } from './collect.ts';
import { type CalibrationModel, nameModel } from './model-file.ts';
import { createPrompt, TOKENS_PER_WORD } from './prompts.ts';
import type { RequestPlan } from './request-plan.ts';
import type { SampleStore } from './sample-store.ts';
import { type EngineSetup, listSeeds } from './setups.ts';
import { formatSourceId, formatVerifierId, HONEST } from './source-id.ts';

/** The serving and the checking side. */
export interface SamplePair {
  readonly provider: EngineSetup;
  readonly checker: Checker;
}

export interface MeasureProgress {
  readonly provider: string;
  /** Undefined while replies are served. */
  readonly checker: string | undefined;
  /** Replies served and reports made in this run, and all that were missing when it began. */
  readonly done: number;
  readonly total: number;
}

export interface PairMeasureOptions {
  readonly model: CalibrationModel;
  readonly pairs: readonly SamplePair[];
  readonly store: SampleStore;
  readonly crypto: Crypto;
  readonly signer: HybridSigner;
  /** Honest replies of each pair. */
  readonly replies: number;
  readonly maxTokens: number;
  /** See RequestPlan. */
  readonly promptTokens?: number | undefined;
  readonly contextSize: number;
  readonly onProgress?: (progress: MeasureProgress) => void;
  readonly signal?: AbortSignal;
}

/** Longest prompt of the calibration in the models that were tried, tokens. */
const PROMPT_ROOM = 384;

/** Returns the context size of the engines on either side. */
export const computeContextSize = ({
  maxTokens,
  promptTokens = 0,
}: Pick<PairMeasureOptions, 'maxTokens' | 'promptTokens'>): number => PROMPT_ROOM + promptTokens + maxTokens;

export const nameSource = (
  { model, maxTokens, promptTokens }: Pick<PairMeasureOptions, 'model' | 'maxTokens' | 'promptTokens'>,
  provider: string,
) => formatSourceId({ model: nameModel(model), behaviour: HONEST, setup: provider, maxTokens, promptTokens });

/**
 * Serves and checks what the store lacks of every pair. Finished work is not repeated. An engine is open only while it works,
 * since two of a large model may not fit into memory.
 * @throws EngineError, LinkError; the signal's reason when it aborts.
 */
export async function measurePairs(options: PairMeasureOptions): Promise<void> {
  const { model, pairs, store, crypto, signer, replies, contextSize, signal, onProgress } = options;
  const plan: RequestPlan = { maxTokens: options.maxTokens, promptTokens: options.promptTokens, sampler: 'mixed' };
  const providers = [...new Map(pairs.map(({ provider }) => [provider.name, provider])).values()];
  const checkers = [...new Map(pairs.map(({ checker }) => [checker.name, checker])).values()];
  const verifierOf = (checker: Checker): string => formatVerifierId({ model: nameModel(model), setup: checker.name });
  const total = countMissing(options);
  let done = 0;
  const report = (provider: string, checker?: string): void => {
    done++;
    onProgress?.({ provider, checker, done, total });
  };

  for (const provider of providers) {
    const { name, settings, streams } = provider;
    const source = nameSource(options, name);
    const seeds = listSeeds(provider, replies);
    const present = new Set(store.listSeeds(source));
    if (seeds.every((seed) => present.has(seed))) continue;
    signal?.throwIfAborted();
    const { path: modelPath, modelRoot, hashes } = model;
    const engine = await createLlamaEngine({
      ...{ modelPath, modelRoot, contextSize, ...settings, sequences: streams },
      ...(hashes && { hashes }),
    });
    try {
      await collectServed({
        ...{
          store,
          source,
          seeds,
          engine,
          crypto,
          signer,
          plan: { ...plan, tokensPerWord: await measureTokensPerWord(engine) },
          concurrency: streams,
        },
        ...(signal ? { signal } : {}),
        onProgress: () => report(name),
      });
    } finally {
      await engine.close();
    }
  }

  for (const checker of checkers) {
    const verifier = verifierOf(checker);
    const missing = pairs
      .filter((pair) => pair.checker.name === checker.name)
      .map(({ provider }) => {
        const served = new Set(store.listSeeds(nameSource(options, provider.name)));
        return { provider, seeds: listSeeds(provider, replies).filter((seed) => served.has(seed)) };
      })
      .filter(({ provider, seeds }) => {
        const source = nameSource(options, provider.name);
        return seeds.some((seed) => !store.hasReport(source, verifier, seed));
      });
    if (missing.length === 0) continue;
    signal?.throwIfAborted();
    const opened = await checker.open();
    try {
      for (const { provider, seeds } of missing) {
        const source = nameSource(options, provider.name);
        await collectReports({
          ...{ store, source, verifier, seeds, score: opened.score },
          ...(signal ? { signal } : {}),
          onProgress: () => report(provider.name, checker.name),
        });
      }
    } finally {
      await opened.close();
    }
  }
}

/** Enough words that the tokens of the template hardly count. */
const MEASURED_PROMPTS = 4;

/** How many tokens a word of calibration's long prompts takes, never fewer than drawOutPrompt takes for granted. */
export async function measureTokensPerWord(engine: Pick<TextEngine, 'tokenizePrompt'>): Promise<number> {
  const content = Array.from({ length: MEASURED_PROMPTS }, (_, seed) => createPrompt('long', seed)).join(' ');
  const tokens = await engine.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content }] });
  return Math.max(TOKENS_PER_WORD, tokens.length / content.split(' ').length);
}

function countMissing(options: PairMeasureOptions): number {
  const { store, pairs, model, replies } = options;
  const unserved = new Map<string, number>();
  let missing = 0;
  for (const { provider, checker } of pairs) {
    const source = nameSource(options, provider.name);
    const seeds = listSeeds(provider, replies);
    const served = new Set(store.listSeeds(source));
    const verifier = formatVerifierId({ model: nameModel(model), setup: checker.name });
    unserved.set(source, seeds.filter((seed) => !served.has(seed)).length);
    missing += seeds.filter((seed) => !store.hasReport(source, verifier, seed)).length;
  }
  return missing + [...unserved.values()].reduce((sum, count) => sum + count, 0);
}
