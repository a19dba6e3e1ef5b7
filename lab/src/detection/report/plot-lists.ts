import type { AttackRow } from '../results.ts';
import { formatPair, strictestCatch } from '../standing.ts';
import { formatRate } from './number-text.ts';
import {
  BLUE,
  buildPanels,
  COLOURS,
  type Figure,
  groupByWeights,
  type Layer,
  nameExtent,
  ORANGE,
  sortNames,
} from './plot-style.ts';

/** Per sold weight type, how much of each attack 32 tokens show: all attacks, the hardest at the bottom. */
export function plotCatchRates(attacks: readonly AttackRow[]): Figure[] {
  return groupByWeights(attacks).map(({ weights, rows, pairs }) => {
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
      caption:
        'Each line is an attack, the hardest at the bottom; the bar is the 95 % interval; a hollow mark stands on a fitted tail. ' +
        'What the values alone separate within 32 tokens stands at the right edge; what stands left of it needs more tokens, ' +
        'another check, or passes. What leaves no values to compare is in the tables alone.',
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

/** Per sold weight type, tokens of one provider until it is decided. */
export function plotDecisions(attacks: readonly AttackRow[]): Figure[] {
  return groupByWeights(attacks).map(({ weights, rows, pairs }) => {
    const names = sortNames(rows, ({ tokensToDecide }) => -(tokensToDecide?.median ?? Number.POSITIVE_INFINITY));
    const decided = rows.flatMap(({ tokensToDecide }) => (tokensToDecide === undefined ? [] : [tokensToDecide]));
    const last = 10 ** Math.ceil(Math.log10(2 * Math.max(100, ...decided.map(({ median, p90 }) => p90 ?? median))));
    const data: Layer[] = rows.map((row) => ({
      attack: row.attack,
      pair: formatPair(row),
      median: Math.max(1, row.tokensToDecide?.median ?? last),
      p90: Math.max(1, row.tokensToDecide?.p90 ?? last),
      outcome: row.tokensToDecide === undefined ? 'not reached in this run' : 'decided',
    }));
    const y = {
      field: 'attack',
      type: 'nominal',
      scale: { domain: names },
      axis: { title: null, grid: true, ticks: false, minExtent: nameExtent(names), maxExtent: nameExtent(names) },
    };
    const x = {
      type: 'quantitative',
      scale: { type: 'log', domain: [1, last], nice: false },
      axis: { title: 'tokens of one provider', format: ',', values: decadesTo(last) },
    };
    const outcomes = ['decided', 'not reached in this run'];
    const title = `Tokens until the evidence reaches 1,000,000 to 1: sold as ${weights}`;
    return {
      name: `tokens-${weights}`,
      part: 'attacks',
      title,
      caption:
        'Tokens of one provider: the mark is the median, the bar ends at the 90 % quantile over orders of its replies. ' +
        'Each step to the right is ten times as many tokens; a cross at the edge was not decided within the replies of this run.',
      spec: buildPanels({
        title,
        subtitle: 'Mark: median. Bar: up to the 90 % quantile, over orders of the replies.',
        data,
        pairs,
        width: panelWidth(pairs),
        height: { step: 20 },
        layer: [
          {
            mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.55, color: BLUE },
            encoding: { y, x: { ...x, field: 'median' }, x2: { field: 'p90' } },
          },
          {
            mark: { type: 'point', size: 60, strokeWidth: 1.8, opacity: 1 },
            encoding: {
              ...{ y, x: { ...x, field: 'median' } },
              color: {
                field: 'outcome',
                type: 'nominal',
                scale: { domain: outcomes, range: [BLUE, ORANGE] },
                legend: LEGEND,
              },
              fill: {
                field: 'outcome',
                type: 'nominal',
                scale: { domain: outcomes, range: [BLUE, ORANGE] },
                legend: LEGEND,
              },
              shape: {
                field: 'outcome',
                type: 'nominal',
                scale: { domain: outcomes, range: ['circle', CROSS] },
                legend: LEGEND,
              },
            },
          },
        ],
      }),
    };
  });
}

const LEGEND = { title: null, orient: 'top', direction: 'horizontal' } as const;
/** Two strokes, in a box of two units. */
const CROSS = 'M-0.7,-0.7L0.7,0.7M0.7,-0.7L-0.7,0.7';

const panelWidth = (pairs: readonly string[]): number => (pairs.length === 1 ? 460 : pairs.length === 2 ? 330 : 260);

const decadesTo = (last: number): number[] =>
  Array.from({ length: Math.round(Math.log10(last)) + 1 }, (_, i) => 10 ** i);
