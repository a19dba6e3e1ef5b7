import { equalBytes } from '../../../base/bytes.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import {
  addSketchDifference,
  computeCoherence,
  createSketchCoherence,
  type SketchRow,
} from '../../../commitment/sketch.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { Header } from '../commitment/header.ts';
import { type DrawRow, decodeDraws, decodeSketch, logSumOf, tokenOf } from '../commitment/window.ts';
import { computeDrawKey, createDrawSource } from '../sampling/draw-key.ts';
import { computeCost, MAX_LISTED, TAIL_RANK } from '../sampling/sampler.ts';
import { addPosition, countValues, createValueMeter } from './bent-values.ts';
import { addDrawMargin, createDrawCounts, createDrawMeter, type DrawCounts, type DrawMargin } from './draw-margin.ts';
import {
  addSketch,
  addValues,
  computeOmission,
  createSums,
  differences,
  type Sums,
  toScores,
  type WindowScores,
} from './window-scores.ts';

/** Nats: the most that a single draw counts. At the end of a list with a tail, honest drift can cause a gap of any size. */
const MAX_GAP = 1;

/** Distance of one reply's commitment from a re-run: means over positions, or the worst window where the name says so. */
export interface Comparison {
  readonly positions: number;
  /** Tokens of the prompt and of these positions. */
  readonly context: number;
  /** Set if every committed byte equals the re-run's. */
  readonly identical: boolean;
  /** First position whose draws or sketch differ; undefined if identical. */
  readonly firstDifference: number | undefined;
  /** First position at which a token that both sides list is marked as repeated by one of them; undefined if there is none. */
  readonly firstOtherMark: number | undefined;
  readonly sketchDistance: number;
  readonly worstWindowSketchDistance: number;
  /** 0..positions: see SketchCoherence. */
  readonly sketchCoherence: number;
  readonly logprobShift: number;
  readonly totalVariation: number;
  readonly kolmogorov: number;
  readonly worstWindowKolmogorov: number;
  /**
   * The largest probability in the re-run of a candidate that the claim leaves out, less that of the re-run's last candidate:
   * 0..1. A list names the likeliest candidates, so drift only moves candidates over its edge. A provider that leaves out a
   * likely one can draw another, or from the tail, with only true listed values.
   */
  readonly worstOmission: number;
  readonly tailShift: number;
  readonly worstWindowTailShift: number;
  /** Nats, 0..1: distance of the claimed tokens from the re-run's own draws, see DrawMargin. */
  readonly drawGap: number;
  readonly worstWindowDrawGap: number;
  readonly ownDrawMismatch: number;
  readonly argmaxAgreement: number;
  /** One per committed window, in order. */
  readonly windows: readonly WindowScores[];
  /** Draws compared with the re-run's own distribution, by margin. */
  readonly draws: DrawCounts;
  /** u32[20]: positions by the movement of single values relative to the others, see bent-values.ts. */
  readonly values: Uint32Array;
}

interface Window {
  readonly rows: readonly DrawRow[];
  readonly sketches: readonly SketchRow[];
}

function decodeWindow(window: WindowBytes, header: Header): Window {
  return {
    rows: decodeDraws(window.draws, header).rows,
    sketches: decodeSketch(window.sketch, { directions: header.sketchDirections }),
  };
}

/**
 * Compares committed windows with a verifier's. The claimed tokens must be the same on both sides, which the caller checked by
 * the report's shape. The sampler is the committed one.
 * @throws ProtocolError if windows do not decode.
 */
