import { createFindings, type EconomicModel, percent, round } from '../finding.ts';
import { findLargestFee, toFees } from './thirty-days/prices.ts';
import {
  type Arena,
  createArena,
  drawMixes,
  type Effort,
  LEAGUES,
  listGrid,
  mean,
  type StrategyResult,
} from './thirty-days/search.ts';
import { type ForgingStrategy, HONEST, PAID_IN_AUDITS, type ProviderWorld, WORLD } from './thirty-days/strategy.ts';

/** Size of the model. The short one is for a test. */
export interface ThirtyDays {
  readonly rates: readonly number[];
  readonly days: number;
  readonly mixes: (perMinute: number) => number;
  readonly effort: Effort;
  /** A gain of rare forgeries below this is no more than the spread of the played lives. */
  readonly noise: number;
}

export const FULL: ThirtyDays = {
  ...{ rates: [1, 10, 100], days: 30, mixes: (perMinute) => (perMinute > 10 ? 12 : 30), noise: 0.01 },
  effort: { pool: 300, lives: (perMinute) => (perMinute === 1 ? 3 : 1) },
};

const KEY: ForgingStrategy = { ...HONEST, forged: 1, honestDays: 2 };
/** Shares of the traffic in the worlds in which an audit may end without a result. */
const SEALED = 0.2;
const ODD = 0.2;

const WITHHOLDS: ForgingStrategy = { ...KEY, withholds: true, sealedOnly: true, pauses: true };

/** Strategies whose audits end without a result, or in a doubt that is no evidence. */
const GAPS: readonly ForgingStrategy[] = [
  { ...WITHHOLDS, name: 'withholds openings of forged replies to clients that seal' },
  {
    ...{ ...WITHHOLDS, name: 'the same, with a third of the draws, and overbills' },
    ...{ league: LEAGUES.third, overbills: true },
  },
  { ...KEY, name: 'answers requests that nobody else can run', forged: 0, odd: ODD, pauses: true },
  { ...KEY, name: 'the same, with ten verifiers of the least stake', forged: 0, odd: ODD, league: LEAGUES.least },
  { ...KEY, name: 'serves a cheaper model in a class that no table lists', kind: 'near' },
];

/** Strategies that leave their debts behind with the key. All their audits end without a result. */
const LEAVING: readonly ForgingStrategy[] = [2, 6, 13].flatMap((honestDays) =>
  [0, 100].flatMap((leaves) => [
    { ...WITHHOLDS, name: 'withholds and leaves', pauses: false, leaves, honestDays, returns: true },
    { ...KEY, name: 'answers odd requests and leaves', forged: 0, odd: 1, leaves, honestDays, returns: true },
    { ...KEY, name: 'serves a cheaper model and leaves', kind: 'near' as const, leaves, honestDays, returns: true },
  ]),
);
/** Replies a minute from which on a new key costs more than the fees that it earns before its charges. */
const BUSY = 10;
/** A cheaper model in a class that no table lists, for as few replies as accepted ones pay for. */
const DOUBTED: readonly ForgingStrategy[] = [0.1, 0.05, 0.04, 0.03].map((forged) => ({
  ...KEY,
  name: `serves a cheaper model for ${forged}`,
  kind: 'near',
  forged,
}));

/** Strategies that forge seldom, for a provider with little margin. */
const RARE: readonly ForgingStrategy[] = [0.02, 0.01, 0.005].map((forged) => ({
  ...KEY,
  name: `forges ${forged}`,
  forged,
}));
/** The same with a third of the stake, which 100 payees share. A refuted report costs one of them 2 % of its own stake. */
const SPLIT: readonly ForgingStrategy[] = [0.02, 0.005].map((forged) => ({
  ...{ ...KEY, name: `forges ${forged}, split stake`, forged },
  league: { count: 100, tokens: 3 },
}));
const THIN_MARGIN = 0.1;
/** Verifiers of the provider's own exact class among the six. */
const IN_CLASS = 3;

/** A cure that is switched off, by an input. `strategy` gains nothing with the cure. */
interface Control {
  readonly cure: string;
  readonly strategy: ForgingStrategy;
  readonly without: Partial<ProviderWorld>;
  /** World of both lives. Default: the product's. */
  readonly base?: Partial<ProviderWorld>;
}

/** The charge stops these strategies too, so their own cure is played without it. */
const UNCHARGED = { rules: PAID_IN_AUDITS };

