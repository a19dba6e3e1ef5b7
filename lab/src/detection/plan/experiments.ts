import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import type { AttackDefinition } from '../../attackers/attack.ts';
import { LADDER } from '../../attackers/cheap-models.ts';
import type { ModelName } from './models.ts';
import { type Profile, SOLD_WEIGHTS } from './profiles.ts';
import type { DetectionSetupName } from './setups.ts';

/** Replies of one source, checked by one verifier. */
export interface Experiment {
  /** Default: stories15M. */
  readonly model?: ModelName;
  readonly weights: string;
  /** An attack's name, or `honest`. */
  readonly source: string;
  readonly provider: DetectionSetupName;
  /** Undefined if only draws are replayed. */
  readonly verifier: DetectionSetupName | undefined;
  readonly replies: number;
  /** Default: the profile's. */
  readonly maxTokens?: number;
  /** Default: usual. */
  readonly sampler?: 'usual' | 'any';
  /** Prompts several times as long as the usual ones. */
  readonly isLong?: boolean;
  /** Prompts that begin alike, so that most of each is in the provider's prefix cache. */
  readonly isShared?: boolean;
  /** Griefing prompts, on which provider and verifier differ most, instead of the usual ones. */
  readonly isGriefed?: boolean;
}

const BACKEND_PAIRS: readonly (readonly [DetectionSetupName, DetectionSetupName])[] = [
  ['vulkan', 'vulkan'],
  ['vulkan', 'cpu-fast'],
  ['vulkan', 'cpu-exact'],
  ['cpu-exact', 'vulkan'],
];

/** Honest pairs of other models and weights, because drift depends on these as well as on kernels. */
const OTHER_MODELS: readonly (readonly [ModelName, string])[] = [
  ...LADDER.slice(1, -1).map((weights) => ['stories15M', weights] as const),
  ['stories260K', 'f16'],
  ['stories260K', 'q8_0'],
  ['random-deep', 'f16'],
  ['random-deep', 'q8_0'],
  ['random-deep', 'q4_k_m'],
  ['random-wide', 'f16'],
  ['random-wide', 'q8_0'],
  ['random-wide', 'q4_k_m'],
  ['random-words', 'f16'],
  ['random-words', 'q8_0'],
];

/** The pair in which attacks are measured between classes: an exact provider, a verifier of another class. */
export const MAIN_PAIR = { provider: 'cpu-exact', verifier: 'cpu-fast' } as const;

/** The provider's own exact class. */
export const SAME_PAIR = { provider: 'cpu-exact', verifier: 'cpu-exact' } as const;
/** The same on a back end that is no CPU. */
export const VULKAN_PAIR = { provider: 'vulkan', verifier: 'vulkan' } as const;

/** The loosest class of the CPU. A cheat in the exact class may claim it; verifiers of both classes score it. */
export const CLAIMED = 'cpu-fast';
/** Classes that a cheat in the CPU's exact class claims. */
export const CLAIMED_CLASSES = [
  { claimed: CLAIMED, weights: SOLD_WEIGHTS },
  { claimed: 'vulkan', weights: ['f16'] },
] as const;
export const CLAIM_VERIFIERS = ['cpu-exact', 'cpu-fast'] as const;

/**
 * Further pairs in which attacks are measured: verifiers of another instruction set or without flash attention, and providers
 * outside any exact class.
 */
export const OTHER_PAIRS = [
  { provider: 'cpu-exact', verifier: 'cpu-fast-avx512' },
  { provider: 'cpu-exact', verifier: 'cpu-no-fa' },
  ...CLAIM_VERIFIERS.map((verifier) => ({ provider: CLAIMED, verifier }) as const),
] as const;

/**
 * Pairs of the CPU and another back end, in F16, where drift is several times that between CPU classes. The other back end is
 * the verifier, or the class that a cheat on the CPU claims. First windows only, since a software device is slow.
 */
export const BETWEEN_BACKENDS = [
  { provider: 'cpu-exact', verifier: 'vulkan' },
  { provider: 'vulkan', verifier: 'cpu-fast' },
] as const;
const BETWEEN = { weights: 'f16', maxTokens: WINDOW_TOKENS } as const;

