import type { RoundCounts } from './serve-round.ts';

/** The counts of a run, and what is needed to continue it. */
export interface EqualityRun {
  readonly version: 1;
  readonly way: string;
  readonly model: string;
  readonly weights: string;
  /** Commit of the code, with `-dirty` if files were changed. */
  readonly code: string;
  readonly maxTokens: number;
  readonly promptTokens: number;
  /** Positions of a conversation; 768 in runs that do not say it. */
  readonly nCtx?: number;
  readonly machine: string;
  /** ISO day. */
  readonly day: string;
  readonly numericClass: string;
  readonly rounds: number;
  readonly counts: RoundCounts;
}

export const encodeRun = (run: EqualityRun): string => `${JSON.stringify(run, undefined, 2)}\n`;

/** @throws if the text is no JSON or of another version. */
export function parseRun(text: string): EqualityRun {
  const run = JSON.parse(text) as EqualityRun;
  if (run?.version !== 1) throw new Error(`results of version ${run?.version}, this code reads 1`);
  return run;
}
