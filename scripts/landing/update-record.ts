import type { FileResult } from '../test-notes.ts';
import type { Unit } from './plan.ts';
import type { GreenRun, LandingRecord } from './record.ts';

/** The result of a unit that ran. */
export interface UnitResult extends Omit<FileResult, 'file' | 'failed'> {
  readonly name: string;
}

export interface RecordChange {
  /** All units that exist now. */
  readonly units: readonly Unit[];
  /** Hashes after the run, by unit. A unit whose inputs were edited meanwhile is not recorded. */
  readonly hashesAfter: ReadonlyMap<string, string>;
  readonly results: readonly UnitResult[];
  readonly programs: readonly string[];
}

/** Returns the record after a run: green units are added, red ones and units that are gone are left out. */
export function updateRecord(
  record: LandingRecord,
  { units, hashesAfter, results, programs }: RecordChange,
): LandingRecord {
  const hashes = new Map(units.map(({ name, hash }) => [name, hash]));
  const next = new Map([...record].filter(([name]) => hashes.has(name)));
  for (const { name, seconds, passed, skipped, isGreen } of results) {
    const hash = hashes.get(name) ?? '';
    const isCurrent = hash !== '' && hashesAfter.get(name) === hash;
    if (isGreen && isCurrent) next.set(name, { hash, seconds, passed, skipped, programs } satisfies GreenRun);
    else next.delete(name);
  }
  return next;
}
