import type { OriginRow } from '../../data/hub-card.ts';
import { shorten } from '../../format.ts';

/** A model in the graph. */
export interface LineageNode {
  readonly root: string;
  readonly label: string;
  /** Generations behind the shown model, from 0. */
  readonly column: number;
  /** Place within the column, from 0. */
  readonly row: number;
}

/** Places each model once, in the column of the first edge that reaches it. Origins without a way to the shown model are left out. */
export function layOutLineage({
  model,
  root,
  edges,
}: {
  readonly model: string;
  readonly root: string;
  readonly edges: readonly OriginRow[];
}): readonly LineageNode[] {
  const nodes = new Map<string, LineageNode>([[root, { root, label: model, column: 0, row: 0 }]]);
  const counts = [1];
  for (let column = 1; counts[column - 1] !== 0; column++) {
    counts[column] = 0;
    for (const edge of edges) {
      if (nodes.get(edge.of)?.column !== column - 1 || nodes.has(edge.modelRoot)) continue;
      const label = edge.name ?? shorten(edge.modelRoot);
      nodes.set(edge.modelRoot, { root: edge.modelRoot, label, column, row: counts[column] as number });
      counts[column] = (counts[column] as number) + 1;
    }
  }
  return [...nodes.values()];
}
