import type { Schedule } from './schedule.ts';

/** The schedule of a server that shows no steps (docs/spec/trajectory.md#pictures-without-steps). */
export interface HiddenScheduler {
  readonly kind: 'hidden';
  /** It says nothing: a header has a field for a sampler. */
  readonly sampler: 'ddim';
  readonly settings: Readonly<Record<string, never>>;
}

export const HIDDEN_SCHEDULER: HiddenScheduler = { kind: 'hidden', sampler: 'ddim', settings: {} };

/** The plan of such a server. */
export const HIDDEN_SCHEDULE: Schedule = { noiseScale: 1, steps: [], mixes: [], estimates: [] };