export const isBetweenBackends = ({ weights, maxTokens, ...each }: Experiment): boolean =>
  weights === BETWEEN.weights &&
  maxTokens === BETWEEN.maxTokens &&
  BETWEEN_BACKENDS.some(({ provider, verifier }) => each.provider === provider && each.verifier === verifier);

/** The same kernels with other passes: parallel streams, and drafts. */
const PASS_PAIRS: readonly (readonly [DetectionSetupName, DetectionSetupName])[] = [
  ['cpu-fast-2', 'cpu-fast'],
  ['cpu-fast-4', 'cpu-fast'],
  ['cpu-fast-8', 'cpu-fast'],
  ['cpu-fast-drafts', 'cpu-fast'],
  ['cpu-exact-drafts', 'cpu-exact'],
];

/** Those without vector instructions take longest, and come last. */
const KERNEL_PAIRS: readonly (readonly [DetectionSetupName, DetectionSetupName])[] = [
  ['cpu-fast', 'cpu-fast-avx512'],
  ['cpu-fast-avx512', 'cpu-fast'],
  ['cpu-fast-cannonlake', 'cpu-fast'],
  ['cpu-no-fa', 'cpu-fast'],
  ['cpu-plain', 'cpu-fast'],
  ['cpu-fast-no-fa', 'cpu-fast'],
  ['cpu-unified', 'cpu-fast'],
  ['cpu-exact-avx512', 'cpu-exact'],
  ['cpu-reference', 'cpu-fast'],
  ['cpu-fast-piledriver', 'cpu-fast'],
  ['cpu-fast-ivybridge', 'cpu-fast'],
  ['cpu-fast-sandybridge', 'cpu-fast'],
  ['cpu-fast-sse', 'cpu-fast'],
  ['cpu-fast', 'cpu-fast-scalar'],
];

const QUANTISED_CACHES: readonly (readonly [DetectionSetupName, DetectionSetupName])[] = [
  ['cpu-exact-kv-q8', 'cpu-exact-kv-q8'],
  ['cpu-exact-kv-q8', 'cpu-fast-kv-q8'],
  ['cpu-exact-kv-q4', 'cpu-exact-kv-q4'],
];

/** Honest providers of every class that this machine can be, against every kind of verifier. */
export function listHonestExperiments(profile: Profile): Experiment[] {
  const { calibration, honest, kernels, claimed, honestEquality, anySampler, otherBackend, otherPairs, smallBackend } =
    profile;
  const { betweenBackends } = profile;
  const any = { source: 'honest-any', sampler: 'any' } as const;
  const main = SOLD_WEIGHTS.flatMap((weights): Experiment[] => [
    { weights, source: 'honest', ...MAIN_PAIR, replies: calibration[weights].usual },
    { weights, ...any, ...MAIN_PAIR, replies: calibration[weights].any },
  ]);
  const others = SOLD_WEIGHTS.flatMap((weights): Experiment[] => [
    ...OTHER_PAIRS.flatMap((pair): Experiment[] => [
      {
        weights,
        source: 'honest',
        ...pair,
        replies: Math.max(pair.provider === CLAIMED ? claimed : honest, otherPairs.usual),
      },
      { weights, ...any, ...pair, replies: otherPairs.any },
    ]),
    { weights, source: 'honest-griefed', ...MAIN_PAIR, replies: claimed, isGriefed: true },
    { weights, source: 'honest-long', ...MAIN_PAIR, replies: honest, isLong: true },
    { weights, source: 'honest-long', ...SAME_PAIR, replies: honest, isLong: true },
    ...[MAIN_PAIR, SAME_PAIR].map(
      (pair): Experiment => ({ weights, source: 'honest-shared', ...pair, replies: honest, isShared: true }),
    ),
    { weights, ...any, ...SAME_PAIR, replies: Math.ceil(honestEquality / 4) },
    { weights, source: 'honest', ...SAME_PAIR, replies: honestEquality },
    { weights, source: 'honest', provider: 'cpu-exact-threads', verifier: 'cpu-exact', replies: Math.ceil(honest / 8) },
    { weights, source: 'honest', provider: 'cpu-exact-avx512', verifier: 'cpu-exact-avx512', replies: honest },
    // Short prompts have no tiles.
    ...(['cpu-exact-tiled', 'cpu-fast'] as const).map(
      (verifier): Experiment => ({
        ...{ weights, source: 'honest-long', provider: 'cpu-exact-tiled', verifier },
        ...{ replies: honest, isLong: true },
      }),
    ),
    ...PASS_PAIRS.map(([provider, verifier]) => ({ weights, source: 'honest', provider, verifier, replies: honest })),
    ...KERNEL_PAIRS.map(([provider, verifier]) => {
      return { weights, source: 'honest', provider, verifier, replies: weights === 'f16' ? kernels : honest };
    }),
    { weights, ...any, provider: CLAIMED, verifier: undefined, replies: anySampler },
  ]);
  const models = OTHER_MODELS.flatMap(([model, weights]) =>
    (['cpu-fast', 'cpu-exact'] as const).map((verifier): Experiment => {
      return { model, weights, source: 'honest', provider: 'cpu-exact', verifier, replies: Math.ceil(honest / 2) };
    }),
  );
  const caches = (['f16', 'q8_0'] as const).flatMap((weights) =>
    QUANTISED_CACHES.map(([provider, verifier]): Experiment => {
      return { model: 'random-deep', weights, source: 'honest', provider, verifier, replies: honest };
    }),
  );
  const backends = SOLD_WEIGHTS.flatMap((weights) => [
    ...BACKEND_PAIRS.map(([provider, verifier]): Experiment => {
      return { weights, source: 'honest', provider, verifier, replies: otherBackend };
    }),
    {
      model: 'stories260K',
      weights,
      source: 'honest',
      provider: 'vulkan',
      verifier: 'vulkan',
      replies: smallBackend,
    } as const,
  ]);
  const between = BETWEEN_BACKENDS.map((pair): Experiment => {
    const replies = pair.verifier === 'vulkan' ? betweenBackends.seen : betweenBackends.served;
    return { source: 'honest', ...BETWEEN, ...pair, replies };
  });
  return [...main, ...others, ...models, ...caches, ...backends, ...between].filter(({ replies }) => replies > 0);
}

