import { equalBytes } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { SETTINGS, type Setting } from './settings.ts';
import type { VerifierStrategy } from './strategy.ts';
import { createWorld } from './world.ts';

export interface StrategyOptions {
  readonly seed: number;
  /** About how many replies one run audits at most. A run ends early if all followers of the strategy are excluded. */
  readonly replies: number;
  /** Default: 10. */
  readonly runs?: number;
  /** Default: all. */
  readonly settings?: readonly Setting[];
  readonly onProgress?: (text: string) => void;
}

/** The results of one strategy among four honest verifiers. */
export interface VerifierRow {
  /** How many verifiers follow the strategy, and the share of replies that is audited. */
  readonly setting: string;
  readonly strategy: string;
  readonly what: string;
  readonly runs: number;
  /** Runs in which all who follow it were excluded from the draw. */
  readonly excluded: number;
  /** Jobs of one of them, with honeypots, until its exclusion or the end of the run: mean and 95 % interval. */
  readonly jobs: Estimate;
  /** Audited replies of the whole network until then, without honeypots. */
  readonly replies: Estimate;
  /** Share of its jobs that were credited at the end. An excluded verifier has no credit. */
  readonly creditedShare: number;
  /** Rejected replies of honest providers, of all their audited replies. */
  readonly honestRejected: StrategyShare;
  /** Paid replies of the cheat, of all its audited replies; an empty share without a cheat. */
  readonly cheatsPaid: StrategyShare;
  readonly honestProvidersEjected: number;
  readonly honestVerifiersExcluded: number;
}

export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface StrategyShare {
  readonly count: number;
  readonly of: number;
}

const AUDITS_PER_EPOCH = 12;
/** Epochs after which providers announce themselves again. */
const ANNOUNCED_EPOCHS = 20;
const PPM = 1_000_000;
const HONEST_PROVIDERS = 2;

/**
 * Runs every strategy against the validator's production code, from fixed seeds. Intervals are bootstrapped over runs. If
 * `excluded` is below 1, some runs ended by `replies`, and the numbers are lower bounds.
 */
export async function measureVerifiers(options: StrategyOptions): Promise<readonly VerifierRow[]> {
  const { seed, runs = 10, settings = SETTINGS, onProgress = () => {} } = options;
  const rows: VerifierRow[] = [];
  for (const setting of settings) {
    for (const strategy of setting.strategies) {
      const results: Run[] = [];
      for (let run = 0; run < runs; run++) {
        results.push(await runOnce({ strategy, setting, seed: seed + run, limit: options.replies }));
      }
      const row = summarize({ strategy, setting }, results, seed);
      const after = `${row.excluded} of ${runs} excluded after ${row.jobs.mean.toFixed(1)} jobs`;
      onProgress(`${row.setting}, ${row.strategy}: ${after}`);
      rows.push(row);
    }
  }
  return rows;
}

interface Run {
  readonly isExcluded: boolean;
  readonly jobs: number;
  readonly replies: number;
  readonly credit: number;
  readonly honestRejected: StrategyShare;
  readonly cheatsPaid: StrategyShare;
  readonly providersEjected: number;
  readonly verifiersExcluded: number;
}

interface RunOptions {
  readonly strategy: VerifierStrategy;
  readonly setting: Setting;
  readonly seed: number;
  readonly limit: number;
}

