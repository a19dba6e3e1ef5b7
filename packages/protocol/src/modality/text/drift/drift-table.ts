import { compareBytes, equalBytes, toHex } from '../../../base/bytes.ts';
import { findLengthBand, getSurprise, type ReplyEvidence } from '../stage2/reply-scores.ts';
import type { Likelihood } from './likelihood.ts';
import type { Stratum } from './strata.ts';

/**
 * Measured honest drift between numeric classes, and what a verdict needs of it (docs/spec/drift-table.md). Operators
 * sign it; verdicts name the row that they used.
 */
export interface DriftTable {
  /** Grows by one with every table of a chain. */
  readonly version: number;
  /** Hash of the table before, 32 bytes; zeros for the first. */
  readonly previous: Uint8Array;
  /** Ascending by class. A class that has no row of its own is judged by rows of its family. */
  readonly families: readonly ClassFamily[];
  /** Ascending by key, see compareRowKeys. */
  readonly rows: readonly DriftRow[];
}

export interface ClassFamily {
  readonly numericClass: string;
  /** A name that no class has; rows name it where they name a class. */
  readonly family: string;
}

export interface DriftRowKey {
  /** 32 bytes: drift grows with a model's depth and width, so what was measured on one says nothing about another. */
  readonly modelRoot: Uint8Array;
  /** Numeric class that the header declares, or a family. */
  readonly providerClass: string;
  /** That of the score report, or a family. */
  readonly verifierClass: string;
  /** See findLengthBand. */
  readonly band: number;
}

export interface DriftRow extends DriftRowKey {
  /** Of the software that measured. */
  readonly codeVersion: string;
  /** Seeds of the honest replies: the least and the largest. */
  readonly seeds: { readonly first: number; readonly last: number };
  readonly fitReplies: number;
  /** Positions of all honest replies, fitted and held out. */
  readonly tokens: number;
  /**
   * Tokens of prompt and reply, of the longest honest reply. The row judges nothing longer: how drift grows beyond the measured
   * lengths is unknown, and past the context that a model was trained on it grows fast.
   */
  readonly context: number;
  /** Of the held-out honest replies, one for each of REPLY_SCORES. */
  readonly scores: readonly ScoreQuantiles[];
  /**
   * Variance of a reply's mean over its windows, against what independent windows would give; at least 1 where a reply's
   * windows share noise. This is why replies are counted, not windows.
   */
  readonly inflation: number;
  readonly likelihood: Likelihood;
  /**
   * Ascending by surprise, at least one. The surprise of the last one is that of the unlikeliest honest reply; the row judges
   * no unlikelier text.
   */
  readonly strata: readonly Stratum[];
  /** How much of each named alternative is caught, on replies that nothing was fitted to. */
  readonly power: readonly Power[];
}

/** Value and 95 % confidence limits at each of QUANTILES; a limit beyond the sample is plus or minus UNLIMITED. */
export interface ScoreQuantiles {
  readonly value: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export const QUANTILES: readonly number[] = [0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999];
export const UNLIMITED = 1e3;

export interface Power {
  readonly name: string;
  readonly replies: number;
  /** How many of them have a p-value of at most each of POWER_RATES. */
  readonly caught: readonly number[];
}

export const POWER_RATES: readonly number[] = [0.05, 0.01, 0.001, 0.0001];

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function compareRowKeys(a: DriftRowKey, b: DriftRowKey): number {
  return (
    compareBytes(a.modelRoot, b.modelRoot) ||
    compareText(a.verifierClass, b.verifierClass) ||
    compareText(a.providerClass, b.providerClass) ||
    a.band - b.band
  );
}

/** How a row is named in verdicts. */
export function nameRow({ modelRoot, providerClass, verifierClass, band }: DriftRowKey): string {
  return `model ${toHex(modelRoot.subarray(0, 8))}: ${providerClass} seen by ${verifierClass}, band ${band}`;
}

/** Whether a row was measured on anything like the reply: on contexts as long, and on text as unlikely. */
export const isMeasured = (
  { context, strata }: Pick<DriftRow, 'context' | 'strata'>,
  evidence: Pick<ReplyEvidence, 'context' | 'scores'>,
): boolean => evidence.context <= context && getSurprise(evidence) <= (strata.at(-1) as Stratum).surprise;

export type DriftLookup =
  | { readonly kind: 'class' | 'family'; readonly row: DriftRow }
  /** The table knows the model and the verifier's class, but not the provider's class: all rows that it could be. */
  | { readonly kind: 'unlisted'; readonly rows: readonly DriftRow[] }
  | { readonly kind: 'none' };

export interface DriftQuery extends Omit<DriftRowKey, 'band'> {
  readonly positions: number;
  /** Tokens of prompt and reply. */
  readonly context: number;
}

/**
 * Looks at the model's rows that were measured on contexts this long. The row of the classes themselves comes first, then that
 * of their families, then all rows that an unlisted class could belong to.
 */
export function findDriftRow(table: Pick<DriftTable, 'families' | 'rows'>, query: DriftQuery): DriftLookup {
  const band = findLengthBand(query.positions);
  const familyOf = (numericClass: string): string | undefined =>
    table.families.find((entry) => entry.numericClass === numericClass)?.family;
  const providers = [query.providerClass, familyOf(query.providerClass)];
  const verifiers = [query.verifierClass, familyOf(query.verifierClass)];
  const rows = table.rows.filter((row) => row.band === band && equalBytes(row.modelRoot, query.modelRoot));
  const reaches = ({ context }: DriftRow): boolean => context >= query.context;
  for (const verifierClass of verifiers) {
    for (const providerClass of providers) {
      const row = rows.find((each) => each.providerClass === providerClass && each.verifierClass === verifierClass);
      if (row === undefined) continue;
      if (!reaches(row)) return { kind: 'none' };
      const isOwn = providerClass === query.providerClass && verifierClass === query.verifierClass;
      return { kind: isOwn ? 'class' : 'family', row };
    }
  }
  const possible = rows.filter((row) => verifiers.includes(row.verifierClass) && reaches(row));
  return possible.length === 0 ? { kind: 'none' } : { kind: 'unlisted', rows: possible };
}