/** Attacks close to honest drift, or honest most of the time. They get more replies, because their rates matter. */
const HARD =
  /^(weights-(noise|fine-tune)-1e-3|weights-q8-0|kv-q8-0|prefill-q8-0|massaged(-knowing|-careful|-hidden)?-(q8-0|noise-1e-3)|cheat-(sometimes|after-reputation|on-hot).*)$/;

/** Those of them that compute something else in every reply. */
const CLOSEST = /^(weights-(noise|fine-tune)-1e-3|weights-q8-0|kv-q8-0)$/;

/** Shows in short replies only. */
const ON_SHORT = /^cheat-on-short$/;

/** Attacks of which few replies count, because most fail stage 1, have no bent draw, or are not served. They get more replies. */
const RARE: readonly (readonly [RegExp, times: number])[] = [
  [/^prefill-q8-0$/, 4],
  [/^massaged-noise-1e-3$/, 2],
  [/^grind-by-refusing$/, 4],
];

/** Attacks whose replies take many passes; between inexact classes each correction repeats the whole reply. They get fewer. */
const SLOW: readonly (readonly [RegExp, times: number])[] = [
  [/^massaged-(knowing|careful|hidden)-(q8-0|noise-1e-3)$/, 1 / 2],
  [/^massaged-knowing-/, 1 / 4],
];
/** The fewest replies that make an alternative of a row, of which two fifths are fitted (drift-table-build.ts). */
const LEAST = 20;
const LEAST_ELSEWHERE = 16;

const findTimes = (name: string, times: typeof RARE): number | undefined =>
  times.find(([pattern]) => pattern.test(name))?.[1];

/** Attacks that statistics have to find between classes, and that a table should name. */
const BY_VALUES =
  /^(weights|substitute|kv|sliding-window|prefill|massaged|sketch-(sign|zero|huge|denormal|copied|of-peer|trained)|hidden-system|prompt-truncated|dropped-tool|renamed|sampler|greedy|tail-|looser-class|cheat-)/;

function countReplies(name: string, { attack, hardAttack, plainAttack }: Profile): number {
  const replies = HARD.test(name) ? hardAttack : BY_VALUES.test(name) ? attack : plainAttack;
  const share = findTimes(name, SLOW);
  if (share !== undefined) return Math.min(replies, Math.max(LEAST, Math.ceil(share * replies)));
  return replies * (findTimes(name, RARE) ?? 1);
}

