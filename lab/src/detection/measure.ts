import { LLAMA_VERSION } from '@ogong/engine/llama-cpp/platform';
import { replaySample } from '@ogong/node/calibration/sample';
import type { SampleStore } from '@ogong/node/calibration/sample-store';
import { nobleCrypto as crypto } from '@ogong/protocol/noble';
import { ATTACKS } from '../attackers/catalogue.ts';
import { judgeAims } from './aims.ts';
import { sourceId, verifierId } from './collect.ts';
import { createDetector, type Detector } from './detector.ts';
import {
  CLAIMED_PAIR,
  type Experiment,
  listAttackExperiments,
  listHonestExperiments,
  MAIN_PAIR,
  type Profile,
  SOLD_WEIGHTS,
  type SoldWeights,
} from './experiments.ts';
import { type JudgedReply, readReplies } from './load.ts';
import { measureAttack } from './measure-attacks.ts';
import { measureClaim } from './measure-claims.ts';
import { measureEjection, measureGriefing, measureNaiveEjection } from './measure-ejection.ts';
import { measureEquality, measureHonest, measureStage1 } from './measure-honest.ts';
import type { AttackRow, DetectionResults, EjectionRow } from './results.ts';

export interface MeasureOptions {
  readonly store: SampleStore;
  readonly profile: Profile;
  readonly seed: number;
  readonly code: string;
  readonly command: string;
  readonly machine: string;
  readonly day: string;
  readonly elapsedS: number;
  readonly verifiers: DetectionResults['verifiers'];
  readonly onProgress: (what: string) => void;
}

const MODEL = 'stories15M';
const BETA = 1e-3;
const SAME_PAIR = { provider: 'cpu-exact', verifier: 'cpu-exact' } as const;
/** Weight cheats that come closest to what they are sold as. */
const CLAIMANTS = ['weights-noise-1e-3', 'weights-fine-tune-1e-3', 'weights-q8-0'] as const;

