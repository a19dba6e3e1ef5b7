interface PlotProps {
  readonly scores: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** The part of the replies below each value. */
  readonly quantiles: readonly number[];
}

const [WIDTH, LABEL, ROW, FOOT] = [760, 150, 22, 34];
const TICKS = 6;

/** Of each score a line from its least to its largest quantile, a box around the middle nine tenths, and a mark at the median. */
export function DriftPlot({ scores, quantiles }: PlotProps) {
  const all = scores.flatMap(({ values }) => values);
  const [low, high] = [Math.floor(Math.min(...all, 0)), Math.ceil(Math.max(...all, 1))];
  const x = (value: number): number => LABEL + ((value - low) / (high - low)) * (WIDTH - LABEL - 16);
  const at = (values: readonly number[], quantile: number): number => values[quantiles.indexOf(quantile)] ?? 0;
  const height = scores.length * ROW + FOOT;
  const step = Math.max(1, Math.ceil((high - low) / TICKS));
  const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
  const [least, most] = [quantiles[0] as number, quantiles.at(-1) as number];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label="Plot of the scores">
      <svg class="plot" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-labelledby="drift-plot-title">
        <title id="drift-plot-title">
          {scores.map(({ name, values }) => `${name}: median ${at(values, 0.5).toFixed(2)}`).join('; ')}
        </title>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={x(tick)} x2={x(tick)} y1={0} y2={height - FOOT} />
            <text x={x(tick)} y={height - FOOT + 16} text-anchor="middle">
              {tick}
            </text>
          </g>
        ))}
        {scores.map(({ name, values }, i) => {
          const y = i * ROW + ROW / 2;
          return (
            <g key={name}>
              <text x={LABEL - 10} y={y + 4} text-anchor="end">
                {name}
              </text>
              <line class="whisker" x1={x(at(values, least))} x2={x(at(values, most))} y1={y} y2={y} />
              <rect
                class="box"
                x={x(at(values, 0.05))}
                y={y - 6}
                width={Math.max(1, x(at(values, 0.95)) - x(at(values, 0.05)))}
                height={12}
              />
              <line class="median" x1={x(at(values, 0.5))} x2={x(at(values, 0.5))} y1={y - 8} y2={y + 8} />
            </g>
          );
        })}
        <text x={LABEL} y={height - 2}>
          {`line: ${least} to ${most} of honest replies; box: 0.05 to 0.95; mark: half. Most scores are natural logarithms.`}
        </text>
      </svg>
    </section>
  );
}
