import { toHex } from '@ogong/protocol/bytes';
import { createSeededRandom } from '@ogong/protocol/seeded-random';
import { STRATEGIES } from './strategies.ts';
import type { VerifierStrategy } from './strategy.ts';
import { createWorld, FIRST_FOLLOWER } from './world.ts';

export interface MeasureOptions {
  readonly seed: number;
  /** Audited replies of one run, at most: a run ends where the follower is excluded. */
  readonly replies: number;
  /** Default: 10. */
  readonly runs?: number;
  readonly strategies?: readonly VerifierStrategy[];
  readonly onProgress?: (text: string) => void;
}

/** How one strategy fares: one follower among four honest verifiers, every reply audited. */
export interface VerifierRow {
  readonly strategy: string;
  readonly what: string;
  readonly runs: number;
  /** Runs in which it was excluded from the draw. */
  readonly excluded: number;
  /** Jobs that it was asked, honeypots included, until it was excluded or the run ended: mean and 95 % interval. */
  readonly jobs: Estimate;
  /** Audited replies of the whole network until then. */
  readonly replies: Estimate;
  /** Share of its jobs that were credited when it ended, the credit of an excluded one being 0. */
  readonly creditedShare: number;
  /** Replies of honest providers that were rejected, of all of theirs. */
  readonly honestRejected: Share;
  /** Replies of the cheat that were paid, of all of its own; none where there is no cheat. */
  readonly cheatsPaid: Share;
  readonly honestProvidersEjected: number;
  readonly honestVerifiersExcluded: number;
}

export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface Share {
  readonly count: number;
  readonly of: number;
}

const REPLIES_PER_EPOCH = 12;
const HONEST_PROVIDERS = ['provider0', 'provider1'];

/**
 * Every strategy against the validator's production code, from fixed seeds: the same numbers each time.
 * Intervals are bootstrapped over runs; where runs end by `replies`, the numbers are lower bounds, and `excluded` says so.
 */
export async function measureVerifiers(options: MeasureOptions): Promise<readonly VerifierRow[]> {
  const { seed, runs = 10, strategies = STRATEGIES, onProgress = () => {} } = options;
  const rows: VerifierRow[] = [];
  for (const strategy of strategies) {
    const results: Run[] = [];
    for (let run = 0; run < runs; run++) results.push(await runOnce(strategy, seed + run, options.replies));
    const row = summarize(strategy, results, seed);
    onProgress(`${row.strategy}: ${row.excluded} of ${runs} excluded after ${row.jobs.mean.toFixed(1)} jobs`);
    rows.push(row);
  }
  return rows;
}

interface Run {
  readonly isExcluded: boolean;
  readonly jobs: number;
  readonly replies: number;
  readonly credit: number;
  readonly honestRejected: Share;
  readonly cheatsPaid: Share;
  readonly providersEjected: number;
  readonly verifiersExcluded: number;
}

async function runOnce(strategy: VerifierStrategy, seed: number, limit: number): Promise<Run> {
  const world = await createWorld({ seed, strategy });
  const { validator, served } = world;
  for (const name of HONEST_PROVIDERS) await world.announceProvider(name);
  // A cheat that is ejected comes back under another name: identities are free.
  let cheat = 0;
  if (strategy.partner) await world.announceProvider('cheat0');
  const isExcluded = (): boolean => world.record(FIRST_FOLLOWER).test.ejected;
  while (served.length < limit && !isExcluded()) {
    if (served.length > 0 && served.length % (REPLIES_PER_EPOCH * 20) === 0) await world.announceAll();
    for (let i = 0; i < REPLIES_PER_EPOCH; i++) {
      const isCheat = strategy.partner === true && i % 3 === 0;
      await world.serve(isCheat ? `cheat${cheat}` : (HONEST_PROVIDERS[i % 2] as string), isCheat);
    }
    await world.runEpoch();
    const wasEjected = validator.decided.some(
      ({ ejects, providerId }) =>
        ejects && served.some((one) => one.provider === `cheat${cheat}` && isOf(one, providerId)),
    );
    if (wasEjected) await world.announceProvider(`cheat${++cheat}`);
  }
  await world.runEpoch();
  const decided = served.map((one) => ({ ...one, entry: world.verdictOf(one.replyId) }));
  const isPaid = (verdict: string | undefined): boolean => verdict === 'accept' || verdict === 'inconclusive';
  const honest = decided.filter((one) => !one.isCheat);
  const cheats = decided.filter((one) => one.isCheat);
  const result: Run = {
    isExcluded: isExcluded(),
    jobs: world.jobs.filter(({ verifier }) => verifier === FIRST_FOLLOWER).length,
    replies: served.length,
    credit: world.record(FIRST_FOLLOWER).credit,
    honestRejected: { count: honest.filter(({ entry }) => entry?.verdict === 'reject').length, of: honest.length },
    cheatsPaid: { count: cheats.filter(({ entry }) => isPaid(entry?.verdict)).length, of: cheats.length },
    providersEjected: new Set(honest.filter(({ entry }) => entry?.ejects).map(({ provider }) => provider)).size,
    verifiersExcluded: world.names.filter((name) => name !== FIRST_FOLLOWER && world.record(name).test.ejected).length,
  };
  await world.close();
  return result;

  function isOf({ replyId }: { readonly replyId: Uint8Array }, providerId: Uint8Array): boolean {
    const entry = world.verdictOf(replyId);
    return entry !== undefined && toHex(entry.providerId) === toHex(providerId);
  }
}

function summarize({ name, what }: VerifierStrategy, runs: readonly Run[], seed: number): VerifierRow {
  const add = (pick: (run: Run) => Share): Share => ({
    count: runs.reduce((sum, run) => sum + pick(run).count, 0),
    of: runs.reduce((sum, run) => sum + pick(run).of, 0),
  });
  const total = (pick: (run: Run) => number): number => runs.reduce((sum, run) => sum + pick(run), 0);
  return {
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