/** Everything that the report says, from the samples alone. */
export function measure(options: MeasureOptions): DetectionResults {
  const { store, profile, seed, onProgress } = options;
  const read = (experiment: Experiment): JudgedReply[] => {
    const wanted = new Set(Array.from({ length: experiment.replies }, (_, i) => i));
    const replies = readReplies(store, sourceId(experiment, profile.maxTokens), verifierId(experiment));
    return replies.filter((_, i) => wanted.has(i));
  };
  const honest = listHonestExperiments(profile);
  const attacks: AttackRow[] = [];
  const ejection: EjectionRow[] = [];
  const detectors = new Map<SoldWeights, Detector>();
  for (const weights of SOLD_WEIGHTS) {
    onProgress(`${weights}: reading samples`);
    const main = read({ weights, source: 'honest', ...MAIN_PAIR, replies: profile.calibration });
    const played = listAttackExperiments(profile, ATTACKS).filter((experiment) => experiment.weights === weights);
    const samples = new Map(
      played
        .filter(({ verifier }) => verifier === MAIN_PAIR.verifier)
        .map((each) => [each.source, read(each)] as const),
    );
    onProgress(`${weights}: fitting`);
    const detector = createDetector({
      ...{ weights, providerClass: MAIN_PAIR.provider, verifierClass: MAIN_PAIR.verifier },
      codeVersion: options.code,
      honest: main,
      attacks: new Map([...samples].filter(([, replies]) => isAlternative(replies))),
    });
    detectors.set(weights, detector);
    for (const [name, other] of samples) {
      const attack = ATTACKS.find((each) => each.name === name);
      if (attack === undefined || other.length === 0) continue;
      onProgress(`${weights}: ${name}`);
      const replies = profile.equality;
      const same = read({ weights, source: name, ...SAME_PAIR, replies });
      attacks.push(
        measureAttack({ attack, weights, other, same, ...MAIN_PAIR, maxTokens: profile.maxTokens }, detector, seed),
      );
    }
    const lives = { lifetimes: profile.lifetimes, replies: profile.lifetimeReplies, beta: BETA, seed };
    const windows = main.flatMap(({ scored }) => scored?.whole.windows ?? []);
    if (detector.honest.whole.length >= 200)
      ejection.push(named(weights, measureEjection(detector.honest.whole, lives)));
    ejection.push(named(weights, measureNaiveEjection(windows, lives)));
    const griefed = read({ weights, source: 'honest-griefed', ...MAIN_PAIR, replies: profile.claimed });
    if (griefed.length > 0) ejection.push(named(weights, measureGriefing(griefed, detector)));
  }
  onProgress('class claims');
  const claims = SOLD_WEIGHTS.flatMap((weights) => {
    const honestFast = read({ weights, source: 'honest', ...CLAIMED_PAIR, replies: profile.claimed });
    return CLAIMANTS.flatMap((attack) => {
      const replies = read({ weights, source: attack, ...SAME_PAIR, replies: profile.equality });
      if (replies.length === 0 || honestFast.length === 0) return [];
      const codeVersion = options.code;
      return measureClaim({ weights, attack, replies, claimed: 'cpu-fast', honest: honestFast, codeVersion }) ?? [];
    });
  });
  onProgress('honest pairs');
  const scored = honest.filter(({ verifier, isGriefed }) => verifier !== undefined && !isGriefed);
  const read2 = scored
    .map((experiment) => ({ experiment, replies: read(experiment) }))
    .filter(({ replies }) => replies.length > 0);
  const results: Omit<DetectionResults, 'aims' | 'notCaught'> = {
    version: 1,
    profile: profile.name,
    seed,
    command: options.command,
    code: options.code,
    engine: `llama.cpp ${LLAMA_VERSION}`,
    machine: options.machine,
    day: options.day,
    elapsedS: options.elapsedS,
    honest: read2.map(({ experiment, replies }) => measureHonest(experiment, experiment.model ?? MODEL, replies)),
    attacks,
    stage1: measureDraws(store, honest, profile),
    equality: read2
      .filter(({ experiment }) => isSameClass(experiment))
      .map(({ experiment, replies }) => measureEquality(experiment, replies)),
    ejection,
    classClaims: claims,
    verifiers: options.verifiers,
  };
  return { ...results, ...judgeAims(results) };
}

const named = (weights: string, row: EjectionRow): EjectionRow => ({ ...row, test: `${weights}: ${row.test}` });

/** Stage 1 and plain facts leave nothing to statistics. */
function isAlternative(replies: readonly JudgedReply[]): boolean {
  return replies.some(({ stage1, plain, scored }) => !stage1 && !plain && scored && !scored.comparison.identical);
}

/** A verifier of the CPU loads the library of the provider's class; one of another back end has to be the same device. */
const isSameClass = ({ provider, verifier }: Experiment): boolean =>
  (provider.startsWith('cpu-exact') && verifier?.startsWith('cpu-exact') === true) ||
  (provider === 'vulkan' && verifier === 'vulkan');

/** Every honest reply that was served, whoever checked it. */
function measureDraws(store: SampleStore, honest: readonly Experiment[], { maxTokens }: Profile) {
  const sources = [...new Set(honest.map((experiment) => sourceId(experiment, maxTokens)))];
  return sources
    .filter((source) => store.listSeeds(source).length > 0)
    .map((source) =>
      measureStage1(
        source,
        store.listSeeds(source).map((sampleSeed) => {
          const sample = store.readServed(source, sampleSeed)!;
          const replayed = replaySample(crypto, sample);
          const stage1 = replayed?.replay.checks.find(({ status }) => status === 'fail')?.id;
          return { stage1: replayed ? stage1 : 'opening', tokens: replayed?.record.tokenCount ?? 0 };
        }),
      ),
    );
}
