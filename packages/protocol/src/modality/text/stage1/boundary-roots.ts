import { equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { computeEdgeRoot, type EdgeValues, sizeOfWindow, widthOf } from '../../../commitment/edge-values.ts';
import type { Opening } from '../../../commitment/opening.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { Header } from '../commitment/header.ts';
import { countSketched } from '../commitment/window.ts';

/** Positions of an edge: all tokens of prompt and reply but the last one, which no row follows. */
const countNeeded = ({ promptTokenCount, outputTokenCount }: Header): number => promptTokenCount + outputTokenCount - 1;

/**
 * Checks that the opening shows the values behind each root that the header lists, and that these are edges of the reply
 * (docs/spec/boundary.md#audit). The record commits to the roots alone, so other values are no opening of it (`boundary-roots`). Values
 * behind a listed root that cannot be the reply's refute the record (`boundary-form`).
 * @returns no check if there are neither roots nor edges.
 */
export function checkBoundaryRoots(crypto: Crypto, header: Header, { edges = [], blind }: Opening): readonly Check[] {
  const id = 'boundary-roots';
  const listed = header.boundaries.flatMap((boundary, place) =>
    boundary === undefined ? [] : [{ ...boundary, place }],
  );
  if (listed.length === 0 && edges.length === 0) return [];
  if (listed.length !== edges.length) return [fail(id, `${edges.length} edges for ${listed.length} listed roots`)];
  for (const [i, { place, positions, root }] of listed.entries()) {
    const edge = edges[i] as EdgeValues;
    if (edge.positions !== positions)
      return [fail(id, `shard ${place}: ${edge.positions} positions, and its root is about ${positions}`)];
    if (!equalBytes(computeEdgeRoot(crypto, edge, blind), root))
      return [fail(id, `shard ${place}: its root is about other values`)];
  }
  const opened = pass(id, `${edges.length} edges have the roots that the header lists`);
  return [opened, checkForm(header, edges)];
}

function checkForm(header: Header, edges: readonly EdgeValues[]): Check {
  const id = 'boundary-form';
  const needed = countNeeded(header);
  for (const [i, edge] of edges.entries()) {
    if (edge.positions !== needed)
      return fail(id, `edge ${i}: ${edge.positions} positions, and the reply has ${needed}`);
    const problem = findShapeProblem(header, edge);
    if (problem !== undefined) return fail(id, `edge ${i}: ${problem}`);
  }
  return pass(id, `${edges.length} edges have rows for all positions of the reply`);
}

/** Finds the reason that an edge is none of this reply; undefined if its rows and sketches have the sizes of the header. */
export function findShapeProblem(header: Header, edge: EdgeValues): string | undefined {
  const { embeddingSize, sketchDirections: directions } = header;
  if (widthOf(edge) !== embeddingSize) return `rows of ${widthOf(edge)} values, not ${embeddingSize}`;
  try {
    for (const [window, sketch] of edge.sketches.entries()) {
      if (countSketched(sketch, { directions }) !== sizeOfWindow(edge.positions, window))
        return `window ${window} has another number of sketches`;
    }
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}
