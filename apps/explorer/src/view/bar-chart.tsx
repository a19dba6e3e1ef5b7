import { chooseTicks } from '../data/series.ts';
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

/** Units of the drawing, which is stretched to the width of its card. */
const [WIDTH, HEIGHT] = [1000, 100];
/** Few bars are no wider than these. */
const LEAST_SLOTS = 8;

/** Colours of parts that are verdicts. Other parts have the colours of data. */
const TONES: Readonly<Record<string, string>> = {
  ...{ accept: 'tone-pass', settled: 'tone-pass', reject: 'tone-fail' },
  ...{ inconclusive: 'tone-wait', 'not settled yet': 'tone-wait' },
};
const toneOf = (names: readonly string[], name: string): string =>
  TONES[name] ?? `part-${names.filter((one) => TONES[one] === undefined).indexOf(name) % 6}`;

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
  const ticks = chooseTicks(most);
  const top = ticks.at(-1) as number;
  const slot = WIDTH / Math.max(bars.length, LEAST_SLOTS);
  const [first, last] = [bars[0] as Bar, bars.at(-1) as Bar];
  const label = `${title}: from ${formatTime(first.fromMs)} to ${formatTime(last.fromMs)}, at most ${format(most)}`;
  return (
    <>
      <div class="chart" role="img" aria-label={label}>
        <ol class="ticks">
          {ticks.map((tick) => (
            <li key={tick} style={{ bottom: `${(tick / top) * 100}%` }}>
              {format(tick)}
            </li>
          ))}
        </ol>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {ticks.map((tick) => {
            const y = HEIGHT - (tick / top) * HEIGHT;
            return <line key={tick} class="axis" x1={0} x2={WIDTH} y1={y} y2={y} />;
          })}
          {bars.map((bar, i) => (
            <OneBar key={bar.fromMs} bar={bar} names={names} top={top} x={i * slot} width={slot} format={format} />
          ))}
        </svg>
        <p class="span">
          <span>{formatTime(first.fromMs).slice(0, 16)}</span>
          {bars.length > 1 && <span>{formatTime(last.fromMs).slice(0, 16)}</span>}
        </p>
      </div>
      <ul class="legend">
        {names.map((name) => (
          <li key={name}>
            <i class={`part ${toneOf(names, name)}`} aria-hidden="true" /> {name}
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
  top,
  x,
  width,
  format,
}: {
  bar: Bar;
  names: readonly string[];
  top: number;
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
        const height = (value / top) * HEIGHT;
        below += height;
        return (
          <rect
            key={name}
            class={toneOf(names, name)}
            x={x + width * 0.1}
            y={HEIGHT - below}
            width={width * 0.8}
            height={height}
          />
        );
      })}
    </g>
  );
}