const CONTROLS: readonly Control[] = [
  {
    cure: 'openings handed over by payers (paid in audits)',
    strategy: { ...KEY, withholds: true, pauses: true },
    without: { handsOver: false },
    base: UNCHARGED,
  },
  {
    cure: 'a stake of verifiers',
    strategy: { ...KEY, forged: 0.5, league: LEAGUES.unstaked },
    without: { setting: { ...WORLD.setting, honest: { ...WORLD.setting.honest, tokens: 0 }, leastTokens: 0 } },
  },
  {
    cure: 'a limit of paid doubts',
    strategy: { ...KEY, kind: 'near', honestDays: 0 },
    without: {
      rules: {
        ...WORLD.rules,
        covers: (balance, verdict) => verdict === 'inconclusive' || WORLD.rules.covers(balance, verdict),
      },
    },
  },
  {
    cure: 'charges for audits without an accept',
    strategy: { ...KEY, forged: 0, odd: 1 },
    without: { rules: { ...WORLD.rules, charges: () => 0n } },
  },
  {
    cure: 'held earnings',
    strategy: { ...KEY, honestDays: 0, returns: true },
    without: { holdsEarnings: false },
  },
  {
    cure: 'orders that follow reputation (paid in audits)',
    strategy: { ...KEY, forged: 0.02 },
    without: { followsReputation: false },
    base: UNCHARGED,
  },
];

const byGain = (a: StrategyResult, b: StrategyResult): number => b.relative - a.relative;
const show = (relative: number): string => {
  const text = percent(relative, 1);
  if (/^-?0\.0 /.test(text)) return '0.0 %';
  return relative > 0 ? `+${text}` : text;
};

async function playAll(arena: Arena, strategies: readonly ForgingStrategy[]): Promise<readonly StrategyResult[]> {
  const played: StrategyResult[] = [];
  for (const strategy of strategies) played.push(await arena.play(strategy));
  return played;
}

const search = async (arena: Arena, mixes: number): Promise<readonly StrategyResult[]> =>
  [...(await playAll(arena, [...listGrid(), ...drawMixes(mixes, 23)]))].sort(byGain);

export interface Rate {
  readonly perMinute: number;
  readonly honest: Arena['honest'];
  readonly closed: readonly StrategyResult[];
  readonly gaps: readonly StrategyResult[];
  /** The same under the rule that a key pays for them in audits. */
  readonly inAudits: readonly StrategyResult[];
  /** Keys that are left with their debts. */
  readonly leaving: readonly StrategyResult[];
  /** Doubts that accepted replies pay for. */
  readonly doubted: readonly StrategyResult[];
  /** Rare forging at a thin margin: where verifiers compare by scores, and where three of them run the exact class. */
  readonly rare: readonly StrategyResult[];
  readonly rareInClass: readonly StrategyResult[];
  /** Rare forging with many small verifiers. */
  readonly split: readonly StrategyResult[];
}

export const playSplit = async (arena: Arena): Promise<readonly StrategyResult[]> =>
  [...(await playAll(arena, SPLIT))].sort(byGain);

export async function playRate(perMinute: number, { days, mixes, effort }: ThirtyDays): Promise<Rate> {
  const world = { ...WORLD, perMinute, days };
  const arena = await createArena(world, effort);
  const closed = await search(arena, mixes(perMinute));
  const opened = { ...world, sealed: SEALED };
  const before = await createArena({ ...opened, rules: PAID_IN_AUDITS }, effort);
  const thin = { ...world, margin: THIN_MARGIN };
  const honest = { ...WORLD.setting.honest, inClass: IN_CLASS };
  const inClass = { ...thin, setting: { ...WORLD.setting, honest } };
  const rest = {
    split: await playSplit(arena),
    gaps: await playAll(await createArena(opened, effort), GAPS),
    inAudits: await playAll(before, GAPS),
    leaving: [...(await playAll(await createArena({ ...world, sealed: 1 }, effort), LEAVING))].sort(byGain),
    doubted: [...(await playAll(arena, DOUBTED))].sort(byGain),
    rare: [...(await playAll(await createArena(thin, effort), RARE))].sort(byGain),
    rareInClass: [...(await playAll(await createArena(inClass, effort), RARE))].sort(byGain),
  };
  return { perMinute, honest: arena.honest, closed, ...rest };
}

/** Gains of a strategy with a cure and without it. */
export interface PlayedControl {
  readonly cure: string;
  readonly on: number;
  readonly off: number;
  /** Played under the rules of the product. */
  readonly isCharged: boolean;
}

/** The largest bills of a usual request, in usual fees: with all checks, without the size check, and without the prompt meter too. */
export const listBills = (): Promise<readonly number[]> =>
  Promise.all(
    [WORLD.bill, { hasSizeCheck: false, hasPromptMeter: true }, { hasSizeCheck: false, hasPromptMeter: false }].map(
      async (bill) => toFees(await findLargestFee(bill)),
    ),
  );

/** All that was played. */
export interface PlayedDays {
  readonly rates: readonly Rate[];
  readonly controls: readonly PlayedControl[];
  readonly bills: readonly number[];
}

