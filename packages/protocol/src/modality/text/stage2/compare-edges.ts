import { equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, type Outcome, pass, skip } from '../../../base/checks.ts';
import type { EdgeValues } from '../../../commitment/edge-values.ts';
import type { Opening } from '../../../commitment/opening.ts';
import { computeSketchDistance, type SketchRow } from '../../../commitment/sketch.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { isEqualityDue } from '../../../tier/exact-class.ts';
import type { ServingCohort } from '../../shared/serving-cohort.ts';
import { verifyBoundaryRoot } from '../boundary/boundary-root.ts';
import type { Header } from '../commitment/header.ts';
import { decodeSketch } from '../commitment/window.ts';
import { findShapeProblem } from '../stage1/boundary-roots.ts';
import type { ScoreReport } from './score-report.ts';

/**
 * Limits for the mean relative L2 distance of the sketches of a window. Other kernels move the rows of quantised weights by .003 to .013,
 * coarser weights by .09 and more. Float weights move less, and a pair of limits of their own would need a class that no verifier can
 * choose. So the wider pair counts for all.
 */
export const EDGE_LIMITS = { doubt: 0.02, reject: 0.05 } as const;

/** An edge between two shards, in the order of the layers. */
export interface CommittedEdge {
  /** Place of the sender in the cohort. */
  readonly place: number;
  /** Layers before the edge. */
  readonly layer: number;
  /** Opened values; undefined if the sender has signed no root that the header lists. */
  readonly values: EdgeValues | undefined;
}

/** The edges of a reply and the members of its cohort. */
export interface CommittedEdges {
  readonly edges: readonly CommittedEdge[];
  readonly members: readonly Pick<ServingCohort['members'][number], 'numericClass'>[];
}

/** Lists the edges of a reply. @param opening whose edges stage 1 has checked. @returns none without an agreement. */
export function listEdges(
  crypto: Crypto,
  { boundaries }: Header,
  { edges: opened = [] }: Opening,
  cohort: ServingCohort | undefined,
): CommittedEdges {
  if (cohort === undefined) return { edges: [], members: [] };
  const { members, orderHash } = cohort;
  let next = 0;
  const values = boundaries.map((boundary) => (boundary === undefined ? undefined : opened[next++]));
  const edges = members.slice(0, -1).map(({ sessionKey: senderKey, firstLayer, layers }, place): CommittedEdge => {
    const boundary = boundaries[place];
    const isSigned =
      boundary !== undefined &&
      verifyBoundaryRoot(crypto, { orderHash, place, senderKey }, { ...boundary, orderHash, place });
    return { place, layer: firstLayer + layers, values: isSigned ? values[place] : undefined };
  });
  return { edges, members };
}

/** Lists the edges that a verifier has to show, as in a TextClaim. */
export const listShownLayers = ({ edges }: CommittedEdges): readonly number[] =>
  edges.flatMap(({ layer, values }) => (values === undefined ? [] : [layer]));

/**
 * Finds the reason that a report does not show the edges of its job; undefined if it does. A verifier that could score nothing shows none.
 * @param scored positions of the reply that the report scores.
 */
export function findReportedEdgesProblem(
  header: Header,
  { edges, promptTokenCount }: Pick<ScoreReport, 'edges' | 'promptTokenCount'>,
  { asked, scored }: { readonly asked: number; readonly scored: number },
): string | undefined {
  if (edges.length === 0) return undefined;
  if (edges.length !== asked) return `${edges.length} edges, and the job has ${asked}`;
  const positions = promptTokenCount + scored - 1;
  for (const [i, edge] of edges.entries()) {
    if (edge.positions !== positions) return `edge ${i} has ${edge.positions} positions, not ${positions}`;
    const problem = findShapeProblem(header, edge);
    if (problem !== undefined) return `edge ${i}: ${problem}`;
  }
  return undefined;
}

export interface EdgesVerdict {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** Place of the shard whose rows are wrong. */
  readonly culprit?: number;
  /** Whether equality decides about the leader, too: all rows before its layers are the verifier's own to the bit. */
  readonly isExact: boolean;
  /** Number of reported edges up to the one that a reject by equality rests on. */
  readonly differsAt?: number;
}

/**
 * Compares the edges of a cohort with those of a verifier of the whole model, in the order of the layers. The first wrong edge names its
 * sender. The sender has signed that it received the rows behind the root before it: stage 1 compares these statements
 * (checkBoundaryRoots). A shard without a root has signed for nothing, so the leader answers for it.
 * @param report with the edges of the job (findReportedEdgesProblem).
 */
export function compareEdges(
  { edges, members }: CommittedEdges,
  { sketchDirections: directions }: Pick<Header, 'sketchDirections'>,
  report: Pick<ScoreReport, 'exact' | 'numericClass' | 'edges'>,
): EdgesVerdict {
  const id = 'boundary';
  const checks: Check[] = [];
  const isSameClass = (places: number): boolean => members.slice(0, places).every((one) => isEqualityDue(report, one));
  let areEqual = true;
  let hasGap = false;
  let shown = 0;
  for (const { place, values } of edges) {
    const name = `shard ${place}`;
    if (values === undefined) {
      checks.push(skip(id, `${name} has signed no root, so the leader answers for its rows`));
      hasGap = true;
      continue;
    }
    const own = report.edges[shown++] as EdgeValues;
    const named = hasGap ? {} : { culprit: place };
    const isComparable = values.positions === own.positions;
    if (isComparable && isSameEdge(values, own)) {
      checks.push(pass(id, `${name}: the rows of ${own.positions} positions are equal bit for bit`));
      continue;
    }
    if (areEqual && isComparable && isSameClass(place + 1)) {
      checks.push(fail(id, `${name}: other rows than the verifier's, in the exact class ${report.numericClass}`));
      return { outcome: 'reject', checks, ...named, isExact: true, differsAt: shown };
    }
    areEqual = false;
    const distance = computeEdgeDistance(values, own, directions);
    const detail = `${name}: sketches of its rows are ${distance.toPrecision(3)} from the verifier's`;
    if (!(distance <= EDGE_LIMITS.reject)) {
      checks.push(fail(id, `${detail}, at most ${EDGE_LIMITS.reject}`));
      return { outcome: 'reject', checks, ...named, isExact: false };
    }
    if (distance > EDGE_LIMITS.doubt) {
      checks.push(skip(id, `undecided: ${detail}, and above ${EDGE_LIMITS.doubt} is in doubt`));
      return { outcome: 'inconclusive', checks, isExact: false };
    }
    checks.push(pass(id, detail));
  }
  return { outcome: 'accept', checks, isExact: areEqual && isSameClass(members.length) };
}

export const isSameEdge = (a: EdgeValues, b: EdgeValues): boolean =>
  a.rows.bytes === b.rows.bytes &&
  equalBytes(a.rows.root, b.rows.root) &&
  a.sketches.every((sketch, window) => equalBytes(sketch, b.sketches[window] as Uint8Array));

/** Computes the largest mean distance of a window of the rerun, relative L2. The claim has at least as many positions. */
export function computeEdgeDistance(claimed: EdgeValues, rerun: EdgeValues, directions: number): number {
  let worst = 0;
  for (const [window, sketch] of rerun.sketches.entries()) {
    const own = decodeSketch(sketch, { directions });
    const rows = decodeSketch(claimed.sketches[window] as Uint8Array, { directions });
    const sum = own.reduce((total, row, i) => total + computeSketchDistance(rows[i] as SketchRow, row), 0);
    worst = Math.max(worst, sum / own.length);
  }
  return worst;
}
