export type SoldWeights = 'f16' | 'q8_0';
export const SOLD_WEIGHTS: readonly SoldWeights[] = ['f16', 'q8_0'];

/** How many replies of what a run samples. */
export interface Profile {
  readonly name: 'quick' | 'ci' | 'nightly' | 'full';
  /**
   * Honest replies of the pair that thresholds are calibrated on: how many decides how rare the rarest of them is. Many are
   * of any sampler settings: the consumer picks them, and what is rare must be rare whatever is picked.
   */
  readonly calibration: Readonly<Record<SoldWeights, { readonly usual: number; readonly any: number }>>;
  /** Honest replies of every other pair. */
  readonly honest: number;
  /** The same in F16 of pairs of kernels, which are classes of their own: a row of the drift table wants 166. */
  readonly kernels: number;
  /** Honest replies of the class that cheats are tried to hide in, see measure-claims.ts. */
  readonly claimed: number;
  /** Replies of an attack. */
  readonly attack: number;
  /** Replies of one that comes close to honest drift. */
  readonly hardAttack: number;
  /** Replies of one that a comparison of bytes decides. */
  readonly plainAttack: number;
  /** Of a step of the quant ladder sold as the next higher one. */
  readonly ladder: number;
  /** Replies of an attack that a verifier of the same exact class checks. */
  readonly equality: number;
  /** The same of those that are tried in another class, see measure-claims.ts. */
  readonly claimants: number;
  /** Honest replies that a verifier of the same exact class checks. */
  readonly honestEquality: number;
  /** Honest replies of any sampler of the other provider, for stage 1 alone. */
  readonly anySampler: number;
  /** Honest replies of a pair with another back end. */
  readonly otherBackend: number;
  /** Beginnings of an attack that computes something else, on that back end. */
  readonly otherBackendAttack: number;
  /**
   * Of every other pair of classes that attacks are measured in: honest replies to the usual settings and to any, replies of
   * an attack, and of one that comes close to honest drift.
   */
  readonly otherPairs: Readonly<Record<'usual' | 'any' | 'attack' | 'hardAttack', number>>;
  /**
   * First windows of replies between the CPU and that back end: honest ones seen from there, honest ones served there, and of
   * each attack that comes closest to them. Served ones take longest, and are what a claim is held against.
   */
  readonly betweenBackends: Readonly<Record<'seen' | 'served' | 'attack', number>>;
  /** The same on a model so small that a software device serves many, inside the exact class alone. */
  readonly smallBackend: number;
  readonly maxTokens: number;
  /** Sampling ends then, whole or not: a nightly run has an hour, however slow the machine is that night. Default: no limit. */
  readonly minutes?: number;
  /** Lifetimes and replies of the simulation of honest providers. */
  readonly lifetimes: number;
  readonly lifetimeReplies: number;
  /** See measure-verifiers.ts. */
  readonly verifiers: Readonly<Record<'replies' | 'runs' | 'epochs' | 'worlds', number>>;
}

const NO_PAIRS = { usual: 0, any: 0, attack: 0, hardAttack: 0 };
const NOTHING_BETWEEN = { seen: 0, served: 0, attack: 0 };

/** What docs/detection shows: hours. */
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
  // One reply of everything: what an equality decides, and whether all of it runs.
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
  // Some five minutes on two cores: what equality decides takes one reply, rates are those of larger profiles.
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
  // Of the same kind, and about as many as two cores serve and score in three quarters of an hour.
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
