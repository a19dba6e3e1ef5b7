import type { Spread } from '../spread.ts';

/** Measurements of questions about pictures: plain data. The page is made from it without a model. */
export interface VisionRun {
  readonly version: 1;
  readonly machine: string;
  /** ISO day. */
  readonly day: string;
  readonly model: string;
  readonly honest: readonly HonestVision[];
  readonly attacks: readonly AttackVision[];
}

/** A build that computes the encoder of pictures. */
export type EncoderBuild = 'native' | 'WebAssembly';

/** Honest replies of a provider with one build of the encoder. */
export interface HonestVision {
  readonly provider: EncoderBuild;
  readonly replies: number;
  /** Replies whose text is the right answer. */
  readonly right: number;
  /** Replies that a gateway or a validator refuses. */
  readonly refused: number;
  readonly audits: Readonly<Record<EncoderBuild, VisionAudits>>;
}

export interface AttackVision {
  readonly name: string;
  readonly aim: string;
  readonly replies: number;
  /** Replies that a gateway refuses, and the checks that failed. */
  readonly gateway: RefusedReplies;
  /** Replies that a validator refuses before an audit. */
  readonly validator: RefusedReplies;
  /** Audits by verifiers of each build of the encoder; no entries if every reply was refused. */
  readonly audits: Readonly<Partial<Record<EncoderBuild, VisionAudits>>>;
}

export interface RefusedReplies {
  readonly replies: number;
  readonly by: readonly string[];
}

export interface VisionAudits {
  readonly audits: number;
  readonly rejected: number;
  readonly inconclusive: number;
  /** Checks that failed. */
  readonly by: readonly string[];
  /** Of the committed rows from the verifier's own. Undefined if their numbers differ. */
  readonly distances: Spread | undefined;
}

/** @throws if the text is no JSON or of another version. */
export function parseVisionRun(text: string): VisionRun {
  const run = JSON.parse(text) as VisionRun;
  if (run?.version !== 1) throw new Error(`results of version ${run?.version}, this code reads 1`);
  return run;
}
