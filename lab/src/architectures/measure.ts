import { basename, join } from 'node:path';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import type { ArchitectureRecipe } from '@ogong/testing/models/architectures/recipe';
import { writeNoisyModel } from '@ogong/testing/models/noisy-model';
import type { AttackDefinition } from '../attackers/attack.ts';
import { findAttack } from '../attackers/catalogue.ts';
import { playTrial } from '../attackers/trial.ts';
import { addCounts, NO_COUNTS, serveRound } from '../equality/serve-round.ts';
import { CONTEXT, MOST_STREAMS, WAYS } from '../equality/ways.ts';
import type { ArchitectureResult, AttackResult, ClassResult } from './results.ts';

export const WEIGHT_TYPES = ['f16', 'q8_0'] as const;
export type WeightType = (typeof WEIGHT_TYPES)[number];
export const SERVED_WAYS = ['exact', 'exact-tiled'] as const;
type ServedWay = (typeof SERVED_WAYS)[number];

/** Other weights, another cache, another sampler: each is seen by what a model of this architecture computes. */
const ATTACKS = ['substitute', 'kv-q8-0', 'sampler-cooler'] as const;
/** Its values grow by a thousandth in the model that is served instead. Every recipe has it. */
const CHANGED_TENSOR = 'blk.0.attn_norm.weight';

const SEED = 1;
/** Rounds of conversations, each with its own number of streams. */
const ROUNDS = [1, 2, 3];
const MAX_TOKENS = 48;
/** Past the windows, and past what is tiled. */
const PROMPT_TOKENS = 200;
const REQUESTS = ['Once upon a time', 'The little dog was very hungry, so'].map((content) => ({
  messages: [{ role: 'user', content }],
  max_tokens: MAX_TOKENS,
  temperature: 0.9,
  top_p: 0.95,
}));

export interface MeasureOptions {
  /** A folder for the models. */
  readonly dir: string;
  /** A GGUF file of `stories260K`. */
  readonly vocabularyFrom: string;
}

export type ModelFiles = Readonly<Record<WeightType, string>>;

/** Writes a recipe's model in every weight type. */
export async function writeModels(
  recipe: ArchitectureRecipe,
  { dir, vocabularyFrom }: MeasureOptions,
): Promise<ModelFiles> {
  const [f16, quantised] = [join(dir, `${recipe.name}-f16.gguf`), join(dir, `${recipe.name}-q8_0.gguf`)];
  writeRandomArchitecture(f16, { recipe, seed: SEED, vocabularyFrom });
  await llamaQuantizer.quantize(f16, quantised, 'q8_0');
  return { f16, q8_0: quantised };
}

/** Serves a recipe's random model in every exact class that it may have, then lets attackers serve it. */
export async function measureArchitecture(
  recipe: ArchitectureRecipe,
  options: MeasureOptions,
): Promise<ArchitectureResult> {
  const models = await writeModels(recipe, options);
  const classes: ClassResult[] = [];
  for (const weights of WEIGHT_TYPES)
    for (const way of SERVED_WAYS) classes.push(await measureClass(models[weights], weights, way));
  const proven = classes.find(({ served }) => served !== undefined && served.differing === 0);
  const attacks: AttackResult[] = [];
  for (const name of proven === undefined ? [] : ATTACKS)
    attacks.push(await measureAttack(name, models[proven?.weights as WeightType], options));
  const { name, architecture, features } = recipe;
  return { name, architecture, features, classes, attacks };
}

const refusalOf = (error: unknown, path: string): string =>
  (error as Error).message.replaceAll(path, 'the model').split('\n')[0] as string;

/** Conversations side by side, every reply run again by an engine of its own. */
export async function measureClass(modelPath: string, weights: WeightType, way: ServedWay): Promise<ClassResult> {
  const opened: LlamaEngine[] = [];
  const open = async (side: 'provider' | 'verifier', sequences: number) => {
    const shared = { modelPath, threads: 1, contextSize: CONTEXT, sequences };
    const engine = await createLlamaEngine({ ...shared, ...WAYS[way][side] });
    opened.push(engine);
    return engine;
  };
  try {
    const provider = await open('provider', MOST_STREAMS);
    const { numericClass, exact } = provider.info();
    if (!exact)
      return { weights, way, numericClass, refusal: 'is served as `unproven`: the engine does not call it exact' };
    const verifier = await open('verifier', 1);
    const { signal } = new AbortController();
    const plan = { maxTokens: MAX_TOKENS, promptTokens: PROMPT_TOKENS, signal };
    let counts = NO_COUNTS;
    for (const seed of ROUNDS) counts = addCounts(counts, await serveRound({ provider, verifier, seed, ...plan }));
    const { replies, tokens, differing, cached } = counts;
    return { weights, way, numericClass, served: { replies, tokens, differing, cached } };
  } catch (error) {
    return { weights, way, refusal: refusalOf(error, modelPath) };
  } finally {
    await Promise.all(opened.map((engine) => engine.close()));
  }
}

/** Plays the attack and the verifier, without a network. */
export async function measureAttack(name: string, modelPath: string, { dir }: MeasureOptions): Promise<AttackResult> {
  const definition = findAttack(name);
  const opened: LlamaEngine[] = [];
  const open = async (options: Parameters<typeof createLlamaEngine>[0]) => {
    const engine = await createLlamaEngine({ sequences: 1, contextSize: 256, threads: 1, ...options });
    opened.push(engine);
    return engine;
  };
  try {
    const engine = await open({ modelPath });
    const cheapEngine = definition.cheap && (await open(createCheap(definition, modelPath, dir)));
    const attack = definition.create({ engine, ...(cheapEngine && { cheapEngine }) });
    const by = new Set<string>();
    let caught = 0;
    for (const [number, request] of REQUESTS.entries()) {
      const honest = await playTrial({ engine }, { verifier: engine, number, request });
      if (honest.failed.length > 0) return { name, refusal: `an honest reply fails: ${honest.failed.join(', ')}` };
      const { failed } = await playTrial(attack, { verifier: engine, number, request });
      if (failed.length > 0) caught++;
      for (const id of failed) by.add(id);
    }
    return { name, played: { replies: REQUESTS.length, caught, by: [...by].sort() } };
  } catch (error) {
    return { name, refusal: refusalOf(error, modelPath) };
  } finally {
    await Promise.all(opened.map((engine) => engine.close()));
  }
}

/** The sold model with changed weights, or with the attack's own settings of the engine. */
function createCheap({ cheap }: AttackDefinition, modelPath: string, dir: string) {
  if (cheap?.weights === undefined || cheap.engine !== undefined) return { modelPath, ...cheap?.engine };
  const changed = join(dir, `changed-${basename(modelPath)}`);
  writeNoisyModel(modelPath, changed, { tensor: CHANGED_TENSOR, seed: SEED });
  return { modelPath: changed };
}
