import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import { type Audits, createAudits, type League } from './network.ts';
import { findLargestFee } from './prices.ts';
import { type LifeResult, playLife } from './provider-life.ts';
import { type ForgingStrategy, HONEST, type ProviderWorld } from './strategy.ts';

/** Size of a search. */
export interface Effort {
  /** Audits in a pool. */
  readonly pool: number;
  /** Lives of a strategy, by replies a minute. */
  readonly lives: (perMinute: number) => number;
}

/** The mean account of a strategy beside that of an honest provider in the same world. */
export interface StrategyResult {
  readonly strategy: ForgingStrategy;
  readonly lives: readonly LifeResult[];
  /** Gain above the honest one, as a part of the honest one. */
  readonly relative: number;
}

export const mean = (lives: readonly LifeResult[], of: (life: LifeResult) => number): number =>
  lives.reduce((sum, life) => sum + of(life), 0) / lives.length;

export interface Arena {
  readonly honest: readonly LifeResult[];
  play(strategy: ForgingStrategy): Promise<StrategyResult>;
}

/** Creates the players of one world. Strategies with the same league share the pools of audits. */
export async function createArena(world: ProviderWorld, { pool, lives }: Effort): Promise<Arena> {
  const largestFee = await findLargestFee(world.bill);
  const known = new Map<string, Audits>();
  const auditsFor = (league: League): Audits => {
    const name = JSON.stringify(league);
    const audits = known.get(name) ?? createAudits(world.setting, league, { size: pool, seed: 17 });
    known.set(name, audits);
    return audits;
  };
  const playLives = async (strategy: ForgingStrategy): Promise<LifeResult[]> => {
    const played: LifeResult[] = [];
    for (let seed = 1; seed <= lives(world.perMinute); seed++)
      played.push(await playLife(world, strategy, { audits: auditsFor(strategy.league), largestFee, seed }));
    return played;
  };
  const honest = await playLives(HONEST);
  const usual = mean(honest, ({ gain }) => gain);
  return {
    honest,
    async play(strategy) {
      const played = await playLives(strategy);
      return { strategy, lives: played, relative: mean(played, ({ gain }) => gain) / usual - 1 };
    },
  };
}

/** The forger's own verifiers: none, a third of all draws, ten with the least stake, or sixty without any. */
export const LEAGUES = {
  none: { count: 0, tokens: 0 },
  third: { count: 3, tokens: 100 },
  least: { count: 10, tokens: 1 },
  unstaked: { count: 60, tokens: 0 },
} as const satisfies Record<string, League>;

const SHARES = [1, 0.5, 0.1, 0.02, 0.005] as const;
const DAYS = [0, 2] as const;

/** All strategies of a small grid in which an audit ends with a result. */
export const listGrid = (): readonly ForgingStrategy[] =>
  SHARES.flatMap((forged) =>
    DAYS.flatMap((honestDays) =>
      Object.entries(LEAGUES).map(([name, league]) => ({
        ...{ ...HONEST, forged, honestDays, league },
        name: `forges ${forged}, ${honestDays} honest days, league: ${name}`,
      })),
    ),
  );

/** Draws strategies that mix everything at once, by a seed. */
export function drawMixes(count: number, seed: number): readonly ForgingStrategy[] {
  const random = createSeededRandom(seed);
  const flip = (): boolean => random() < 0.5;
  return Array.from({ length: count }, (_, i) => ({
    ...{ ...HONEST, name: `mix ${i}`, forged: random() ** 3, honestDays: pick(random, [0, 1, 2, 4, 8]) },
    ...{ withholds: flip(), overbills: flip(), pauses: flip(), returns: flip() },
    ...{ league: pick(random, Object.values(LEAGUES)), bond: pick(random, [0, 0, 100, 1_000]) },
  }));
}
