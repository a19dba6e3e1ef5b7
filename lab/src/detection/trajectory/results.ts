import type { Spread } from '../spread.ts';

/** Measurements of pictures against honest providers and attackers: plain data. The page is made from it without a model. */
export interface PictureRun {
  readonly version: 2;
  readonly machine: string;
  /** ISO day. */
  readonly day: string;
  /** Steps of each picture. */
  readonly steps: number;
  readonly models: readonly PictureModelResult[];
}

export interface PictureModelResult {
  readonly name: string;
  readonly sampler: string;
  /** The drift table's row for the provider's class seen by the other class, and the limits of an output that follow from it. */
  readonly measured: {
    readonly pictures: number;
    /** The largest honest distance of an output. */
    readonly output: number;
    readonly doubt: number;
    readonly reject: number;
  };
  readonly honest: readonly HonestPictures[];
  readonly attacks: readonly AttackPictures[];
}

/** Honest replies of one class, audited by another one. */
export interface HonestPictures {
  /** Whether the requests are for new pictures, or change one with a mask. */
  readonly request: 'new' | 'changed';
  readonly provider: string;
  readonly verifier: string;
  /** Replies that the gateway refuses. */
  readonly refused: number;
  readonly audits: PictureAudits;
}

export interface AttackPictures {
  readonly name: string;
  readonly aim: string;
  readonly isPartial: boolean;
  readonly replies: number;
  readonly refused: number;
  /** Checks of the gateway that failed. */
  readonly refusedBy: readonly string[];
  /** By a verifier of the provider's exact class. Undefined if the gateway refused every reply. */
  readonly same: PictureAudits | undefined;
  /** By a verifier that cannot reproduce that class. */
  readonly other: PictureAudits | undefined;
}

export interface PictureAudits {
  readonly audits: number;
  readonly rejected: number;
  readonly inconclusive: number;
  /** The same by the limits of the drift table. In the exact class equality decides, with or without a table. */
  readonly byTable: { readonly rejected: number; readonly inconclusive: number };
  /** Checks that failed. */
  readonly by: readonly string[];
  /** The largest distance of an audited output in each audit. Undefined if facts differ, so that nothing is compared. */
  readonly outputs: Spread | undefined;
  readonly pixels: Spread | undefined;
}

/** @throws if the text is no JSON or of another version. */
export function parsePictureRun(text: string): PictureRun {
  const run = JSON.parse(text) as PictureRun;
  if (run?.version !== 2) throw new Error(`results of version ${run?.version}, this code reads 2`);
  return run;
}
