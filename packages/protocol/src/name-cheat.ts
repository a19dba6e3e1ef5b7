import { equalBytes } from './bytes.ts';
import { compareWindows } from './compare.ts';
import type { Crypto } from './crypto.ts';
import { computeLog } from './elementary.ts';
import type { Header } from './header.ts';
import type { WindowBytes } from './window.ts';
import { SCORE_FLOOR } from './window-scores.ts';

/** The claimed reply run again in some other way than the one that was sold. */
export interface Alternative {
  readonly name: string;
  readonly windows: readonly WindowBytes[];
}

export interface NamedCheat {
  readonly name: string;
  /** Every byte of the claim is what this alternative computes: no statistics, the thing itself. */
  readonly isCertain: boolean;
  /** ln(distance to the honest re-run / distance to this one); above 0 the claim lies nearer to the alternative. */
  readonly score: number;
}

/**
 * Which way of cheating a claim came from, most likely first, where re-runs in those ways are at hand. An alternative that
 * equals the claim bit for bit is certain; the others are ordered by the two-hypothesis score, which separates even where
 * honest drift is as large as the distance between the hypotheses.
 * @param honest the re-run of what was sold.
 * @throws ProtocolError where windows do not decode or hold other tokens.
 */
export function nameCheat(
  crypto: Crypto,
  header: Header,
  claimed: readonly WindowBytes[],
  { honest, alternatives }: { readonly honest: readonly WindowBytes[]; readonly alternatives: readonly Alternative[] },
): readonly NamedCheat[] {
  const distanceTo = (windows: readonly WindowBytes[]): number =>
    Math.max(compareWindows(crypto, header, claimed, windows).sketchDistance, SCORE_FLOOR);
  const base = distanceTo(honest);
  return alternatives
    .map(({ name, windows }) => ({
      name,
      isCertain: isSame(claimed, windows) && !isSame(claimed, honest),
      score: Math.min(Math.max(computeLog(base) - computeLog(distanceTo(windows)), -LIMIT), LIMIT),
    }))
    .sort((a, b) => Number(b.isCertain) - Number(a.isCertain) || b.score - a.score);
}

/** A distance may be infinite. */
const LIMIT = 100;

function isSame(a: readonly WindowBytes[], b: readonly WindowBytes[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ draws, sketch }, i) => {
      const other = b[i] as WindowBytes;
      return equalBytes(draws, other.draws) && equalBytes(sketch, other.sketch);
    })
  );
}
