import {
  CHAIN_LIE,
  indexOf,
  isAnswerAttack,
  LEAGUE,
  LEAST_COHORT_PROVIDERS,
  LIES,
  LYING_ROLES,
  type LyingRole,
  listCohortLies,
  MONEY_LIES,
  mayLieInCohorts,
  mostLiars,
  OTHER_LIES,
  PICTURE_LIE,
  roleOf,
  SILENT_LIE,
  SILENT_ONCE_KEYED,
  slabOf,
  THRESHOLD_LIES,
} from './lies/lie-names.ts';
import { createDraws } from './world/draws.ts';

/** A fault for a limited time. */
export type PlannedFault =
  /** A machine's process ends, and starts again over its disk. */
  | { readonly kind: 'crash'; readonly machine: string; readonly atMs: number; readonly forMs: number }
  /** These machines reach each other, and nobody else. */
  | { readonly kind: 'partition'; readonly machines: readonly string[]; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'loss'; readonly share: number; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'delay'; readonly mostMs: number; readonly atMs: number; readonly forMs: number }
  /** Calls arrive twice, the second time later than what followed them. */
  | { readonly kind: 'duplication'; readonly share: number; readonly atMs: number; readonly forMs: number }
  /** The chain answers no call. */
  | { readonly kind: 'stall'; readonly atMs: number; readonly forMs: number }
  /** The chain mines transactions but gives no receipts. Drawn only if `only` names it. */
  | { readonly kind: 'mute'; readonly atMs: number; readonly forMs: number }
  /** The last blocks of the chain are replaced by others, which take their transactions again. */
  | {
      readonly kind: 'reorg';
      readonly depth: number;
      /** The transactions of the removed blocks are lost. */
      readonly isLost?: boolean;
      readonly atMs: number;
      readonly forMs: number;
    }
  /** A crash in the middle of a write to the disk. */
  | {
      readonly kind: 'torn';
      readonly machine: string;
      readonly share: number;
      readonly atMs: number;
      readonly forMs: number;
    }
  /** The disk of a machine is full. */
  | { readonly kind: 'full'; readonly machine: string; readonly atMs: number; readonly forMs: number }
  /** A machine runs out of memory: its process pauses, and is then killed or resumes. */
  | {
      readonly kind: 'pressure';
      readonly machine: string;
      readonly isKilled: boolean;
      readonly atMs: number;
      readonly forMs: number;
    }
  /** Turns of a machine's event loop, and writes to its disk, take up to so long. */
  | {
      readonly kind: 'slow';
      readonly machine: string;
      readonly mostMs: number;
      readonly atMs: number;
      readonly forMs: number;
    }
  /** The wall clock of a machine is wrong, for the whole run. */
  | { readonly kind: 'skew'; readonly machine: string; readonly skewMs: number; readonly drift: number }
  /** The wall clocks of all machines go ahead of the chain's, for good. Drawn only where `only` names it. */
  | { readonly kind: 'ahead'; readonly byMs: number; readonly atMs: number; readonly forMs: number }
  /** From one validator to another, in one view, every message of some kinds is lost, resent ones too. `share` is the share of lost kinds. */
  | { readonly kind: 'sieve'; readonly share: number; readonly atMs: number; readonly forMs: number }
  /** A validator is not in the registry. */
  | { readonly kind: 'leave'; readonly machine: string; readonly atMs: number; readonly forMs: number };

/** A machine that breaks the rules for the whole run, and its lie (lies/lie-names.ts). */
export interface Liar {
  readonly machine: string;
  readonly how: string;
}