export function compareWindows(
  crypto: Crypto,
  header: Header,
  claimed: readonly WindowBytes[],
  rerun: readonly WindowBytes[],
): Comparison {
  const others = rerun.map((window) => decodeWindow(window, header));
  const otherRows = others.flatMap(({ rows }) => rows);
  const otherSketches = others.flatMap(({ sketches }) => sketches);
  const source = createDrawSource(crypto, computeDrawKey(crypto, header.drawKey));
  const bias = new Map(header.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const counts = new Map<number, number>();
  const { presencePenaltyQ16, frequencyPenaltyQ16 } = header.sampler;
  const isCounting = presencePenaltyQ16 !== 0 || frequencyPenaltyQ16 !== 0;
  const costs = new Float64Array(MAX_LISTED);
  const meter = createDrawMeter(header.sampler);
  const drawn: DrawMargin = { matches: true, margin: 0, gap: 0 };
  const draws = createDrawCounts();
  const values = createValueMeter(otherRows.length);
  const coherence = createSketchCoherence(header.sketchDirections);
  const costOf = (row: DrawRow, token: number): number | undefined => {
    const { ids, rank, tailQ } = row;
    if (rank !== TAIL_RANK) return undefined;
    const logSum = logSumOf(row, ids.length);
    return computeCost(tailQ as number, bias.get(token) ?? 0, counts.get(token) ?? 0, header.sampler, logSum);
  };
  const windows: WindowScores[] = [];
  const all: Sums[] = [];
  let firstDifference: number | undefined;
  let firstOtherMark: number | undefined;
  let at = 0;
  for (const window of claimed) {
    const { rows, sketches } = decodeWindow(window, header);
    const sums = createSums();
    for (let i = 0; i < rows.length; i++, at++) {
      const row = rows[i] as DrawRow;
      const sketch = sketches[i] as SketchRow;
      const other = otherRows[at] as DrawRow;
      const isEqual = addValues(row, other, sums);
      const isSameSketch = addSketch(sketch, otherSketches[at] as SketchRow, sums);
      const { shared, logSpread, logSketch } = sums.here;
      if (logSpread > Number.NEGATIVE_INFINITY)
        addPosition(values, { differences, count: shared, logSpread, logSketch });
      if (!isSameSketch) addSketchDifference(sketch, otherSketches[at] as SketchRow, coherence);
      const isSameRepeated = row.repeated?.logSum === other.repeated?.logSum;
      if (firstDifference === undefined && !(isEqual && isSameSketch && isSameRepeated)) firstDifference = at;
      if (firstOtherMark === undefined && hasOtherMark(row, other)) firstOtherMark = at;
      const { ids, q, tail } = other;
      const isRaw = bias.size === 0 && counts.size === 0 && other.repeated === undefined;
      for (let j = 0; j < ids.length; j++) {
        const id = ids[j] as number;
        const cost = q[j] as number;
        costs[j] = isRaw
          ? cost
          : computeCost(cost, bias.get(id) ?? 0, counts.get(id) ?? 0, header.sampler, logSumOf(other, j));
      }
      sums.omission = Math.max(sums.omission, computeOmission(ids, costs));
      const u = source.draw(at);
      const token = tokenOf(row);
      meter.measure({ ids, costs, tail, u, token, tokenCost: costOf(other, token) }, drawn);
      sums.gap += Math.min(drawn.gap, MAX_GAP);
      if (!drawn.matches) sums.mismatch++;
      addDrawMargin(draws, drawn);
      if (isCounting) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    all.push(sums);
    windows.push(toScores(sums, rows.length));
  }
  const positions = at;
  const identical =
    claimed.length === rerun.length &&
    claimed.every((window, i) => {
      const other = rerun[i] as WindowBytes;
      return equalBytes(window.draws, other.draws) && equalBytes(window.sketch, other.sketch);
    });
  const total = (of: (sums: Sums) => number): number => all.reduce((sum, sums) => sum + of(sums), 0);
  const worst = (of: (scores: WindowScores) => number): number =>
    windows.reduce((largest, scores) => Math.max(largest, of(scores)), 0);
  const shared = total((sums) => sums.shared);
  return {
    positions,
    context: header.promptTokenCount + positions,
    identical,
    firstDifference,
    firstOtherMark,
    sketchDistance: total((sums) => sums.sketch) / positions,
    worstWindowSketchDistance: worst((scores) => scores.sketchDistance),
    sketchCoherence: computeCoherence(coherence),
    logprobShift: shared === 0 ? 0 : total((sums) => sums.shift) / shared,
    totalVariation: total((sums) => sums.totalVariation) / positions,
    kolmogorov: total((sums) => sums.kolmogorov) / positions,
    worstWindowKolmogorov: worst((scores) => scores.kolmogorov),
    worstOmission: worst((scores) => scores.omission),
    tailShift: total((sums) => sums.tail) / positions,
    worstWindowTailShift: worst((scores) => scores.tailShift),
    drawGap: total((sums) => sums.gap) / positions,
    worstWindowDrawGap: worst((scores) => scores.drawGap),
    ownDrawMismatch: total((sums) => sums.mismatch) / positions,
    argmaxAgreement: 1 - total((sums) => sums.argmax) / positions,
    windows,
    draws,
    values: countValues(values),
  };
}

/** Returns whether the sides mark a token differently that both list. Marks follow from prompt and reply in every class. */
function hasOtherMark(claimed: DrawRow, rerun: DrawRow): boolean {
  if (claimed.repeated === undefined || rerun.repeated === undefined) return false;
  return claimed.ids.some((id, rank) => {
    const other = rerun.ids[rank] === id ? rank : rerun.ids.indexOf(id);
    return other >= 0 && claimed.repeated?.marks[rank] !== rerun.repeated?.marks[other];
  });
}
