import { formatTime } from '../format.ts';
import { Table } from './parts.tsx';

/** A part of a bar. Parts of one name have one colour in all bars. */
export interface BarPart {
  readonly name: string;
  readonly value: number;
}

export interface Bar {
  readonly fromMs: number;
  /** From the bottom up. */
  readonly parts: readonly BarPart[];
}

const [WIDTH, HEIGHT, LEFT, TOP, FOOT] = [420, 190, 8, 18, 22];
const INNER = HEIGHT - TOP - FOOT;

/** Names of parts in the order in which they first appear, which is that of the colours. */
const listNames = (bars: readonly Bar[]): readonly string[] => [
  ...new Set(bars.flatMap(({ parts }) => parts.map(({ name }) => name))),
];

const sumOf = ({ parts }: Bar): number => parts.reduce((sum, { value }) => sum + value, 0);

/** Bars over time, with a legend, and with all numbers as a table one click behind. */
export function BarChart({
  title,
  bars,
  format,
}: {
  title: string;
  bars: readonly Bar[];
  format: (value: number) => string;
}) {
  const names = listNames(bars);
  const most = bars.reduce((max, bar) => Math.max(max, sumOf(bar)), 0);
  if (most === 0) return <p class="empty">Nothing to show in what was read.</p>;
  const slot = (WIDTH - 2 * LEFT) / bars.length;
  const [first, last] = [bars[0] as Bar, bars.at(-1) as Bar];
  return (
    <>
      <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img">
        <title>{`${title}: from ${formatTime(first.fromMs)} to ${formatTime(last.fromMs)}, at most ${format(most)}`}</title>
        <line class="axis" x1={LEFT} x2={WIDTH - LEFT} y1={TOP} y2={TOP} />
        <text x={LEFT} y={TOP - 5}>
          {format(most)}
        </text>
        {bars.map((bar, i) => (
          <OneBar
            key={bar.fromMs}
            bar={bar}
            names={names}
            most={most}
            x={LEFT + i * slot}
            width={slot}
            format={format}
          />
        ))}
        <line class="axis" x1={LEFT} x2={WIDTH - LEFT} y1={TOP + INNER} y2={TOP + INNER} />
        <text x={LEFT} y={HEIGHT - 6}>
          {formatTime(first.fromMs).slice(0, 16)}
        </text>
        {bars.length > 1 && (
          <text x={WIDTH - LEFT} y={HEIGHT - 6} text-anchor="end">
            {formatTime(last.fromMs).slice(0, 16)}
          </text>
        )}
      </svg>
      <ul class="legend">
        {names.map((name, i) => (
          <li key={name}>
            <i class={`part part-${i % 6}`} aria-hidden="true" /> {name}
          </li>
        ))}
      </ul>
      <details class="raw">
        <summary>All numbers</summary>
        <Table label={`Numbers of: ${title}`} head={['From, UTC', ...names]}>
          {bars
            .filter((bar) => sumOf(bar) > 0)
            .map((bar) => (
              <tr key={bar.fromMs}>
                <td>{formatTime(bar.fromMs).slice(0, 16)}</td>
                {names.map((name) => (
                  <td key={name}>{format(bar.parts.find((part) => part.name === name)?.value ?? 0)}</td>
                ))}
              </tr>
            ))}
        </Table>
      </details>
    </>
  );
}

function OneBar({
  bar,
  names,
  most,
  x,
  width,
  format,
}: {
  bar: Bar;
  names: readonly string[];
  most: number;
  x: number;
  width: number;
  format: (value: number) => string;
}) {
  let below = 0;
  const label = bar.parts.map(({ name, value }) => `${name}: ${format(value)}`).join(', ');
  return (
    <g>
      <title>{`${formatTime(bar.fromMs).slice(0, 16)}, ${label}`}</title>
      {bar.parts.map(({ name, value }) => {
        const height = (value / most) * INNER;
        below += height;
        return (
          <rect
            key={name}
            class={`part-${names.indexOf(name) % 6}`}
            x={x + width * 0.1}
            y={TOP + INNER - below}
            width={width * 0.8}
            height={height}
          />
        );
      })}
    </g>
  );
}