/** Everything that is chosen about a run. The same plan gives the same run. */
export interface Plan {
  readonly seed: number;
  readonly validators: number;
  readonly providers: number;
  readonly gateways: number;
  /** Gateways take turns with them; providers announce themselves to all. */
  readonly routers: number;
  readonly epochMs: number;
  /** End of faults and requests. */
  readonly faultyMs: number;
  /** Time without faults at the end. */
  readonly healMs: number;
  /** When, and by which gateway. */
  readonly requests: readonly { readonly atMs: number; readonly gateway: number }[];
  readonly faults: readonly PlannedFault[];
  readonly liars: readonly Liar[];
  /** The network makes a key of the threshold beacon, and goes on by it. Default: the bootstrap beacon alone. */
  readonly isThreshold?: boolean;
  /** Of each validator, whole tokens. Default: all have EQUAL_STAKE. */
  readonly stakes?: readonly number[];
  /** Share of replies that are audited at least, by the chain and by every validator. Default: all. */
  readonly alpha?: number;
  /** Names of providers whose payees have no stake. Default: none. */
  readonly unstaked?: readonly string[];
  /** Jobs with a deadline, parts per million of an epoch for each provider and validator. Default: none. */
  readonly timedRate?: number;
  /** Tests that validators buy of providers, parts per million of an epoch for each provider and validator. Default: none are bought. */
  readonly canaryRate?: number;
  /** Names of providers whose keys hold nothing, on a network where others hold a bond and newcomers earn little at once. Default: earnings are not held. */
  readonly newcomers?: readonly string[];
  /** Largest cost of an order at a key without a bond, atomic units. Default: enough for any request of a run. */
  readonly entranceAtomic?: number;
  /** Providers sell pictures, and clients ask for them. Default: texts. */
  readonly sellsPictures?: boolean;
  /** Providers have segments of the model, and serve it in cohorts. Default: each has a whole model. */
  readonly hasCohorts?: boolean;
  /** One provider fetches models by demand, and blobs are pinned. Default: no. */
  readonly hasHub?: boolean;
  /** Whether gateways are asked again once all is well. Default: true. */
  readonly isProbed?: boolean;
}

/** Rules of the chain for audits, tests and payees. */
export type PlannedRules = Pick<
  Plan,
  'alpha' | 'unstaked' | 'timedRate' | 'canaryRate' | 'newcomers' | 'entranceAtomic'
>;

export interface PlanOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly validators: number;
  readonly providers: number;
  readonly gateways: number;
  readonly routers: number;
  /** In a minute, of all gateways. */
  readonly requestsPerMinute: number;
  readonly epochMs: number;
  /** In a minute. */
  readonly faultsPerMinute: number;
  /** Of each role, at most; undefined: as many validators as the network bears, and some others. */
  readonly liars: number | undefined;
  /** The only lie of a run, told by all liars of the roles that know it. Default: drawn. */
  readonly lie?: string | undefined;
  /** `drawn`: of half of the seeds the threshold beacon. Default: `vrf`. */
  readonly beacon?: 'threshold' | 'vrf' | 'drawn' | undefined;
  /** As in the plan. */
  readonly sellsPictures?: boolean | undefined;
  /** As in the plan. Default: a share of runs, if they are varied. */
  readonly hasCohorts?: boolean | undefined;
  /** As in the plan. */
  readonly hasHub?: boolean | undefined;
  /** Share of a sieve over the whole faulty time. Default: none. */
  readonly sieve?: number | undefined;
  /** Whether audits are sampled, payees have no stake, jobs have deadlines, and liars lie about the key, each in some runs. Default: never. */
  readonly isVaried?: boolean | undefined;
  /** Rules that are given. Default: drawn where runs are varied, and else the usual ones. */
  readonly rules?: PlannedRules | undefined;
  /** Of faults, only these kinds are drawn, in every run. Default: all, and one run in five has none. */
  readonly only?: readonly PlannedFault['kind'][] | undefined;
}

export const EQUAL_STAKE = 10_000;
/** Share of seeds with drawn stakes, if runs are varied. */
const STAKED_SHARE = 0.2;
/** Stake share of all lying validators: just below the limit of each beacon. */
const LIARS_STAKE = { threshold: 0.2499, vrf: 0.3333 };
const HEAL_MS = 120_000;
/**
 * Recovery time with silent parties. Eight audit attempts begin within 56 epochs, and witnesses may delay each. Witnesses ask for a
 * withheld record once its order has expired. A late opening arrives at the end of its window.
 */
