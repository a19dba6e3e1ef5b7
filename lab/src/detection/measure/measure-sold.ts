import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Experiment, MAIN_PAIR, SAME_PAIR, VULKAN_PAIR } from '../plan/experiments.ts';
import type { Profile, SoldWeights } from '../plan/profiles.ts';
import type { AttackRow, EjectionRow } from '../results.ts';
import { type Detector, type RankedReply, selectLength } from './detector.ts';
import { fitPair, isPair, type ReadExperiment } from './fit-pair.ts';
import type { JudgedReply } from './load.ts';
import { measureAttack } from './measure-attacks.ts';
import {
  isHot,
  measureBeyond,
  measureEjection,
  measureGriefing,
  measureNaiveEjection,
  measurePlain,
  measureServed,
  measureSettings,
} from './measure-ejection.ts';

export interface SoldOptions {
  readonly weights: SoldWeights;
  /** Experiments of these weights only. */
  readonly honest: readonly Experiment[];
  readonly attacks: readonly Experiment[];
  readonly profile: Profile;
  readonly seed: number;
  readonly code: string;
  readonly read: ReadExperiment;
  readonly onProgress: (what: string) => void;
}

/** Allowed share of simulated honest providers that are ejected. */
export const BETA = 1e-3;
type Side = readonly [test: string, tables: readonly (readonly RankedReply[])[]];

/** The fewest replies that lives are simulated from. */
const MIN_LIVED = 100;

export interface SoldRows {
  readonly detector: Detector;
  readonly attacks: readonly AttackRow[];
  readonly ejection: readonly EjectionRow[];
}

/** Measures one weight type with a verifier of another class: attacks, and the risk to honest providers. */
export async function measureSold(options: SoldOptions): Promise<SoldRows> {
  const { weights, profile, seed, code, read, onProgress } = options;
  onProgress(`${weights}: reading samples`);
  const fitted = fitPair(MAIN_PAIR, { ...options, read, code });
  if (fitted === undefined) throw new RangeError(`no honest reply of ${weights}`);
  const { detector, honest, ofAnySampler, played } = fitted;
  const main = options.honest.filter((experiment) => isPair(experiment, MAIN_PAIR));
  const griefed = main.filter(({ isGriefed }) => isGriefed).flatMap(read);
  const long = main.filter(({ isLong }) => isLong).flatMap(read);
  const attacks: AttackRow[] = [];
  for (const { experiment, attack, replies } of played) {
    await nextTurn();
    onProgress(`${weights}: ${attack.name}`);
    const of = (pair: typeof SAME_PAIR | typeof VULKAN_PAIR): readonly JudgedReply[] =>
      options.attacks.filter((each) => each.source === experiment.source && isPair(each, pair)).flatMap(read);
    const { maxTokens = profile.maxTokens } = experiment;
    const sides = { other: replies, same: of(SAME_PAIR), vulkan: of(VULKAN_PAIR) };
    attacks.push(measureAttack({ attack, weights, ...sides, ...MAIN_PAIR, maxTokens }, detector, seed));
  }
  const lives = { lifetimes: profile.lifetimes, replies: profile.lifetimeReplies, beta: BETA, seed };
  const judgedGriefed = selectLength(griefed, 'whole').flatMap((sample) => detector.judge(sample) ?? []);
  // Consumers choose these. If all consumers of a provider do, its replies differ from those that rows were measured on.
  const runs: readonly Side[] = [
    ['per reply, calibrated', detector.judgeHonest(honest)],
    ['per reply, messages searched for drift alone', [judgedGriefed]],
  ];
  const sides: readonly Side[] = [
    ...runs,
    ['per reply, temperatures of 1.3 to 2 alone', detector.judgeHonest(ofAnySampler.filter(isHot))],
  ];
  const isLived = ([, tables]: Side): boolean => tables.flat().length >= MIN_LIVED;
  const ejection = [
    ...sides.filter(isLived).map(([test, tables]) => measureEjection(test, tables, lives)),
    ...runs.filter(isLived).map(([test, tables]) => measureServed(test, tables, BETA)),
    measureNaiveEjection(
      honest.flatMap(({ scored }) => scored?.whole.windows ?? []),
      lives,
    ),
    measurePlain([...honest, ...griefed, ...long]),
    ...(griefed.length > 0 ? [measureGriefing(judgedGriefed)] : []),
    ...(long.length > 0 ? measureBeyond(long, detector) : []),
    ...(ofAnySampler.length > 0 ? measureSettings(ofAnySampler, detector) : []),
  ];
  return { detector, attacks, ejection: ejection.map((row) => ({ ...row, test: `${weights}: ${row.test}` })) };
}
