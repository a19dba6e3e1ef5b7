import type { GreenRun, LandingRecord } from './record.ts';

/** A test file or a whole part: the smallest thing that runs or is left out. */
export interface Unit {
  /** The key in the record. */
  readonly name: string;
  readonly hash: string;
}

export interface PlannedUnit extends Unit {
  /** Reason to run. Undefined: the recorded green run holds. */
  readonly reason: string | undefined;
  readonly recorded: GreenRun | undefined;
}

export interface PlanOptions {
  readonly record: LandingRecord;
  /** Runs everything. */
  readonly ignoresRecord: boolean;
  /** Programs that this machine has. */
  readonly programs: readonly string[];
  /** Units that run whatever the record says. */
  readonly runsAlways: (name: string) => boolean;
}

/** Decides which units run, and why. */
export function planUnits(units: readonly Unit[], options: PlanOptions): readonly PlannedUnit[] {
  return units.map((unit) => {
    const recorded = options.record.get(unit.name);
    return { ...unit, recorded, reason: findReason(unit, recorded, options) };
  });
}

function findReason(
  { name, hash }: Unit,
  recorded: GreenRun | undefined,
  { ignoresRecord, programs, runsAlways }: PlanOptions,
): string | undefined {
  if (ignoresRecord) return 'asked to run all';
  if (runsAlways(name)) return 'always runs';
  if (recorded === undefined) return 'no green run is recorded';
  if (recorded.hash !== hash) return 'an input changed';
  // Tests that were skipped for want of a program run on a machine that has it.
  const more = recorded.skipped > 0 ? programs.filter((one) => !recorded.programs.includes(one)) : [];
  return more.length > 0 ? `the recorded run lacked ${more.join(', ')}` : undefined;
}