const SILENT_HEAL_MS = 600_000;
const SILENT: ReadonlySet<string> = new Set([
  ...['never-commits', 'never-opens', 'garbles-reports'],
  ...['keeps-records', 'open-late'],
]);
const MINUTE_MS = 60_000;
/** Share of seeds without faults. */
const CALM_SHARE = 0.2;
const LEAGUE_SHARE = 0.3;
/** Share of seeds for each variation, if runs are varied. */
const VARIED_SHARE = 0.5;
/** Share of seeds whose providers serve in cohorts. */
const COHORT_SHARE = 0.1;
/** Share of payees without stake. */
const UNSTAKED_SHARE = 0.2;
const LEAST_ALPHA = 0.3;
/** Share of lying validators that overtake transactions. */
const OVERTAKING_SHARE = 0.1;
const MONEY_SHARE = 0.15;
const TIMED_RATE = 200_000;
/** Entrance in some runs, atomic units; some requests cost more. */
export const LOW_ENTRANCE_ATOMIC = 100_000;
/** Share of seeds with tests. Each test is audited and settled like other replies, so such runs take most of the time. */
const TESTED_SHARE = 0.25;
const CANARY_RATE = 100_000;
/** Share of lying providers that are deaf, if validators buy tests. */
const SILENT_SHARE = 0.5;
/** Past the longest life of an order. */
const MOST_AHEAD_MS = 300_000;
/** Most blocks that a reorganisation removes. */
const MOST_REORGANISED = 6;

