import { EngineError } from '@ogong/engine/interface/engine-error';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type CollectProgress, collectReports, collectServed } from '@ogong/provider/calibration/collect';
import { createPrompt } from '@ogong/provider/calibration/prompts';
import type { RequestPlan } from '@ogong/provider/calibration/request-plan';
import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { formatSourceId, formatVerifierId } from '@ogong/provider/calibration/source-id';
import type { AttackDefinition } from '../../attackers/attack.ts';
import { ATTACKS } from '../../attackers/catalogue.ts';
import { bendCommit } from '../../attackers/draws/bend-commit.ts';
import { searchGriefingPrompts } from '../../attackers/griefing-prompts.ts';
import { makeModel } from '../../forge/make-model.ts';
import type { EngineRecipe } from '../../forge/recipe.ts';
import { type Experiment, seedsOf } from '../plan/experiments.ts';
import { findModel } from '../plan/models.ts';
import type { SoldWeights } from '../plan/profiles.ts';
import { type DetectionSetup, type DetectionSetupName, findSetup } from '../plan/setups.ts';
import type { EnginePool } from './engine-pool.ts';

export interface CollectContext {
  readonly store: SampleStore;
  readonly pool: EnginePool;
  /** Where models are kept, forged ones too. */
  readonly modelsDir: string;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CollectProgress) => void;
}

const soldName = ({ model, weights }: Experiment): string => (model === undefined ? weights : `${model}-${weights}`);
/** Names the served replies of an experiment. Experiments that share a provider and a length share replies. */
export const sourceId = (experiment: Experiment, maxTokens: number): string =>
  formatSourceId({
    ...{ model: soldName(experiment), behaviour: experiment.source, setup: experiment.provider },
    maxTokens: experiment.maxTokens ?? maxTokens,
  });
export const verifierId = (experiment: Experiment): string =>
  formatVerifierId({ model: soldName(experiment), setup: experiment.verifier ?? 'nobody' });
const findAttack = ({ source }: Experiment): AttackDefinition | undefined =>
  ATTACKS.find(({ name }) => name === source);

/** Whether its cheap model has to be trained, which takes minutes. */
export function trainsStudent(experiment: Experiment): boolean {
  const weights = findAttack(experiment)?.cheap?.weights;
  return weights !== undefined && 'forge' in weights && weights.forge === 'distil';
}

/** The file of the sold model, which verifiers load too. */
async function findSold(experiment: Experiment, { modelsDir: dir }: CollectContext): Promise<string> {
  const { model = 'stories15M', weights } = experiment;
  const recipe = findAttack(experiment)?.sold;
  if (recipe === undefined) return findModel(model, weights, dir);
  return makeModel(await findModel(model, 'f32', dir), recipe, { dir, sold: weights as SoldWeights });
}

const signer = createNodeHybridSigner(new Uint8Array(64).fill(21));
/** Serves and scores the replies of an experiment that the store does not have yet. @throws EngineError */
export async function collectExperiment(experiment: Experiment, context: CollectContext): Promise<void> {
  const { store, pool, maxTokens, signal, onProgress } = context;
  const source = sourceId(experiment, maxTokens);
  const seeds = seedsOf(experiment);
  const served = new Set(store.listSeeds(source));
  if (seeds.some((seed) => !served.has(seed))) await serve(experiment, context);
  if (experiment.verifier === undefined) return;
  const verifier = verifierId(experiment);
  const wanted = new Set(seeds);
  const isScored = store
    .listSeeds(source)
    .every((seed) => !wanted.has(seed) || store.hasReport(source, verifier, seed));
  if (isScored) return;
  const { settings } = findSetup(experiment.verifier);
  await pool.use({ modelPath: await findSold(experiment, context), ...settings, sequences: 1 }, (engine) =>
    collectReports({ store, source, verifier, seeds, engine, crypto, signal, onProgress }),
  );
}

