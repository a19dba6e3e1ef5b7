import type { AttackRow } from '../results.ts';
import { formatPair, strictestCatch } from '../standing.ts';
import { formatRate } from './number-text.ts';
import { buildPanels, COLOURS, type Figure, groupByWeights, nameExtent, sortNames } from './plot-style.ts';

const CAPTION =
  'Each line is an attack, the hardest at the bottom; the bar is the 95 % interval; a hollow mark stands on a fitted tail. Attacks that the values alone show ' +
  'within 32 tokens are at the right edge; those left of it need more tokens or another check. Attacks that leave no values to compare are not drawn.';

/** Catch rates at 32 tokens for each sold weight type: all attacks, the hardest at the bottom. */
export function plotCatchRates(attacks: readonly AttackRow[]): Figure[] {
  return groupByWeights(attacks).map(({ weights, rows, pairs }, i) => {
    const names = sortNames(rows, (row) => strictestCatch(row)?.caught.value ?? 0);
    const rates = [...new Set(rows.flatMap(({ perWindow }) => perWindow.map((each) => each.falseRejectRate)))]
      .sort((a, b) => b - a)
      .map(formatRate);
    const colourOf = (rate: number): string => COLOURS[rates.indexOf(formatRate(rate)) % COLOURS.length] as string;
    const data = rows.flatMap((row) =>
      row.perWindow.map(({ falseRejectRate, caught, extrapolated }) => ({
        attack: row.attack,
        pair: formatPair(row),
        rate: formatRate(falseRejectRate),
        fill: extrapolated ? '#FFFFFF' : colourOf(falseRejectRate),
        caught: caught.value,
        low: caught.low,
        high: caught.high,
      })),
    );
    const y = {
      field: 'attack',
      type: 'nominal',
      scale: { domain: names },
      axis: { title: null, grid: true, ticks: false, minExtent: nameExtent(names), maxExtent: nameExtent(names) },
    };
    const yOffset = { field: 'rate', type: 'nominal', scale: { domain: rates } };
    const color = {
      field: 'rate',
      type: 'nominal',
      scale: { domain: rates, range: rates.map((_, i) => COLOURS[i % COLOURS.length]) },
      legend: {
        ...LEGEND,
        title: 'honest windows rejected:',
        titleOrient: 'left',
        symbolType: 'stroke',
        symbolSize: 300,
      },
    };
    const x = {
      type: 'quantitative',
      scale: { domain: [0, 1] },
      axis: { format: '.0%', values: [0, 0.25, 0.5, 0.75, 1], title: 'windows of 32 tokens rejected' },
    };
    const title = `Caught per 32 tokens, by the values alone: sold as ${weights}`;
    return {
      name: `caught-${weights}`,
      part: 'attacks',
      title,
      caption: i === 0 ? CAPTION : 'The same attacks, where this is what was sold.',
      spec: buildPanels({
        title,
        subtitle: 'Bar: 95 % interval. Filled: threshold seen on honest windows. Hollow: threshold on a fitted tail.',
        data,
        pairs,
        width: panelWidth(pairs),
        height: { step: 11 },
        layer: [
          {
            mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.55 },
            encoding: { y, yOffset, color, x: { ...x, field: 'low' }, x2: { field: 'high' } },
          },
          {
            mark: { type: 'point', size: 38, strokeWidth: 1.5, opacity: 1 },
            encoding: {
              ...{ y, yOffset, color, x: { ...x, field: 'caught' } },
              fill: { field: 'fill', type: 'nominal', scale: null },
            },
          },
        ],
      }),
    };
  });
}

const LEGEND = { title: null, orient: 'top', direction: 'horizontal' } as const;
const panelWidth = (pairs: readonly string[]): number => (pairs.length === 1 ? 460 : pairs.length === 2 ? 330 : 260);
