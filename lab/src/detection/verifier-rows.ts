import { measureVerifiers } from '../verifiers/measure.ts';
import type { VerifierStrategyRow } from './results.ts';
import { toShare } from './share.ts';

const NONE = { value: 0, low: 0, high: 1, of: 0 };
const toMeasured = ({ count, of }: { readonly count: number; readonly of: number }) =>
  of === 0 ? NONE : toShare(count, of);

/** How long every strategy of a verifier lives, and what it does until then. */
export async function measureVerifierRows(options: {
  readonly seed: number;
  readonly replies: number;
  readonly runs: number;
  readonly onProgress: (text: string) => void;
}): Promise<readonly VerifierStrategyRow[]> {
  const rows = await measureVerifiers(options);
  return rows.map(({ setting, strategy, what, runs, excluded, jobs, honestRejected, cheatsPaid, ...honest }) => ({
    ...{ setting, strategy, what, jobs },
    honestLost: honest.honestProvidersEjected + honest.honestVerifiersExcluded,
    excluded: toShare(excluded, runs),
    honestRejected: toMeasured(honestRejected),
    cheatsPaid: toMeasured(cheatsPaid),
  }));
}