export function drawPlan(options: PlanOptions): Plan {
  const { seed, minutes, validators, gateways, routers, epochMs } = options;
  const draws = createDraws(seed);
  const hasCohorts = options.hasCohorts ?? mayDrawCohorts();
  const providers = hasCohorts ? Math.max(options.providers, LEAST_COHORT_PROVIDERS) : options.providers;
  const faultyMs = Math.round(minutes * MINUTE_MS);
  const pick = <T>(name: string, from: readonly T[]): T => from[Math.floor(draws.next(name) * from.length)] as T;
  const between = (name: string, least: number, most: number): number =>
    Math.round(least + draws.next(name) * (most - least));
  const names = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}-${i}`);
  const validatorNames = names('validator', validators);
  const others = [
    ...names('provider', providers),
    ...names('verifier', providers),
    ...names('gateway', gateways),
    ...(gateways > 0 ? names('router', routers) : []),
  ];

  const counts = {
    validator: validators,
    provider: providers,
    verifier: providers,
    gateway: gateways,
    router: routers,
  };
  const liars = drawLiars({ ...options, providers }, counts);
  const isLeague = liars.some(({ how }) => how === LEAGUE.verifier);
  /** All lying validators are in the league, too. */
  const isJoined = isLeague && draws.next('is joined') < VARIED_SHARE;
  const { only } = options;
  const mayBeCalm = gateways > 0 && only === undefined;
  const isCalm = options.faultsPerMinute === 0 || (mayBeCalm && draws.next('is calm') < CALM_SHARE);

  const faults: PlannedFault[] = [];
  if (!isCalm && only === undefined && draws.next('is stormy') < 0.5) {
    const storm = { atMs: 0, forMs: faultyMs };
    faults.push({ kind: 'loss', share: 0.02 + 0.18 * draws.next('share'), ...storm });
    faults.push({ kind: 'delay', mostMs: between('delay', 100, 1_500), ...storm });
  }
  const count = isCalm ? 0 : Math.round(minutes * options.faultsPerMinute);
  const everybody = [...validatorNames, ...others];
  for (let i = 0; i < count; i++) faults.push(drawFault());
  if (options.sieve) faults.push({ kind: 'sieve', share: options.sieve, atMs: 0, forMs: faultyMs });
  for (const machine of everybody) {
    if (!isCalm && only === undefined && draws.next('is skewed') < 0.3) {
      faults.push({
        kind: 'skew',
        machine,
        skewMs: between('skew', -1_500, 1_500),
        drift: (draws.next('drift') - 0.5) / 5_000,
      });
    }
  }

  function drawFault(): PlannedFault {
    const atMs = between('fault at', 0, faultyMs);
    const forMs = Math.min(between('fault for', 500, 20_000), faultyMs - atMs + 1);
    const span = { atMs, forMs };
    const kinds: readonly PlannedFault['kind'][] = [
      'crash',
      'crash',
      'crash',
      'partition',
      'partition',
      'loss',
      'delay',
      'duplication',
      'stall',
      'slow',
      'leave',
      'reorg',
      'torn',
      'full',
      'pressure',
    ];
    const kind = pick('fault', only ?? kinds);
    switch (kind) {
      case 'partition': {
        const share = 0.1 + 0.5 * draws.next('share');
        return { kind, machines: everybody.filter(() => draws.next('apart') < share), ...span };
      }
      case 'loss':
        return { kind, share: 0.05 + 0.4 * draws.next('share'), ...span };
      case 'delay':
        return { kind, mostMs: between('delay', 200, 4_000), ...span };
      case 'duplication':
        return { kind, share: 0.1 + 0.4 * draws.next('share'), ...span };
      case 'stall':
      case 'mute':
        return { kind, ...span };
      case 'slow':
        return { kind, machine: pick('who', everybody), mostMs: between('slow', 20, 800), ...span };
      case 'reorg':
        return { kind, depth: between('depth', 1, MOST_REORGANISED), isLost: draws.next('is lost') < 0.5, ...span };
      case 'torn':
        return { kind, machine: pick('who', everybody), share: draws.next('share'), ...span };
      case 'full':
        return { kind, machine: pick('who', everybody), ...span };
      case 'pressure':
        return { kind, machine: pick('who', everybody), isKilled: draws.next('is killed') < 0.5, ...span };
      case 'leave':
        return { kind, machine: pick('who', validatorNames), ...span };
      case 'ahead':
        return { kind, byMs: between('ahead', 1_000, MOST_AHEAD_MS), ...span };
      default:
        return { kind: 'crash', machine: pick('who', everybody), ...span };
    }
  }

  const requests = Array.from({ length: gateways > 0 ? Math.round(minutes * options.requestsPerMinute) : 0 }, () => ({
    atMs: between('request at', 5_000, Math.max(5_000, faultyMs)),
    gateway: Math.floor(draws.next('which gateway') * gateways),
  })).sort((a, b) => a.atMs - b.atMs);
  const rules = options.rules ?? (options.isVaried && gateways > 0 ? drawRules() : {});
  const isThreshold =
    options.beacon === 'threshold' || (options.beacon === 'drawn' && draws.next('is threshold') < 0.5);
  const stakes = options.isVaried ? drawStakes() : undefined;
  const size = {
    ...{ seed, validators, providers, gateways, routers, epochMs, ...(isThreshold && { isThreshold }) },
    ...(stakes && { stakes }),
    ...(options.sellsPictures && { sellsPictures: true }),
    ...(hasCohorts && { hasCohorts }),
    ...(options.hasHub && { hasHub: true }),
  };
  const drawn = options.isVaried && options.lie === undefined ? liars.map(lieOtherwise) : liars;
  const told = hasCohorts ? drawn.flatMap(lieInCohorts) : options.sellsPictures ? drawn.map(lieAboutPictures) : drawn;
  const allowed = stakes ? faults.filter((fault) => fault.kind !== 'leave' || mayLeave(fault.machine, stakes)) : faults;
  // If another validator leaves, silent ones may hold a third of the committee places that get shares.
  const isAnyLate = told.some(({ how }) => SILENT_ONCE_KEYED.has(how));
  return {
    ...size,
    ...rules,
    faultyMs,
    // No member of a cohort has a reply wait for its verifiers.
    healMs: !hasCohorts && liars.some(({ how }) => SILENT.has(how)) ? SILENT_HEAL_MS : HEAL_MS,
    requests,
    faults: isAnyLate ? allowed.filter(({ kind }) => kind !== 'leave') : allowed,
    liars: told,
  };

  function mayDrawCohorts(): boolean {
    const isFree = gateways > 0 && !options.sellsPictures && options.lie === undefined;
    return options.isVaried === true && isFree && draws.next('has cohorts') < COHORT_SHARE;
  }

  /** Turns a lying provider into a lying member of cohorts. The few verifiers that are drawn stay honest, and others are never asked. */
  function lieInCohorts(liar: Liar): Liar[] {
    const index = indexOf(liar.machine);
    const slab = slabOf(index, providers);
    if (roleOf(liar.machine) === 'verifier') return [];
    if (roleOf(liar.machine) !== 'provider') return [liar];
    if (slab === undefined || !mayLieInCohorts(index, providers)) return [];
    const known = listCohortLies(slab);
    if (options.lie !== undefined) return known.includes(options.lie) ? [liar] : [];
    return [{ ...liar, how: pick('cohort lie', known) }];
  }

  function drawRules(): PlannedRules {
    const alpha = draws.next('is sampled') < VARIED_SHARE ? LEAST_ALPHA + (1 - LEAST_ALPHA) * draws.next('alpha') : 1;
    const poor = names('provider', providers).filter(() => draws.next('is unstaked') < UNSTAKED_SHARE);
    while (poor.length > 0 && !isMostlyHonest(poor)) poor.pop();
    const fresh = names('provider', providers).filter(() => draws.next('is new') < VARIED_SHARE);
    const hasEntrance = draws.next('has entrance') < VARIED_SHARE && fresh.length > 0;
    // An honest provider is left for orders that are too expensive for newcomers.
    const isServed = names('provider', providers).some(
      (name) => !fresh.includes(name) && liars.every(({ machine }) => machine !== name),
    );
    const isDear = hasEntrance && isServed && draws.next('is dear') < VARIED_SHARE;
    return {
      ...(alpha < 1 && { alpha }),
      // One member without stake would leave a cohort no orders.
      ...(poor.length > 0 && !hasCohorts && { unstaked: poor }),
      ...(draws.next('is timed') < VARIED_SHARE && { timedRate: TIMED_RATE }),
      ...(draws.next('is tested') < TESTED_SHARE && !hasCohorts && { canaryRate: CANARY_RATE }),
      ...(hasEntrance && !hasCohorts && { newcomers: fresh }),
      ...(isDear && !hasCohorts && { entranceAtomic: LOW_ENTRANCE_ATOMIC }),
    };
  }

  function drawStakes(): number[] | undefined {
    if (draws.next('has stakes') >= STAKED_SHARE) return undefined;
    const lying = validatorNames.filter(isLying);
    const own = validatorNames.map((name) =>
      isLying(name) ? 0 : between('stake', 0.5 * EQUAL_STAKE, 1.6 * EQUAL_STAKE),
    );
    const part = isThreshold ? LIARS_STAKE.threshold : LIARS_STAKE.vrf;
    const theirs = Math.floor((sumOf(own) * part) / (1 - part) / Math.max(1, lying.length));
    return own.map((stake) => (stake === 0 ? theirs : stake));
  }

  function isLying(name: string): boolean {
    return liars.some(({ machine }) => machine === name);
  }

  /** Whether liars hold at most a third without this machine and the others that may be away. The protocol promises nothing beyond that. */
  function mayLeave(machine: string, stakes: readonly number[]): boolean {
    if (isLying(machine)) return true;
    const honest = stakes.filter((_, i) => !isLying(`validator-${i}`)).sort((a, b) => b - a);
    const left = sumOf(stakes) - sumOf(honest.slice(0, mostAway(validators)));
    return 3 * (sumOf(stakes) - sumOf(honest)) <= left;
  }

  /** Among the verifiers of payees with stake: two at least, and less than half of them lie. */
  function isMostlyHonest(unstaked: readonly string[]): boolean {
    const staked = Array.from({ length: providers }, (_, i) => i).filter((i) => !unstaked.includes(`provider-${i}`));
    const lying = staked.filter((i) => liars.some(({ machine }) => machine === `verifier-${i}`));
    return staked.length > 1 && 2 * lying.length < staked.length;
  }

  /** Replaces the lie of some liars by one about tests, the league, pending transactions, money or the key. */
  function lieOtherwise(liar: Liar): Liar {
    const role = roleOf(liar.machine);
    const isTested = rules.canaryRate !== undefined && role === 'provider' && liar.how !== LEAGUE.provider;
    if (isTested && draws.next('is silent') < SILENT_SHARE) return { ...liar, how: SILENT_LIE };
    if (role !== 'validator') return liar;
    if (isJoined) return { ...liar, how: LEAGUE.validator };
    if (draws.next('overtakes') < OVERTAKING_SHARE) return { ...liar, how: CHAIN_LIE };
    if (gateways > 0 && draws.next('lies about money') < MONEY_SHARE) {
      return { ...liar, how: pick('money lie', MONEY_LIES) };
    }
    if (!isThreshold || draws.next('lies about key') >= VARIED_SHARE) return liar;
    return { ...liar, how: pick('threshold lie', THRESHOLD_LIES) };
  }
}

const lieAboutPictures = (liar: Liar): Liar => (isAnswerAttack(liar.how) ? { ...liar, how: PICTURE_LIE } : liar);

const sumOf = (amounts: readonly number[]): number => amounts.reduce((sum, one) => sum + one, 0);

/** How many validators are not in the registry at once. */
export const mostAway = (validators: number): number => Math.floor((validators - 1) / 3);

export const stakeOf = ({ stakes }: Pick<Plan, 'stakes'>, machine: string): number =>
  stakes?.[Number(machine.split('-')[1])] ?? EQUAL_STAKE;

/** Whether liars have a third of a set of validators for some epochs, since others have left. Then the beacon may stand meanwhile. */
export function mayStand(plan: Pick<Plan, 'validators' | 'faults' | 'liars' | 'stakes'>): boolean {
  const { validators, faults, liars } = plan;
  const lying = liars.filter(({ machine }) => machine.startsWith('validator')).map(({ machine }) => machine);
  const leaving = faults.flatMap((fault) =>
    fault.kind === 'leave' && !lying.includes(fault.machine) ? [stakeOf(plan, fault.machine)] : [],
  );
  const all = sumOf(Array.from({ length: validators }, (_, i) => stakeOf(plan, `validator-${i}`)));
  const theirs = sumOf(lying.map((machine) => stakeOf(plan, machine)));
  return leaving.length > 0 && 3 * theirs >= all - Math.max(...leaving);
}

/**
 * Draws liars below the limits of the protocol. They act alone or as a league of a router, a payer and some providers with their
 * verifiers. The majority of verifiers stays honest: one liar of three, two of five.
 */
function drawLiars(options: PlanOptions, counts: Readonly<Record<LyingRole, number>>): Liar[] {
  const draws = createDraws(options.seed);
  const isLeague = options.gateways > 0 && options.lie === undefined && draws.next('is league') < LEAGUE_SHARE;
  const friend = Math.floor(draws.next('friend') * options.providers);
  const friends = Math.max(1, mostLiars('verifier', options.providers));
  return LYING_ROLES.flatMap((role) => {
    if (role !== 'validator' && options.gateways === 0) return [];
    const all = options.lie === undefined ? LIES[role] : [...LIES[role], ...OTHER_LIES[role]];
    const known = options.lie === undefined ? all : all.filter((name) => name === options.lie);
    if (known.length === 0) return [];
    const most = Math.min(options.liars ?? Number.POSITIVE_INFINITY, mostLiars(role, counts[role]));
    const isAll = role === 'validator' || options.lie !== undefined;
    const wanted = isAll ? most : Math.floor(draws.next(`how many ${role}`) * (most + 1));
    if (isLeague && role !== 'validator') {
      const isOwner = role === 'provider' || role === 'verifier';
      const members = isOwner
        ? Array.from({ length: Math.min(friends, most) }, (_, i) => (friend + i) % options.providers)
        : [counts[role] - 1];
      return most === 0 ? [] : members.map((index) => ({ machine: `${role}-${index}`, how: LEAGUE[role] }));
    }
    const honest = Array.from({ length: counts[role] }, (_, i) => `${role}-${i}`);
    return Array.from({ length: wanted }, () => {
      const [machine] = honest.splice(Math.floor(draws.next(`liar ${role}`) * honest.length), 1) as [string];
      return { machine, how: known[Math.floor(draws.next(`lie ${role}`) * known.length)] as string };
    });
  });
}

export function describeFault(fault: PlannedFault): string {
  const { kind, ...rest } = fault;
  const parts = Object.entries(rest).map(
    ([name, value]) => `${name}=${Array.isArray(value) ? value.join('+') : value}`,
  );
  return `${kind} ${parts.join(' ')}`;
}
