/** One named finding. A verdict is a list of them; a skip says why something was not checked, and is never a pass. */
export interface Check {
  readonly id: string;
  readonly status: 'pass' | 'fail' | 'skip';
  readonly detail: string;
  /** The first position of the reply that fails, if the finding is about positions. */
  readonly position?: number;
}

export const pass = (id: string, detail: string): Check => ({ id, status: 'pass', detail });
export const fail = (id: string, detail: string, position?: number): Check => ({
  ...{ id, status: 'fail', detail },
  ...(position === undefined ? {} : { position }),
});
export const skip = (id: string, detail: string): Check => ({ id, status: 'skip', detail });

/** The result of an audit of a reply. */
export type Outcome = 'accept' | 'reject' | 'inconclusive';

/** Returns true if no check failed and at least one passed. */
export function isOk(checks: readonly Check[]): boolean {
  return checks.some((check) => check.status === 'pass') && checks.every((check) => check.status !== 'fail');
}

/** Returns the ids of the skipped checks: those that the reader did not allow, and those that it does without. */
export function listSkipped(
  checks: readonly Check[],
  allow: readonly string[] = [],
): { readonly missing: readonly string[]; readonly allowed: readonly string[] } {
  const skipped = checks.filter(({ status }) => status === 'skip').map(({ id }) => id);
  return { missing: skipped.filter((id) => !allow.includes(id)), allowed: skipped.filter((id) => allow.includes(id)) };
}

/** Creates a check. @param details of a pass, then of a failure. */
export function check(id: string, ok: boolean, [good, bad]: readonly [string, string]): Check {
  return ok ? pass(id, good) : fail(id, bad);
}
