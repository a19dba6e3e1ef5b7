import type { Check } from '../base/checks.ts';

/**
 * Checks beside a receipt. Their evidence is not in it: it comes from the reader, from the gateway or from the chain. Readers make different
 * ones of them, so no total includes them.
 */
const BESIDE: ReadonlySet<string> = new Set(['answer', 'earlier-part', 'judged-record', 'settled', 'log-head']);

/** Numbers of a verdict's checks, the same for every reader of a receipt with the same trust. */
export interface CheckCount {
  /** Passed checks of the receipt. */
  readonly passed: number;
  /** All failed checks, also those beside the receipt. */
  readonly failed: number;
  /** Skipped checks of the receipt, with and without permission: a skip is never a pass. */
  readonly skipped: number;
  /** Ids of checks beside the receipt that passed, and of those that were skipped. */
  readonly beside: { readonly passed: readonly string[]; readonly skipped: readonly string[] };
}

/** Counts the checks of a verdict for every command and page. */
export function countChecks(checks: readonly Pick<Check, 'id' | 'status'>[]): CheckCount {
  const list = (status: Check['status'], isBeside: boolean) =>
    checks.filter((one) => one.status === status && BESIDE.has(one.id) === isBeside);
  const ids = (status: Check['status']) => list(status, true).map(({ id }) => id);
  return {
    passed: list('pass', false).length,
    failed: checks.filter(({ status }) => status === 'fail').length,
    skipped: list('skip', false).length,
    beside: { passed: ids('pass'), skipped: ids('skip') },
  };
}

/** Describes the checks beside a receipt, such as "also passed: settled"; undefined if there are none. */
export function describeBeside({ beside: { passed, skipped } }: Pick<CheckCount, 'beside'>): string | undefined {
  const parts = [
    ...(passed.length > 0 ? [`also passed: ${passed.join(', ')}`] : []),
    ...(skipped.length > 0 ? [`also skipped: ${skipped.join(', ')}`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}