export async function playControls({ days, effort }: ThirtyDays): Promise<readonly PlayedControl[]> {
  const played: PlayedControl[] = [];
  const world = { ...WORLD, days };
  for (const { cure, strategy, without, base } of CONTROLS) {
    const usual = await createArena({ ...world, ...base }, effort);
    const changed = await createArena({ ...world, ...base, ...without }, effort);
    const [on, off] = [await usual.play(strategy), await changed.play(strategy)];
    played.push({ cure, on: on.relative, off: off.relative, isCharged: base === undefined });
  }
  return played;
}

const last = (rates: readonly Rate[]): Rate => rates.at(-1) as Rate;

function listRows(rates: readonly Rate[], controls: readonly PlayedControl[]): readonly string[][] {
  const best = rates.map(({ closed }) => show((closed[0] as StrategyResult).relative));
  const gaps = GAPS.map(({ name }, i) => {
    const now = rates.map(({ gaps: played }) => show((played[i] as StrategyResult).relative));
    return [name, ...now, show((last(rates).inAudits[i] as StrategyResult).relative)];
  });
  const showBest = (name: string, of: (rate: Rate) => readonly StrategyResult[]): string[] => [
    name,
    ...rates.map((rate) => show((of(rate)[0] as StrategyResult).relative)),
    '',
  ];
  const leaving = showBest('leaves its debts with the key, and begins anew', (rate) => rate.leaving);
  const doubted = showBest('serves a cheaper model for one reply in 10 to 33, in such a class', (rate) => rate.doubted);
  const rare = [
    'forges one reply in 50 to 200, at a margin of a tenth',
    ...rates.map((rate) => show((rate.rare[0] as StrategyResult).relative)),
    '',
  ];
  const split = [
    'forges one reply in 50 or 200, with a third of the stake split among 100 payees',
    ...rates.map((rate) => show((rate.split[0] as StrategyResult).relative)),
    '',
  ];
  const without = controls
    .filter(({ isCharged }) => isCharged)
    .map(({ cure, on, off }) => [
      ...[`broken twin: without ${cure}`, show(off)],
      ...rates.slice(1).map(() => ''),
      show(on),
    ]);
  const first = ['best strategy whose audits end with a result', ...best, ''];
  return [first, ...gaps, leaving, doubted, rare, split, ...without];
}

/** Points of the curves: relative gains by replies a minute. */
const listPoints = (rates: readonly Rate[]) =>
  rates.flatMap(({ perMinute, closed, gaps }) =>
    [
      { name: 'audits end with a result', played: closed[0] as StrategyResult },
      ...gaps.map((played, i) => ({ name: (GAPS[i] as ForgingStrategy).name, played })),
    ].map(({ name, played }) => ({ x: perMinute, y: 100 * played.relative, curve: name })),
  );

