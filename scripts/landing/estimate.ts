import { PARTS } from './parts.ts';
import type { PlannedUnit } from './plan.ts';
import { UNKNOWN_SECONDS } from './progress.ts';

/** Files of a part that run at a time. */
const WORKERS = 2;

/** Returns the expected seconds of a part from the recorded times of the units that run. */
export function estimatePart(part: string, units: readonly PlannedUnit[]): number {
  const total = units.reduce((sum, { recorded }) => sum + (recorded?.seconds ?? UNKNOWN_SECONDS), 0);
  return PARTS[part]?.project === undefined ? total : total / WORKERS;
}
