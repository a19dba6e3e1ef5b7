import { createFindings, type EconomicModel, percent, round } from '../finding.ts';
import { type Arena, createArena, drawMixes, type Effort, LEAGUES, listGrid, mean, type Played } from './thirty-days/search.ts';
import { HONEST, PROPOSED, type Strategy, WORLD, type World } from './thirty-days/strategy.ts';

/** Size of the model. The short one is for a test. */
export interface ThirtyDays {
  readonly rates: readonly number[];
  readonly days: number;
  readonly mixes: (perMinute: number) => number;
  readonly effort: Effort;
}

export const FULL: ThirtyDays = {
  ...{ rates: [1, 10, 100], days: 30, mixes: (perMinute) => (perMinute > 10 ? 20 : 60) },
  effort: { pool: 400, lives: (perMinute) => (perMinute === 1 ? 6 : 2) },
};

const KEY: Strategy = { ...HONEST, forged: 1, honestDays: 2 };
/** Shares of the traffic in the worlds in which an audit may end without a result. */
const SEALED = 0.2;
const ODD = 0.2;

/** Strategies whose audits end without a result, or in a doubt that is no evidence. */
const GAPS: readonly (Strategy & { readonly sealed?: number })[] = [
  { ...KEY, name: 'withholds openings of forged replies to clients that seal', withholds: true, sealedOnly: true, sealed: SEALED, pauses: true },
  {
    ...{ ...KEY, name: 'the same, with a third of the draws, and overbills', withholds: true, sealedOnly: true },
    ...{ sealed: SEALED, pauses: true, league: LEAGUES.third, overbills: true },
  },
  { ...KEY, name: 'answers requests that nobody else can run', forged: 0, odd: ODD, pauses: true },
  { ...KEY, name: 'the same, with ten verifiers of the least stake', forged: 0, odd: ODD, league: LEAGUES.least },
  { ...KEY, name: 'serves a cheaper model in a class that no table lists', kind: 'near' },
];

/** A cure that is switched off, by an input. `strategy` loses with the cure and gains without it. */
interface Control {
  readonly cure: string;
  readonly strategy: Strategy;
  readonly without: Partial<World>;
}

const CONTROLS: readonly Control[] = [
  {
    cure: 'payers hand over the openings that a provider withholds',
    strategy: { ...KEY, withholds: true, pauses: true },
    without: { handsOver: false },
  },
  {
    cure: 'verifiers have a stake',
    strategy: { ...KEY, forged: 0.5, league: LEAGUES.unstaked },
    without: { setting: { ...WORLD.setting, honest: { ...WORLD.setting.honest, tokens: 0 }, leastTokens: 0 } },
  },
  {
    cure: 'doubt is paid from accepted replies',
    strategy: { ...KEY, kind: 'near', honestDays: 0 },
    without: { rules: { ...WORLD.rules, covers: (balance, verdict) => verdict === 'inconclusive' || WORLD.rules.covers(balance, verdict) } },
  },
  {
    cure: 'a key without a result is audited always',
    strategy: { ...KEY, forged: 0, odd: 1 },
    without: { rules: { ...WORLD.rules, covers: () => true, auditsOwing: false } },
  },
  {
    cure: 'earnings are held',
    strategy: { ...KEY, honestDays: 0, returns: true },
    without: { holdsEarnings: false },
  },
  {
    cure: 'orders follow reputation',
    strategy: { ...KEY, forged: 0.02 },
    without: { followsReputation: false },
  },
];

const byGain = (a: Played, b: Played): number => b.relative - a.relative;
const show = (relative: number): string => `${relative > 0 ? '+' : ''}${percent(relative, 1)}`;

async function search(arena: Arena, mixes: number): Promise<readonly Played[]> {
  const played: Played[] = [];
  for (const strategy of [...listGrid(), ...drawMixes(mixes, 23)]) played.push(await arena.play(strategy));
  return played.sort(byGain);
}

export interface Rate {
  readonly perMinute: number;
  readonly arena: Arena;
  readonly closed: readonly Played[];
  readonly gaps: readonly Played[];
  readonly proposed: readonly Played[];
  readonly proposedHonest: Arena['honest'];
}

async function playRate(perMinute: number, { days, mixes, effort }: ThirtyDays): Promise<Rate> {
  const world = { ...WORLD, perMinute, days };
  const arena = await createArena(world, effort);
  const closed = await search(arena, mixes(perMinute));
  const opened = { ...world, sealed: SEALED };
  const [now, then] = [await createArena(opened, effort), await createArena({ ...opened, rules: PROPOSED }, effort)];
  const playAll = async (one: Arena): Promise<Played[]> => {
    const played: Played[] = [];
    for (const strategy of GAPS) played.push(await one.play(strategy));
    return played;
  };
  const rest = { gaps: await playAll(now), proposed: await playAll(then), proposedHonest: then.honest };
  return { perMinute, arena, closed, ...rest };
}

export async function playControls({ days, effort }: ThirtyDays) {
  const played = [];
  const world = { ...WORLD, days };
  const usual = await createArena(world, effort);
  for (const { cure, strategy, without } of CONTROLS) {
    const changed = await createArena({ ...world, ...without }, effort);
    const [on, off] = [await usual.play(strategy), await changed.play(strategy)];
    played.push({ cure, on: on.relative, off: off.relative });
  }
  return played;
}

export async function runThirtyDays(size: ThirtyDays = FULL): Promise<EconomicModel> {
  const { list, say } = createFindings();
  const rates: Rate[] = [];
  for (const perMinute of size.rates) rates.push(await playRate(perMinute, size));
  const controls = await playControls(size);
  for (const r of rates) {
    console.log(r.perMinute, r.closed.slice(0, 8).map((p) => [p.strategy.name, p.relative, JSON.stringify(p.strategy)]), r.gaps.map((p) => [p.strategy.name, p.relative]), r.proposed.map((p) => p.relative), mean(r.arena.honest, (l) => l.gain), mean(r.proposedHonest, (l) => l.gain));
  }
  console.log(controls);
  return { id: 'thirty-days', title: 'Thirty days', summary: '', findings: list };
}