async function runOnce({ strategy, setting, seed, limit }: RunOptions): Promise<Run> {
  const { followers, alphaPpm } = setting;
  const world = await createWorld({ seed, strategy, followers, alphaPpm });
  const repliesPerEpoch = Math.round((AUDITS_PER_EPOCH * PPM) / alphaPpm);
  const mostEpochs = Math.ceil(limit / AUDITS_PER_EPOCH);
  const { validator, served } = world;
  let names = 0;
  const announce = async (kind: string): Promise<string> => {
    const name = `${kind}${names++}`;
    await world.announceProvider(name);
    return name;
  };
  const honestNames: string[] = [];
  for (let i = 0; i < HONEST_PROVIDERS; i++) honestNames.push(await announce('provider'));
  let cheat = strategy.partner ? await announce('cheat') : undefined;
  const isEjected = (name: string): boolean =>
    validator.decided.some(({ ejects, providerId }) => ejects && equalBytes(providerId, world.idOf(name)));
  const isExcluded = (): boolean => world.followers.every((name) => world.record(name).test.ejected);
  for (let epoch = 0; epoch < mostEpochs && !isExcluded(); epoch++) {
    if (epoch > 0 && epoch % ANNOUNCED_EPOCHS === 0) await world.announceAll();
    for (let i = 0; i < repliesPerEpoch; i++) {
      const isCheat = cheat !== undefined && i % 3 === 0;
      await world.serve(isCheat ? (cheat as string) : (honestNames[i % HONEST_PROVIDERS] as string), isCheat);
    }
    await world.runEpoch();
    // An ejected cheat returns under another name, because identities are free.
    if (cheat !== undefined && isEjected(cheat)) cheat = await announce('cheat');
    for (const [i, name] of honestNames.entries()) if (isEjected(name)) honestNames[i] = await announce('provider');
  }
  await world.runEpoch();
  const decided = served
    .map((one) => ({ ...one, entry: world.verdictOf(one.replyId) }))
    .filter(({ entry }) => entry?.verdict !== 'unaudited');
  const isPaid = (verdict: string | undefined): boolean => verdict === 'accept' || verdict === 'inconclusive';
  const honest = decided.filter((one) => !one.isCheat);
  const cheats = decided.filter((one) => one.isCheat);
  const result: Run = {
    isExcluded: isExcluded(),
    jobs: world.jobs.filter(({ verifier }) => world.followers.includes(verifier)).length / followers,
    replies: decided.length,
    credit: world.followers.reduce((sum, name) => sum + world.record(name).credit, 0) / followers,
    honestRejected: { count: honest.filter(({ entry }) => entry?.verdict === 'reject').length, of: honest.length },
    cheatsPaid: { count: cheats.filter(({ entry }) => isPaid(entry?.verdict)).length, of: cheats.length },
    providersEjected: new Set(honest.filter(({ entry }) => entry?.ejects).map(({ provider }) => provider)).size,
    verifiersExcluded: world.names.filter((name) => !world.followers.includes(name) && world.record(name).test.ejected)
      .length,
  };
  await world.close();
  return result;
}

function summarize(
  { strategy: { name, what }, setting }: Pick<RunOptions, 'strategy' | 'setting'>,
  runs: readonly Run[],
  seed: number,
): VerifierRow {
  const add = (pick: (run: Run) => StrategyShare): StrategyShare => ({
    count: runs.reduce((sum, run) => sum + pick(run).count, 0),
    of: runs.reduce((sum, run) => sum + pick(run).of, 0),
  });
  const total = (pick: (run: Run) => number): number => runs.reduce((sum, run) => sum + pick(run), 0);
  return {
    setting: setting.name,
    strategy: name,
    what,
    runs: runs.length,
    excluded: runs.filter(({ isExcluded }) => isExcluded).length,
    jobs: estimateMean(
      runs.map(({ jobs }) => jobs),
      seed,
    ),
    replies: estimateMean(
      runs.map(({ replies }) => replies),
      seed,
    ),
    creditedShare:
      total(({ credit }) => credit) /
      Math.max(
        1,
        total(({ jobs }) => jobs),
      ),
    honestRejected: add(({ honestRejected }) => honestRejected),
    cheatsPaid: add(({ cheatsPaid }) => cheatsPaid),
    honestProvidersEjected: total(({ providersEjected }) => providersEjected),
    honestVerifiersExcluded: total(({ verifiersExcluded }) => verifiersExcluded),
  };
}

const RESAMPLES = 2_000;

/** Mean with its 95 % percentile bootstrap interval. */
export function estimateMean(values: readonly number[], seed: number): Estimate {
  const random = createSeededRandom(seed);
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const means = Array.from({ length: RESAMPLES }, () =>
    mean(values.map(() => values[Math.floor(random() * values.length)] as number)),
  ).sort((a, b) => a - b);
  const at = (share: number): number => means[Math.floor(share * (RESAMPLES - 1))] as number;
  return { mean: mean(values), low: at(0.025), high: at(0.975) };
}
