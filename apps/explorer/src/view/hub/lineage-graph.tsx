import type { OriginRow } from '../../data/hub-card.ts';
import { shorten } from '../../format.ts';
import { Card, Table } from '../parts.tsx';
import { type LineageNode, layOutLineage } from './lineage-layout.ts';

const [COLUMN, ROW, WIDTH, HEIGHT, GAP] = [300, 64, 190, 42, 8];
const MAX_LABEL = 24;

/** The models that one was made from, as their manifests say, with all facts as a table one click behind. */
export function LineageGraph({
  model,
  root,
  edges,
}: {
  model: string;
  root: string;
  edges: readonly OriginRow[] | undefined;
}) {
  if (edges === undefined || edges.length === 0)
    return (
      <Card title="Lineage" wide>
        <p class="empty">
          {edges === undefined
            ? 'The lineage is not read.'
            : 'The manifest names no model that this one was made from.'}
        </p>
      </Card>
    );
  const nodes = layOutLineage({ model, root, edges });
  const columns = Math.max(...nodes.map(({ column }) => column)) + 1;
  const rows = Math.max(...nodes.map(({ row }) => row)) + 1;
  const at = new Map(nodes.map((node) => [node.root, node]));
  return (
    <Card title="Lineage" wide>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Graph of the lineage">
        <svg class="lineage" width={columns * COLUMN - COLUMN + WIDTH + GAP} height={rows * ROW} role="img">
          <title>{`Lineage of ${model}: ${edges.map((edge) => describeEdge(edge, at)).join('; ')}`}</title>
          {edges.map((edge) => (
            <Line
              key={`${edge.of} ${edge.modelRoot}`}
              from={at.get(edge.of)}
              to={at.get(edge.modelRoot)}
              label={edge.relation}
            />
          ))}
          {nodes.map((node) => (
            <g key={node.root} transform={`translate(${node.column * COLUMN + GAP / 2} ${node.row * ROW + GAP})`}>
              <rect width={WIDTH} height={HEIGHT} rx="8" class={node.root === root ? 'own' : ''} />
              <text x="10" y="26">
                {cut(node.label)}
              </text>
            </g>
          ))}
        </svg>
      </section>
      <details class="raw">
        <summary>All origins</summary>
        <Table label="Origins" head={['Model', 'Relation', 'Origin', 'Licence of the origin']}>
          {edges.map((edge) => (
            <tr key={`${edge.of} ${edge.modelRoot}`}>
              <td>{at.get(edge.of)?.label}</td>
              <td>{edge.relation}</td>
              <td>
                {edge.name === undefined ? (
                  <code>{shorten(edge.modelRoot)}</code>
                ) : (
                  <a href={`#/hub/${edge.name}`}>{edge.name}</a>
                )}
              </td>
              <td>{edge.licence}</td>
            </tr>
          ))}
        </Table>
      </details>
    </Card>
  );
}

const cut = (label: string): string => (label.length <= MAX_LABEL ? label : `${label.slice(0, MAX_LABEL - 1)}…`);

const describeEdge = ({ of, modelRoot, relation }: OriginRow, at: ReadonlyMap<string, LineageNode>): string =>
  `${at.get(of)?.label} is ${relation} ${at.get(modelRoot)?.label}`;

/** A line from a model to its origin, in the column right of it. */
function Line({ from, to, label }: { from: LineageNode | undefined; to: LineageNode | undefined; label: string }) {
  if (from === undefined || to === undefined) return null;
  const middle = GAP + HEIGHT / 2;
  const [x1, y1] = [from.column * COLUMN + WIDTH, from.row * ROW + middle];
  const [x2, y2] = [to.column * COLUMN + GAP / 2, to.row * ROW + middle];
  const middleX = (x1 + x2) / 2;
  return (
    <>
      <path d={`M${x1} ${y1} C${middleX} ${y1} ${middleX} ${y2} ${x2} ${y2}`} />
      <text class="relation" x={x2 - 6} y={y2 - 6} text-anchor="end">
        {label}
      </text>
    </>
  );
}