export function describe({ noise }: Pick<ThirtyDays, 'noise'>, { rates, controls, bills }: PlayedDays) {
  const { list, say } = createFindings();
  const at = (of: (rate: Rate) => string): string => rates.map(of).join(', ');
  const perMinute = at((rate) => `${rate.perMinute}`);
  const best = (rate: Rate): number => (rate.closed[0] as StrategyResult).relative;
  say(
    `Where each audit ends with a result in a measured class, no strategy gains more than ${percent(noise, 0)} of the honest profit`,
    rates.every((rate) => best(rate) < noise),
    `best of ${at(({ closed }) => `${closed.length}`)} strategies at ${perMinute} a minute: ${at((rate) => show(best(rate)))}`,
  );
  const whole = (rate: Rate): number =>
    rate.closed.filter(({ strategy }) => strategy.forged === 1).sort(byGain)[0]?.relative ?? 0;
  say(
    'A key that forges every reply ends without any profit',
    rates.every((rate) => whole(rate) < -0.9),
    `the best of them: ${at((rate) => show(whole(rate)))}`,
  );
  const most = (all: readonly StrategyResult[]): number => Math.max(...all.map(({ relative }) => relative));
  say(
    'A forger loses where audits end without a result, or in a doubt that is no evidence: such audits charge its key',
    rates.every((rate) => most(rate.gaps) < noise),
    `the best of ${GAPS.length} such strategies: ${at((rate) => show(most(rate.gaps)))}`,
  );
  const isBusy = ({ perMinute: count }: Rate): boolean => count >= BUSY;
  say(
    `A key that serves ${BUSY} replies a minute or more gains nothing by leaving its debts behind. A slower key does ([open problem 3](open-problems.md#3-audits-that-end-without-a-result))`,
    rates.every((rate) => most(rate.leaving) < noise === isBusy(rate)),
    `the best of ${LEAVING.length} strategies that begin anew: ${at((rate) => show(most(rate.leaving)))}`,
  );
  say(
    'It gains by doubts that accepted replies pay for, in a class that no table lists ([open problem 3](open-problems.md#3-audits-that-end-without-a-result))',
    rates.every((rate) => most(rate.doubted) > 0 && most(rate.doubted) < 0.1),
    `for one reply in 10 to 33: ${at((rate) => show(most(rate.doubted)))}`,
  );
  say(
    'Broken twin: if a key paid for such audits in accepted ones, which earn their fees, each of them would gain',
    rates.every(
      ({ inAudits }) =>
        Math.min(
          ...inAudits.filter(({ strategy }) => strategy.league !== LEAGUES.least).map(({ relative }) => relative),
        ) > 0.1,
    ),
    `the best of them: ${at(({ inAudits }) => show(most(inAudits)))}`,
  );
  const split = (rate: Rate): number => (rate.split[0] as StrategyResult).relative;
  say(
    'A league that splits a third of the stake among 100 payees gains at most 5 % by one forged reply in 50 or 200',
    rates.every((rate) => split(rate) < 0.05 + noise),
    at((rate) => show(split(rate))),
  );
  const rare = (rate: Rate): number => (rate.rare[0] as StrategyResult).relative;
  const rareInClass = (rate: Rate): number => (rate.rareInClass[0] as StrategyResult).relative;
  say(
    'At a margin of a tenth, rare forging does not gain either, whether verifiers compare by scores or run the exact class',
    rates.every((rate) => rare(rate) < noise && rareInClass(rate) < noise),
    `${at((rate) => show(rare(rate)))}; in the exact class ${at((rate) => show(rareInClass(rate)))}`,
  );
  const unpaid = (rate: Rate): number => mean(rate.honest, ({ honestUnpaid }) => honestUnpaid);
  say(
    'An honest provider of a measured class loses no fee in steady state',
    rates.every((rate) => unpaid(rate) < 2),
    `${at((rate) => round(unpaid(rate)))} unpaid of ${at((rate) => round(mean(rate.honest, ({ replies }) => replies)))} replies`,
  );
  const first = (rate: Rate): number => mean(rate.honest, ({ firstFee }) => firstFee);
  const money = (rate: Rate): number => mean(rate.honest, ({ firstMoney }) => firstMoney) / 1_440;
  say(
    'A newcomer waits a minute longer for its first fee, since its replies are audited, and three days for money',
    rates.every((rate) => first(rate) < 10 && money(rate) === 3),
    `first fee after ${at((rate) => round(first(rate)))} minutes, with four for the beacon`,
  );
  const [checked = 0, unsized = 0, unmetered = 0] = bills;
  say(
    'Checks of receipts and gateways bound the bill of an unaudited reply; an audit refutes a larger one in every class',
    checked < unsized && unsized < unmetered,
    `${round(checked)} usual fees, ${round(unsized)} without the size check, ${round(unmetered)} without the prompt meter too`,
  );
  for (const { cure, on, off } of controls) {
    say(
      `Broken twin: without ${cure} a strategy gains that gains nothing otherwise`,
      off > 0.05 && on < noise,
      `${show(off)} instead of ${show(on)} of the honest profit`,
    );
  }
  return list;
}

export async function runThirtyDays(size: ThirtyDays = FULL): Promise<EconomicModel> {
  const rates: Rate[] = [];
  for (const perMinute of size.rates) rates.push(await playRate(perMinute, size));
  return composeModel(size, { rates, controls: await playControls(size), bills: await listBills() });
}

/** Composes the page's part from what was played. */
export function composeModel(size: ThirtyDays, played: PlayedDays): EconomicModel {
  const { rates, controls } = played;
  return {
    id: 'thirty-days',
    title: 'Thirty days of forging',
    summary: [
      'A provider sells forged replies for thirty days. It mixes honest days, own verifiers, larger bills, withheld openings, pauses and new keys. The protocol’s functions draw and combine the audits, and compute tests, balance, coverage and reputation. The model adds arrivals, beacon values and reports.',
      'Four validators handle the replies. Six honest verifiers with 100 tokens each compare by scores alone. Orders follow reputation. An honest provider keeps a fifth of its earnings. The table shows gains above its profit: +100 % doubles it. A fifth of the traffic is sealed, or is of requests that nobody else can run.',
    ].join('\n\n'),
    findings: describe(size, played),
    table: {
      head: ['strategy', ...size.rates.map((rate) => `${rate} a minute`), 'paid in audits, or with the cure'],
      rows: listRows(rates, controls),
    },
    curves: {
      ...{ name: 'thirty-days', title: 'Gain of a forger over an honest provider', xTitle: 'replies a minute' },
      ...{ yTitle: '% of the honest profit', logX: true, points: listPoints(rates) },
      caption: 'Thirty days; strategies whose audits end without a result lose.',
    },
  };
}
