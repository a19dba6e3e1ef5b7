/** Names alone: the list of planted bugs needs them before any code of the product is loaded. */
export const LYING_ROLES = ['validator', 'provider', 'verifier', 'gateway', 'router'] as const;
export type LyingRole = (typeof LYING_ROLES)[number];

/** Attacks of the catalogue that change what is answered or committed, and that the fake engine can play. */
export const ANSWER_ATTACKS = [
  ...[
    'substitute',
    'weights-q8-0',
    'kv-q8-0',
    'sliding-window-32',
    'prefill',
    'massaged-q8-0',
    'massaged-careful-q8-0',
  ],
  ...['renamed-candidates', 'sampler-cooler', 'sampler-wider', 'sampler-few', 'greedy-as-sampled', 'mask-unasked'],
  ...['grind-nonce', 'grind-reply-id', 'grind-epoch', 'grind-by-refusing', 'grind-with-fallback'],
  ...['early-stop-token', 'early-stop-string', 'early-length', 'early-context', 'early-cancelled'],
  ...['padding', 'byte-tokens', 'hidden-reasoning', 'hidden-system-prompt', 'prompt-truncated', 'resale', 'tamper'],
  ...['sketch-sign-flipped', 'sketch-zero', 'sketch-huge', 'sketch-not-a-number', 'sketch-of-peer', 'sketch-trained'],
  ...['leaves-of-another-reply', 'window-missing', 'window-duplicated', 'windows-swapped'],
  ...['header-sampler', 'header-tier', 'header-method', 'header-max-tokens', 'header-prompt-tokens', 'header-payee'],
  ...['header-output-tokens', 'header-bank', 'header-vocabulary-hash', 'header-vocabulary-size', 'header-adapter'],
  ...['header-grammar', 'header-answer-format', 'header-embedding-size', 'looser-class', 'fewer-directions'],
  ...['withhold', 'open-late', 'withhold-cheated', 'cheat-sometimes', 'cheat-on-short', 'cheat-after-reputation'],
] as const;

export const isAnswerAttack = (how: string): boolean => (ANSWER_ATTACKS as readonly string[]).includes(how);

/** Of a provider of pictures, which computes half of the steps that it declares. Networks that sell pictures have no other false answers. */
export const PICTURE_LIE = 'half-steps-fitted';

/** Slabs of the model's cut. The provider of the last one leads. */
export const CUT_SLABS = 3;
/**
 * Providers of the whole model beside those with slabs. Verifiers are drawn among them: two for an audit, and a third one that repeats a
 * reject before an ejection.
 */
const WHOLE_MODELS = 3;
/** Providers that a network with cohorts has at least. */
export const LEAST_COHORT_PROVIDERS: number = CUT_SLABS + WHOLE_MODELS;

/** Returns the slab of a provider in a network with cohorts; undefined if it has the whole model. */
export const slabOf = (index: number, providers: number): number | undefined =>
  index < providers - WHOLE_MODELS ? index % CUT_SLABS : undefined;

/** Returns whether a provider may lie in a network with cohorts: one of each slab and all whole models stay honest. */
export const mayLieInCohorts = (index: number, providers: number): boolean =>
  slabOf(index + CUT_SLABS, providers) !== undefined;

/** Lies of shards that send wrong rows in every reply. */
const FORGED_ROWS = ['swap-segment', 'drop-layer', 'less-precision', 'unsigned-rows'] as const;
/** Lies of shards whose rows an audit finds wrong. Steps of a short reply may all be fresh. */
export const ROW_LIES: ReadonlySet<string> = new Set([...FORGED_ROWS, 'stale-boundary']);

/** Lies of shards whose leader cannot finish its reply. It abandons the order and pays the fine (docs/open-problems.md). */
export const STRANDING_LIES: ReadonlySet<string> = new Set(['garbles-roots', 'swap-without-root']);

/**
 * Lies of members of a cohort, by their place in it. Networks whose providers have segments draw them, and no other lies of providers.
 */
export const COHORT_LIES = {
  shard: [
    ...[...FORGED_ROWS, 'stale-boundary'],
    ...['blame-neighbour', 'two-roots', 'garbles-roots', 'swap-without-root', 'silent-shard'],
  ],
  leader: ['leader-hides', 'wrong-manifest'],
} as const;
/** Lies about the rows that come to a shard. No rows come to the first one. */
const LIES_ABOUT_INPUT: ReadonlySet<string> = new Set(['blame-neighbour', 'unsigned-rows']);

