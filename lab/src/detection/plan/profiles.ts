export type SoldWeights = 'f16' | 'q8_0';
export const SOLD_WEIGHTS: readonly SoldWeights[] = ['f16', 'q8_0'];

/** How many replies a run samples of each kind. */
export interface Profile {
  readonly name: 'quick' | 'ci' | 'nightly' | 'full';
  /**
   * Honest replies of the pair that thresholds are calibrated on. Their number limits how rare an event the sample can show.
   * Many have arbitrary sampler settings, because the consumer picks these and the rates must hold for all.
   */
  readonly calibration: Readonly<Record<SoldWeights, { readonly usual: number; readonly any: number }>>;
  /** Honest replies of every other pair. */
  readonly honest: number;
  /** The same in F16 for pairs of kernels, each a class of its own. A row of the drift table needs 166. */
  readonly kernels: number;
  /** Honest replies of the class that cheats claim (see measure-claims.ts). */
  readonly claimed: number;
  /** Replies of an attack. */
  readonly attack: number;
  /** Replies of an attack close to honest drift. */
  readonly hardAttack: number;
  /** Replies of an attack that a comparison of bytes decides. */
  readonly plainAttack: number;
  /** Replies of a step of the quant ladder, sold as the next higher one. */
  readonly ladder: number;
  /** Replies of an attack that a verifier of the same exact class checks. */
  readonly equality: number;
  /** The same for cheats that claim another class (see measure-claims.ts). */
  readonly claimants: number;
  /** Honest replies that a verifier of the same exact class checks. */
  readonly honestEquality: number;
  /** Honest replies of the other provider with arbitrary sampler settings, for stage 1 only. */
  readonly anySampler: number;
  /** Honest replies of a pair with another back end. */
  readonly otherBackend: number;
  /** Beginnings of an attack that computes something else, on that back end. */
  readonly otherBackendAttack: number;
  /**
   * Replies for every other pair of classes with attacks. They are honest ones with usual or with arbitrary settings, those of an
   * attack, and those of an attack close to honest drift.
   */
  readonly otherPairs: Readonly<Record<'usual' | 'any' | 'attack' | 'hardAttack', number>>;
  /**
   * First windows between the CPU and that back end: honest ones scored there, honest ones served there, and those of each attack
   * close to them. Serving there is slow; a claim of that class is compared with the served ones.
   */
  readonly betweenBackends: Readonly<Record<'seen' | 'served' | 'attack', number>>;
  /** The same inside the exact class, on a model small enough for a software device. */
  readonly smallBackend: number;
  readonly maxTokens: number;
  /** Sampling ends after this time, complete or not. A nightly run has an hour on any machine. Default: no limit. */
  readonly minutes?: number;
  /** Lifetimes and replies of the simulation of honest providers. */
  readonly lifetimes: number;
  readonly lifetimeReplies: number;
  /** See measure-verifiers.ts. */
  readonly verifiers: Readonly<Record<'replies' | 'runs' | 'epochs' | 'worlds', number>>;
}

const NO_PAIRS = { usual: 0, any: 0, attack: 0, hardAttack: 0 };
const NOTHING_BETWEEN = { seen: 0, served: 0, attack: 0 };

/** The profile of docs/detection; takes hours. */
const FULL: Profile = {
  name: 'full',
  calibration: { f16: { usual: 3000, any: 8500 }, q8_0: { usual: 2500, any: 5000 } },
  honest: 40,
  kernels: 200,
  claimed: 800,
  attack: 40,
  hardAttack: 120,
  plainAttack: 6,
  ladder: 16,
  equality: 8,
  claimants: 40,
  honestEquality: 600,
  anySampler: 600,
  otherBackend: 2,
  otherBackendAttack: 2,
  otherPairs: { usual: 800, any: 400, attack: 24, hardAttack: 60 },
  betweenBackends: { seen: 352, served: 176, attack: 40 },
  smallBackend: 20,
  maxTokens: 128,
  lifetimes: 5000,
  lifetimeReplies: 200,
  verifiers: { replies: 400, runs: 12, epochs: 8, worlds: 12 },
};

export const PROFILES: Readonly<Record<Profile['name'], Profile>> = {
  // One reply of everything: enough for equalities, and to see that all of it runs.
  quick: {
    name: 'quick',
    calibration: { f16: { usual: 40, any: 20 }, q8_0: { usual: 40, any: 20 } },
    honest: 1,
    kernels: 1,
    claimed: 1,
    attack: 1,
    hardAttack: 1,
    plainAttack: 1,
    ladder: 1,
    equality: 1,
    claimants: 1,
    honestEquality: 8,
    anySampler: 8,
    otherBackend: 0,
    otherBackendAttack: 0,
    otherPairs: NO_PAIRS,
    betweenBackends: NOTHING_BETWEEN,
    smallBackend: 0,
    maxTokens: 32,
    lifetimes: 200,
    lifetimeReplies: 100,
    verifiers: { replies: 12, runs: 1, epochs: 0, worlds: 0 },
  },
  // About five minutes on two cores. Equality needs one reply; rates need the larger profiles.
  ci: {
    name: 'ci',
    calibration: { f16: { usual: 120, any: 50 }, q8_0: { usual: 120, any: 50 } },
    honest: 2,
    kernels: 2,
    claimed: 2,
    attack: 2,
    hardAttack: 4,
    plainAttack: 1,
    ladder: 1,
    equality: 1,
    claimants: 1,
    honestEquality: 20,
    anySampler: 30,
    otherBackend: 0,
    otherBackendAttack: 0,
    otherPairs: NO_PAIRS,
    betweenBackends: NOTHING_BETWEEN,
    smallBackend: 0,
    maxTokens: 48,
    lifetimes: 1000,
    lifetimeReplies: 200,
    verifiers: { replies: 24, runs: 1, epochs: 0, worlds: 0 },
  },
  // As `ci`, with about as many replies as two cores serve and score in three quarters of an hour.
  nightly: {
    ...FULL,
    name: 'nightly',
    calibration: { f16: { usual: 700, any: 300 }, q8_0: { usual: 700, any: 300 } },
    honest: 12,
    kernels: 12,
    claimed: 176,
    attack: 10,
    hardAttack: 20,
    plainAttack: 4,
    ladder: 6,
    equality: 4,
    claimants: 12,
    honestEquality: 300,
    anySampler: 160,
    otherBackend: 0,
    otherBackendAttack: 0,
    otherPairs: NO_PAIRS,
    betweenBackends: NOTHING_BETWEEN,
    smallBackend: 8,
    minutes: 45,
    verifiers: { replies: 200, runs: 4, epochs: 4, worlds: 2 },
  },
  full: FULL,
};