async function serve(experiment: Experiment, context: CollectContext): Promise<void> {
  const { store, pool, maxTokens, signal, onProgress } = context;
  const provider = findSetup(experiment.provider);
  const modelPath = await findSold(experiment, context);
  const common = {
    store,
    source: sourceId(experiment, maxTokens),
    seeds: seedsOf(experiment),
    crypto,
    signer,
    signal,
    onProgress,
  };
  const attack = findAttack(experiment);
  const prompts = await findPrompts(experiment, context);
  const plan: RequestPlan = {
    maxTokens: experiment.maxTokens ?? maxTokens,
    prompts,
    sampler: attack?.sampler ?? experiment.sampler ?? 'usual',
    needs: attack?.needs,
  };
  const sequences = provider.streams;
  await pool.use({ modelPath, ...provider.settings, sequences }, async (engine) => {
    if (attack === undefined) return collectServed({ ...common, plan, engine, concurrency: sequences });
    return withCheapEngine(attack.cheap, { experiment, context, provider }, async (cheapEngine) => {
      const played = attack.create({ engine, seed: 1, ...(cheapEngine ? { cheapEngine } : {}) });
      const bend = { commit: bendCommit(played), ...(played.openOpening ? { open: played.openOpening } : {}) };
      // Some attackers remember earlier replies. They must get the requests in order.
      const concurrency = attack.family === 'weights' ? sequences : 1;
      await collectServed({ ...common, plan, engine: played.engine, bend, concurrency, tolerates: isRefusal });
    });
  });
}

/** Some attacks refuse requests. */
const isRefusal = (error: unknown): boolean => error instanceof EngineError && error.code === 'overloaded';

async function withCheapEngine(
  recipe: AttackDefinition['cheap'],
  { experiment, context, provider }: { experiment: Experiment; context: CollectContext; provider: DetectionSetup },
  use: (engine: LlamaEngine | undefined) => Promise<void>,
): Promise<void> {
  if (recipe === undefined) return use(undefined);
  const modelPath = await findCheapModel(recipe, experiment, context);
  return context.pool.use({ modelPath, ...provider.settings, sequences: provider.streams, ...recipe.engine }, use);
}

async function findCheapModel(
  { weights }: EngineRecipe,
  experiment: Experiment,
  context: CollectContext,
): Promise<string> {
  if (weights === undefined) return findSold(experiment, context);
  const { modelsDir: dir } = context;
  return makeModel(await findModel('stories15M', 'f32', dir), weights, {
    ...{ dir, sold: experiment.weights as SoldWeights },
    onProgress: (what) => process.stderr.write(`${what}\n`),
  });
}

/** @returns undefined for the usual mix of prompts. */
async function findPrompts(experiment: Experiment, context: CollectContext): Promise<readonly string[] | undefined> {
  if (experiment.isLong) return LONG_PROMPTS;
  if (experiment.isShared) return SHARED_PROMPTS;
  return experiment.isGriefed ? findGriefingPrompts(experiment, context) : undefined;
}

/** Prompts with one beginning of about a hundred tokens, as with a system prompt. */
const SHARED_PROMPTS = Array.from({ length: 40 }, (_, i) =>
  [createPrompt('long', 900), createPrompt('story', 2000 + i)].join(' '),
);

/** Prompts that, with the reply, are longer than those that rows are measured on, and fit the context. */
const LONG_PROMPTS = Array.from({ length: 40 }, (_, i) =>
  [1, 2, 3].map((k) => createPrompt('long', 1000 + 3 * i + k)).join(' '),
);

/** A small search, enough to see whether a consumer can make an honest provider look dishonest. */
const GRIEFING = { promptLength: 24, outputTokens: 32, tries: 80, survivors: 10, seed: 1 } as const;
/** Ordinary tokens of the vocabulary: neither special tokens nor single bytes. */
const ALPHABET = Array.from({ length: 2000 }, (_, i) => 259 + i * 13);

async function findGriefingPrompts(experiment: Experiment, context: CollectContext): Promise<readonly string[]> {
  const modelPath = await findSold(experiment, context);
  const open = (name: DetectionSetupName) => ({ modelPath, ...findSetup(name).settings, sequences: 1 });
  return context.pool.use(open(experiment.provider), (provider) =>
    context.pool.use(open(experiment.verifier ?? experiment.provider), async (verifier) => {
      const found = await searchGriefingPrompts({
        ...{ provider, verifier, alphabet: ALPHABET, signal: context.signal },
        ...GRIEFING,
      });
      return found.map(({ text }) => text);
    }),
  );
}
