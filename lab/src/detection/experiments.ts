import type { SetupName } from './setups.ts';

export type SoldWeights = 'f16' | 'q8_0';
export const SOLD_WEIGHTS: readonly SoldWeights[] = ['f16', 'q8_0'];

/** Replies of one source, checked by one verifier. */
export interface Experiment {
  readonly weights: SoldWeights;
  /** An attack's name, or `honest`. */
  readonly source: string;
  readonly provider: SetupName;
  readonly verifier: SetupName;
  readonly replies: number;
}

export interface Profile {
  readonly name: 'quick' | 'ci' | 'nightly';
  /** Honest replies of the pair that thresholds are calibrated on. */
  readonly calibration: number;
  /** Honest replies of every other pair. */
  readonly honest: number;
  /** Replies of an attack. */
  readonly attack: number;
  /** Replies of an attack that a verifier of the same exact class checks. */
  readonly equality: number;
  readonly maxTokens: number;
  /** Lifetimes and replies of the simulation of honest providers. */
  readonly lifetimes: number;
  readonly lifetimeReplies: number;
}

export const PROFILES: Readonly<Record<Profile['name'], Profile>> = {
  quick: {
    name: 'quick',
    calibration: 40,
    honest: 8,
    attack: 6,
    equality: 4,
    maxTokens: 64,
    lifetimes: 200,
    lifetimeReplies: 100,
  },
  ci: {
    name: 'ci',
    calibration: 150,
    honest: 12,
    attack: 12,
    equality: 6,
    maxTokens: 128,
    lifetimes: 1000,
    lifetimeReplies: 200,
  },
  nightly: {
    name: 'nightly',
    calibration: 4000,
    honest: 200,
    attack: 100,
    equality: 20,
    maxTokens: 128,
    lifetimes: 5000,
    lifetimeReplies: 200,
  },
};

/** The pair that attacks are measured in where no class is shared: an exact provider, a verifier of another class. */
export const MAIN_PAIR = { provider: 'cpu-exact', verifier: 'cpu-fast' } as const;

const HONEST_PAIRS: readonly (readonly [SetupName, SetupName])[] = [
  ['cpu-fast', 'cpu-fast'],
  ['cpu-fast', 'cpu-exact'],
  ['cpu-fast', 'cpu-fast-avx512'],
  ['cpu-fast', 'cpu-fast-scalar'],
  ['cpu-fast-avx512', 'cpu-fast'],
  ['cpu-fast-sse', 'cpu-fast'],
  ['cpu-exact', 'cpu-exact'],
  ['cpu-exact', 'cpu-fast-avx512'],
  ['cpu-exact-avx512', 'cpu-exact-avx512'],
  ['cpu-exact-avx512', 'cpu-exact'],
];

/** Honest providers of every class that this machine can be, against every kind of verifier. */
export function listHonestExperiments({ calibration, honest }: Profile): Experiment[] {
  return SOLD_WEIGHTS.flatMap((weights) => [
    { weights, source: 'honest', ...MAIN_PAIR, replies: calibration },
    ...HONEST_PAIRS.map(([provider, verifier]) => ({ weights, source: 'honest', provider, verifier, replies: honest })),
  ]);
}

/** Honest seeds count from 1; those of attacks from here, so that a cheat never repeats a calibrated prompt's draws. */
export const FIRST_ATTACK_SEED = 1_000_001;

export const seedsOf = ({ source, replies }: Pick<Experiment, 'source' | 'replies'>): number[] =>
  Array.from({ length: replies }, (_, i) => (source === 'honest' ? 1 : FIRST_ATTACK_SEED) + i);
