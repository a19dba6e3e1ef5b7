import type { TopLevelSpec } from 'vega-lite';
import type { AttackRow, ComparedPair, DetectionResults, HonestRow } from '../results.ts';
import { formatPair } from '../standing.ts';
import { BLUE, CONFIG, type Figure, GREY, type Layer, nameExtent, ORANGE } from './plot-style.ts';

const SCORES = [
  ['sketch', 'sketch distance per window'],
  ['logprob', 'log-probability shift per window, nats'],
] as const;

const TITLE = 'Honest drift, and where attacks lie';

/** The thresholds that the whitepaper fixes for every class and weight type. */
const FIXED = 0.1;

/** Honest drift per pair, with the attacks on the same pair above it. */
export function plotDrift({ honest: all, attacks: main, otherPairs }: DetectionResults): Figure[] {
  const attacks = [...main, ...otherPairs];
  const attacked = new Set(attacks.map(nameRow));
  // The first row of a pair is the model that attacks are played on; other models and prompts are in honest.csv.
  const honest = all.filter(
    (row, i) => attacked.has(nameRow(row)) && all.findIndex((each) => nameRow(each) === nameRow(row)) === i,
  );
  if (honest.length === 0) return [];
  const names = honest.map(nameRow);
  const panels = SCORES.map(([score, title], i) =>
    buildPanel({ honest, attacks, score, title, names, hasNames: i === 0 }),
  );
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: TITLE, subtitle: 'Per window of 32 tokens, on a logarithmic axis.' },
    config: CONFIG,
    spacing: 20,
    hconcat: panels,
  };
  return [
    {
      name: 'drift',
      part: 'drift',
      title: TITLE,
      caption:
        'One line per pair shows the honest median (dot) and its way to the largest window (bar) with the 99 % quantile (tick). ' +
        'A diamond is the median of an attack on the same pair. Where a diamond lies inside a bar, distance alone does not separate it. The dashed ' +
        'line is the fixed 0.10: attacks left of it pass there.',
      spec: spec as unknown as TopLevelSpec,
    },
  ];
}

const nameRow = ({ weights, ...pair }: ComparedPair): string => `${weights}  ${formatPair({ weights, ...pair })}`;

interface PanelInput {
  readonly honest: readonly HonestRow[];
  readonly attacks: readonly AttackRow[];
  readonly score: 'sketch' | 'logprob';
  readonly title: string;
  readonly names: readonly string[];
  readonly hasNames: boolean;
}

function buildPanel({ honest, attacks, score, title, names, hasNames }: PanelInput): Layer {
  const medians = attacks.flatMap((row) =>
    row.medians === undefined || !names.includes(nameRow(row))
      ? []
      : [{ pair: nameRow(row), median: row.medians[score] }],
  );
  const all = [...honest.flatMap(({ scores }) => Object.values(scores[score])), ...medians.map(({ median }) => median)];
  const positive = all.filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(Math.min(FIXED, ...positive)) - 0.001);
  const high = 10 ** Math.ceil(Math.log10(Math.max(FIXED, ...positive)));
  const place = (value: number): number => Math.max(value, low);
  const rows = honest.map((row) => {
    const { median, p99, max } = row.scores[score];
    return { pair: nameRow(row), median: place(median), p99: place(p99), max: place(max), isZero: max === 0 };
  });
  const marks = medians.map(({ pair, median }) => ({ pair, median: place(median) }));
  const extent = nameExtent(names);
  const y = {
    field: 'pair',
    type: 'nominal',
    scale: { domain: names },
    axis: hasNames
      ? { title: null, grid: true, ticks: false, minExtent: extent, maxExtent: extent }
      : { title: null, grid: true, ticks: false, labels: false, minExtent: 0 },
  };
  const x = {
    type: 'quantitative',
    scale: { type: 'log', domain: [low, high], nice: false },
    axis: { title, values: decades(low, high), format: '~g' },
  };
  const fixed = { ...x, datum: FIXED };
  const kind = (datum: string): Layer => ({
    datum,
    type: 'nominal',
    scale: { domain: [HONEST, ATTACKS], range: [BLUE, ORANGE] },
    legend: { title: null, orient: 'top', direction: 'horizontal', symbolType: 'circle', symbolOpacity: 1 },
  });
  const layer = (values: readonly Layer[], mark: Layer, encoding: Layer): Layer => ({
    data: { values },
    mark,
    encoding: { y, ...encoding },
  });
  return {
    width: 400,
    height: { step: 30 },
    layer: [
      layer([{}], { type: 'rule', color: GREY, strokeDash: [6, 4], strokeWidth: 1.4 }, { x: fixed, y: undefined }),
      layer(
        [{}],
        { type: 'text', text: 'fixed 0.10', dy: -8, fontSize: 11, color: '#555555' },
        { x: fixed, y: { value: 0 } },
      ),
      layer(
        rows,
        { type: 'rule', strokeWidth: 5, opacity: 0.35, yOffset: -5 },
        { x: { ...x, field: 'median' }, x2: { field: 'max' }, color: kind(HONEST) },
      ),
      layer(
        marks,
        { type: 'point', shape: 'diamond', size: 46, strokeWidth: 1.3, opacity: 0.9, yOffset: 7 },
        { x: { ...x, field: 'median' }, color: kind(ATTACKS) },
      ),
      layer(
        rows,
        { type: 'tick', thickness: 2, size: 12, yOffset: -5 },
        { x: { ...x, field: 'p99' }, color: kind(HONEST) },
      ),
      layer(
        rows,
        { type: 'point', filled: true, size: 55, opacity: 1, yOffset: -5 },
        { x: { ...x, field: 'median' }, color: kind(HONEST) },
      ),
      layer(
        rows.filter(({ isZero }) => isZero),
        { type: 'text', text: 'exactly 0', align: 'left', dx: 9, yOffset: -5, fontSize: 11, color: BLUE },
        { x: { ...x, field: 'median' } },
      ),
    ],
  };
}

const HONEST = 'honest: median, 99 % quantile, largest';
const ATTACKS = 'attacks on the same pair: medians';

function decades(low: number, high: number): number[] {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}
