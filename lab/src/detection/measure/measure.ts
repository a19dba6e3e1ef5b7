import { setImmediate as nextTurn } from 'node:timers/promises';
import { LLAMA_VERSION } from '@ogong/engine/llama-cpp/device/platform';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { PROMPT_KINDS } from '@ogong/provider/calibration/prompts';
import { kindOfPrompt } from '@ogong/provider/calibration/request-plan';
import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { HONEST } from '@ogong/provider/calibration/source-id';
import { ATTACKS } from '../../attackers/catalogue.ts';
import {
  BETWEEN_BACKENDS,
  type Experiment,
  isBetweenBackends,
  listAttackExperiments,
  listHonestExperiments,
  listLadderExperiments,
  MAIN_PAIR,
  OTHER_PAIRS,
} from '../plan/experiments.ts';
import { type Profile, SOLD_WEIGHTS, type SoldWeights } from '../plan/profiles.ts';
import type { DetectionResults, HonestRow, Stage1Row } from '../results.ts';
import { sourceId, verifierId } from '../sample/collect.ts';
import type { ReadExperiment } from './fit-pair.ts';
import { type JudgedReply, readReplies } from './load.ts';
import { measureClaims } from './measure-claims.ts';
import { measureEquality, measureHonest } from './measure-honest.ts';
import { measureLadder } from './measure-ladder.ts';
import { measureOtherModel } from './measure-other-model.ts';
import { measureOtherPair, type OtherPair } from './measure-other-pairs.ts';
import { BETA, measureSold, type SoldRows } from './measure-sold.ts';
import { measureUnlistedClaims, type PairDetector } from './measure-unlisted.ts';

export interface DetectionMeasureOptions {
  readonly store: SampleStore;
  readonly profile: Profile;
  readonly seed: number;
  readonly code: string;
  readonly command: string;
  readonly machine: string;
  readonly day: string;
  /** See measure-draws.ts. */
  readonly stage1: readonly Stage1Row[];
  readonly onProgress: (what: string) => void;
}

const MODEL = 'stories15M';

