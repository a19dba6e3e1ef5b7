import { compareBytes, equalBytes, toHex } from '../../../base/bytes.ts';
import { withoutLanes } from '../../../tier/lane-class.ts';
import { findLengthBand, getSurprise, type ReplyEvidence } from '../stage2/reply-scores.ts';
import type { DistanceRow } from './distance-rows.ts';
import type { Likelihood } from './likelihood.ts';
import type { Stratum } from './strata.ts';

/**
 * Measured honest drift between numeric classes, as verdicts need it (docs/spec/drift-table.md). Operators sign it. Verdicts
 * name the row that they used.
 */
export interface DriftTable {
  /** Grows by one with every table of a chain. */
  readonly version: number;
  /** Hash of the table before, 32 bytes; zeros for the first. */
  readonly previous: Uint8Array;
  /** Ascending by class. A class without a row of its own uses the rows of its family. */
  readonly families: readonly ClassFamily[];
  /** Ascending by key, see compareRowKeys. */
  readonly rows: readonly DriftRow[];
  /** Rows of modalities that compare values, ascending by key; undefined if there are none. */
  readonly distances?: readonly DistanceRow[] | undefined;
}

export interface ClassFamily {
  readonly numericClass: string;
  /** A name that no class has. Rows use it in place of a class. */
  readonly family: string;
}

export interface DriftRowKey {
  /** 32 bytes. Drift grows with a model's depth and width, so measurements on one model say nothing about another. */
  readonly modelRoot: Uint8Array;
  /** Numeric class that the header declares, or a family. */
  readonly providerClass: string;
  /** Numeric class of the score report, or a family. */
  readonly verifierClass: string;
  /** See findLengthBand. */
  readonly band: number;
}

export interface DriftRow extends DriftRowKey {
  /** Version of the measuring software. */
  readonly codeVersion: string;
  /** The least and the largest seed of the honest replies. */
  readonly seeds: { readonly first: number; readonly last: number };
  readonly fitReplies: number;
  /** Positions of all honest replies, fitted and held out. */
  readonly tokens: number;
  /**
   * Tokens of prompt and reply in the longest honest reply. The row covers no longer reply. The growth of drift beyond the
   * measured lengths is unknown, and beyond the trained context of a model it is fast.
   */
  readonly context: number;
  /** Scores of the held-out honest replies, one for each of REPLY_SCORES. */
  readonly scores: readonly ScoreQuantiles[];
  /**
   * Variance of a reply's mean over its windows, relative to that of independent windows. It is at least 1 if a reply's windows
   * share noise. For this reason replies are counted, not windows.
   */
  readonly inflation: number;
  readonly likelihood: Likelihood;
  /**
   * Ascending by surprise, at least one. The last surprise is that of the unlikeliest honest reply. The row covers no
   * unlikelier text.
   */
  readonly strata: readonly Stratum[];
  /** Power against each named alternative, on replies outside the fit. */
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
  /** Number of them with a p-value of at most each of POWER_RATES. */
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

/** Returns the name of a row in verdicts. */
export function nameRow({ modelRoot, providerClass, verifierClass, band }: DriftRowKey): string {
  return `model ${toHex(modelRoot.subarray(0, 8))}: ${providerClass} seen by ${verifierClass}, band ${band}`;
}

/** Returns whether a row's measurements cover the reply: contexts as long, and text as unlikely. */
export const isMeasured = (
  { context, strata }: Pick<DriftRow, 'context' | 'strata'>,
  evidence: Pick<ReplyEvidence, 'context' | 'scores'>,
): boolean => evidence.context <= context && getSurprise(evidence) <= (strata.at(-1) as Stratum).surprise;

export type DriftLookup =
  | { readonly kind: 'class' | 'family'; readonly row: DriftRow }
  /** The table knows the model and the verifier's class, but not the provider's class: all possible rows. */
  | { readonly kind: 'unlisted'; readonly rows: readonly DriftRow[] }
  | { readonly kind: 'none' };

export interface DriftQuery extends Omit<DriftRowKey, 'band'> {
  readonly positions: number;
  /** Tokens of prompt and reply. */
  readonly context: number;
}

/** Lists the names under which a table may hold rows of a class, the nearest first. Lanes move a value by less than its rounding. */
export function listClassNames({ families }: Pick<DriftTable, 'families'>, numericClass: string): readonly string[] {
  const classes = [...new Set([numericClass, withoutLanes(numericClass)])];
  return classes.flatMap((each) => {
    const family = families.find((entry) => entry.numericClass === each)?.family;
    return family === undefined ? [each] : [each, family];
  });
}

/**
 * Finds a row among the model's rows that cover contexts this long. The row of the classes themselves comes first, then that of
 * their families, then all rows that an unlisted class could belong to.
 */
export function findDriftRow(table: Pick<DriftTable, 'families' | 'rows'>, query: DriftQuery): DriftLookup {
  const band = findLengthBand(query.positions);
  const providers = listClassNames(table, query.providerClass);
  const verifiers = listClassNames(table, query.verifierClass);
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