/** Lists the lies that a member of this slab knows. */
export const listCohortLies = (slab: number): readonly string[] =>
  slab === CUT_SLABS - 1
    ? COHORT_LIES.leader
    : COHORT_LIES.shard.filter((how) => slab > 0 || !LIES_ABOUT_INPUT.has(how));

/** Every reply of them is another model's, or has steps that nobody computed. */
export const FORGING: ReadonlySet<string> = new Set([
  ...['substitute', 'weights-q8-0', 'kv-q8-0', 'sliding-window-32'],
  ...[PICTURE_LIE, ...FORGED_ROWS],
]);

/** Of validators that make a key, and sign by it. */
export const THRESHOLD_LIES = [
  'bad-shares',
  'withholds-shares',
  'answers-others',
  'proposes-early',
  'two-deals',
  'complains',
  'withholds-parts',
  'early-parts',
] as const;
/** Of these, the ones who help to make a key and then say nothing about its epochs. */
export const SILENT_ONCE_KEYED: ReadonlySet<string> = new Set(['answers-others', 'proposes-early']);
/** Of validators, about what others send to the chain. */
export const CHAIN_LIE = 'overtakes';
/** Of validators, about what a reply costs, who served it, and whether it was right. */
export const MONEY_LIES = ['overcharges', 'pays-itself', 'rejects-accepted', 'accepts-rejected'] as const;
export type MoneyLie = (typeof MONEY_LIES)[number];
/** Of a validator that answers gateways, and admits no order. */
export const REFUSING_LIE = 'admits-nothing';
/** Of a provider that announces itself and hears no request. */
export const SILENT_LIE = 'silent';
export type KeyLie = (typeof THRESHOLD_LIES)[number];

export const LIES: Readonly<Record<LyingRole, readonly string[]>> = {
  validator: [
    ...['twin', 'favours', 'forgets', 'garbles', 'withholds'],
    ...['signs-nothing', 'denies-records', 'hides-deliveries', 'asks-nobody'],
    ...['two-heads', 'hides-locks', 'two-minds'],
  ],
  provider: ['keeps-records', 'two-records', 'garbles-openings', ...ANSWER_ATTACKS],
  verifier: ['frames', 'never-commits', 'never-opens', 'garbles-reports'],
  gateway: [
    ...['never-acknowledges', 'contradicts', 'understates', 'accuses', 'replays'],
    ...['spends-twice', 'leaves', 'garbles-orders'],
  ],
  router: ['no-routes', 'squats', 'garbles-tickets', 'old-routes'],
};

/** Those that are not drawn among the others: some runs alone have what they are about. */
export const OTHER_LIES: Readonly<Record<LyingRole, readonly string[]>> = {
  ...{
    validator: [...THRESHOLD_LIES, CHAIN_LIE, ...MONEY_LIES, REFUSING_LIE],
    provider: [SILENT_LIE, PICTURE_LIE, ...COHORT_LIES.shard, ...COHORT_LIES.leader],
  },
  ...{ verifier: [], gateway: [], router: [] },
};

/** Lies of the members of a league: a provider, its verifier, a router, a payer and validators. */
export const LEAGUE = {
  validator: 'accepts-rejected',
  provider: 'substitute',
  verifier: 'agrees',
  router: 'squats',
  gateway: 'never-acknowledges',
} as const;

export const ALL_LIES: readonly string[] = [
  ...new Set([...Object.values(LIES), ...Object.values(OTHER_LIES), Object.values(LEAGUE)].flat()),
];

/** How many of a role may lie: less than a third of the validators' stake, less than half of the verifiers', and one stays honest. */
export function mostLiars(role: LyingRole, count: number): number {
  if (role === 'validator') return Math.max(0, Math.floor((count - 1) / 3));
  if (role === 'verifier') return Math.max(0, Math.floor((count - 1) / 2));
  return Math.max(0, count - 1);
}

export const roleOf = (machine: string): LyingRole => machine.slice(0, machine.indexOf('-')) as LyingRole;
export const indexOf = (machine: string): number => Number(machine.split('-')[1]);