/** How many replies to play in another pair. With another provider everything is served again, so only HARD attacks are played. */
function countElsewhere(name: string, { provider }: Pick<Experiment, 'provider'>, { otherPairs }: Profile): number {
  if (provider !== MAIN_PAIR.provider) {
    if (!HARD.test(name) || name.startsWith('cheat-')) return 0;
    const { hardAttack } = otherPairs;
    return findTimes(name, SLOW) === undefined ? hardAttack : Math.min(LEAST_ELSEWHERE, hardAttack);
  }
  return HARD.test(name) ? otherPairs.hardAttack : BY_VALUES.test(name) ? otherPairs.attack : 0;
}

/** Tokens of a reply on a slow back end. Attacks that differ at all do so within four tokens. */
const BEGINNING = 8;

/** Whole replies of the model that the aims are about. */
export const isUsual = ({ model, maxTokens }: Experiment): boolean => model === undefined && maxTokens === undefined;

/** Cheats that claim another class (see measure-claims.ts). */
export const CLAIMANTS = ['weights-noise-1e-3', 'weights-fine-tune-1e-3', 'weights-q8-0'] as const;

const isClaimant = (name: string): boolean => (CLAIMANTS as readonly string[]).includes(name);

/** Whether an attack computes its tokens by another model, so that the first ones differ in an exact class. */
export const computesOtherwise = ({ name, family }: Readonly<Record<'name' | 'family', string>>): boolean =>
  family === 'weights' || /^(hidden-system-prompt|prompt-truncated|dropped-tool)/.test(name);

/** Every attack, with every weight type for which it makes sense. */
export function listAttackExperiments(profile: Profile, attacks: readonly AttackDefinition[]): Experiment[] {
  return attacks.flatMap(({ name, family, soldAs }) =>
    SOLD_WEIGHTS.filter((weights) => soldAs === undefined || soldAs.includes(weights)).flatMap(
      (weights): Experiment[] => {
        const replies = countReplies(name, profile);
        const cut = ON_SHORT.test(name) ? { maxTokens: WINDOW_TOKENS } : {};
        const equality = isClaimant(name) ? profile.claimants : profile.equality;
        // A sliding window forgets nothing until it is full, so the beginning of a reply does not show it.
        const isShown = computesOtherwise({ name, family }) && !name.startsWith('sliding-window');
        const elsewhere = isShown ? profile.otherBackendAttack : 0;
        return [
          { weights, source: name, ...MAIN_PAIR, ...cut, replies },
          { weights, source: name, ...SAME_PAIR, ...cut, replies: Math.min(equality, replies) },
          { weights, source: name, ...VULKAN_PAIR, maxTokens: BEGINNING, replies: elsewhere },
          ...(weights === BETWEEN.weights && CLOSEST.test(name)
            ? [{ source: name, ...BETWEEN, ...BETWEEN_BACKENDS[0], replies: profile.betweenBackends.attack }]
            : []),
          ...OTHER_PAIRS.map((pair): Experiment => {
            return {
              weights,
              source: name,
              ...pair,
              ...cut,
              replies: Math.min(countElsewhere(name, pair, profile), replies),
            };
          }),
        ].filter((experiment) => experiment.replies > 0);
      },
    ),
  );
}

/**
 * Every step of the ladder, sold as the next higher one, below the weight types that rows are measured for. Equality and fixed
 * limits decide about them. Honest replies of the sold weights are among those of other models.
 */
export const listLadderExperiments = ({ ladder }: Profile): Experiment[] =>
  LADDER.slice(2).flatMap((weights, i) =>
    [MAIN_PAIR, SAME_PAIR].map(
      (pair): Experiment => ({
        weights: LADDER[i + 1] as string,
        source: `weights-${weights.replaceAll('_', '-')}`,
        ...pair,
        replies: ladder,
      }),
    ),
  );

/** Seeds of attacks start here and honest ones at 1, so that a cheat never has the draws of a calibrated reply. */
export const FIRST_ATTACK_SEED = 1_000_001;

export const seedsOf = ({ source, replies }: Pick<Experiment, 'source' | 'replies'>): number[] =>
  Array.from({ length: replies }, (_, i) => (source.startsWith('honest') ? 1 : FIRST_ATTACK_SEED) + i);