/** Everything that the report says about the samples. It yields between parts, so that threads can report. */
export async function measure(
  options: DetectionMeasureOptions,
): Promise<Omit<DetectionResults, 'verifiers' | 'auditTells' | 'elapsedS' | 'aims'>> {
  const { store, profile, seed, code, onProgress } = options;
  // Some replies are asked for twice, and judging one again would be slow.
  const kept = new Map<string, readonly JudgedReply[]>();
  const read: ReadExperiment = (experiment) => {
    const [source, verifier] = [sourceId(experiment, profile.maxTokens), verifierId(experiment)];
    const key = `${source} ${verifier}`;
    const known = kept.get(key);
    if (known === undefined) onProgress(`reading ${source}, scored by ${verifier}`);
    const replies = known ?? readReplies(store, source, verifier);
    kept.set(key, replies);
    return replies.slice(0, experiment.replies);
  };
  const honest = listHonestExperiments(profile);
  const attacks = listAttackExperiments(profile, ATTACKS);
  const select = (weights: SoldWeights) => {
    const isSold = (experiment: Experiment): boolean =>
      experiment.weights === weights && experiment.model === undefined;
    return { weights, honest: honest.filter(isSold), attacks: attacks.filter(isSold), code, read };
  };
  const sold: (SoldRows & { readonly weights: SoldWeights })[] = [];
  for (const weights of SOLD_WEIGHTS) {
    sold.push({ weights, ...(await measureSold({ ...select(weights), profile, seed, onProgress })) });
  }
  const lives = { lifetimes: profile.lifetimes, replies: profile.lifetimeReplies, beta: BETA, seed };
  const first = { honest: honest.filter(isBetweenBackends), attacks: attacks.filter(isBetweenBackends) };
  const elsewhere: OtherPair[] = [];
  const detectors: PairDetector[] = sold.map(({ weights, detector }) => ({ weights, ...MAIN_PAIR, detector }));
  for (const [pair, samples] of [
    ...SOLD_WEIGHTS.flatMap((weights) =>
      OTHER_PAIRS.map((pair) => [pair, { ...select(weights), maxTokens: profile.maxTokens }] as const),
    ),
    ...BETWEEN_BACKENDS.map(
      (pair) => [pair, { weights: 'f16', ...first, code, read, maxTokens: WINDOW_TOKENS }] as const,
    ),
  ]) {
    onProgress(`${samples.weights}: ${pair.provider} seen by ${pair.verifier}`);
    await nextTurn();
    const measured = measureOtherPair(pair, { ...samples, lives });
    elsewhere.push(measured);
    if (measured.detector) detectors.push({ weights: samples.weights, ...pair, detector: measured.detector });
  }
  const ladder = listLadderExperiments(profile)
    .filter(({ verifier }) => verifier === MAIN_PAIR.verifier)
    .flatMap((experiment) => {
      const { weights } = experiment;
      const other = read(experiment);
      const own = honest
        .filter((each) => each.model === MODEL && each.weights === weights && each.verifier === MAIN_PAIR.verifier)
        .flatMap(read);
      if (other.length === 0 || own.length === 0) return [];
      const same = read({ ...experiment, verifier: experiment.provider });
      return [measureLadder({ experiment, other, same, honest: own })];
    });
  onProgress('class claims');
  const classClaims = [
    ...measureClaims({ attacks, honest, seed, code, read }),
    ...measureUnlistedClaims({ attacks, detectors, seed, read }),
  ];
  onProgress('honest pairs');
  const pairs = honest
    .filter(({ verifier, isGriefed }) => verifier !== undefined && !isGriefed)
    .map((experiment) => ({ experiment, replies: read(experiment) }))
    .filter(({ replies }) => replies.length > 0);
  const results: Omit<DetectionResults, 'verifiers' | 'auditTells' | 'elapsedS' | 'aims' | 'notCaught'> = {
    version: 5,
    profile: profile.name,
    seed,
    command: options.command,
    code,
    engine: `llama.cpp ${LLAMA_VERSION}`,
    machine: options.machine,
    day: options.day,
    honest: pairs.flatMap(({ experiment, replies }) => [
      measureHonest(experiment, describeModel(experiment), replies),
      ...measureKinds(experiment, replies),
    ]),
    attacks: sold.flatMap((part) => part.attacks),
    otherPairs: elsewhere.flatMap((part) => part.attacks),
    ladder,
    stage1: options.stage1,
    equality: pairs
      .filter(({ experiment }) => isSameClass(experiment))
      .map(({ experiment, replies }) => measureEquality(experiment, describeModel(experiment), replies)),
    ejection: [...sold, ...elsewhere].flatMap((part) => part.ejection),
    classClaims,
    otherModels: sold.flatMap(({ weights, detector }) =>
      pairs
        .filter(({ experiment: { model, provider, verifier, ...each } }) => {
          const isMain = provider === MAIN_PAIR.provider && verifier === MAIN_PAIR.verifier;
          return model !== undefined && each.weights === weights && isMain;
        })
        .map(({ experiment, replies }) => measureOtherModel(detector, { experiment, measuredOn: MODEL, replies })),
    ),
  };
  const notCaught = ATTACKS.filter(({ caughtBy }) => caughtBy.length === 0).map(({ name, uncaught = '' }) => ({
    attack: name,
    why: uncaught,
  }));
  return { ...results, notCaught };
}

const describeModel = ({ model = MODEL, sampler, maxTokens, isLong, isShared }: Experiment): string => {
  if (maxTokens !== undefined) return `${model}, ${maxTokens} tokens`;
  if (sampler === 'any') return `${model}, any sampler`;
  return isLong ? `${model}, long prompts` : isShared ? `${model}, prefixes from the cache` : model;
};

/** Drift by kind of prompt, for usual replies of the main pair. */
function measureKinds(experiment: Experiment, replies: readonly JudgedReply[]): HonestRow[] {
  const { provider, verifier, source, model } = experiment;
  const isMain = provider === MAIN_PAIR.provider && verifier === MAIN_PAIR.verifier;
  if (!isMain || source !== HONEST || model !== undefined) return [];
  return PROMPT_KINDS.flatMap((kind) => {
    const ofKind = replies.filter(({ seed }) => kindOfPrompt(seed) === kind);
    return ofKind.length === 0 ? [] : [measureHonest(experiment, `${MODEL}, prompts: ${kind}`, ofKind)];
  });
}

/** Whether the verifier runs the provider's class: on a CPU it loads that class's library, elsewhere the device must be the same. */
const isSameClass = ({ provider, verifier }: Experiment): boolean =>
  (provider.startsWith('cpu-exact') && verifier?.startsWith('cpu-exact') === true) ||
  (provider === 'vulkan' && verifier === 'vulkan');
