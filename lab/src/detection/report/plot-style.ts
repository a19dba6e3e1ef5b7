import type { TopLevelSpec } from 'vega-lite';
import type { AttackRow } from '../results.ts';
import { compareText, formatPair } from '../standing.ts';

/** A figure of the page: a Vega-Lite specification that contains its data. */
export interface Figure {
  /** Name of its files, without the ending. */
  readonly name: string;
  /** The part of the page that shows it. */
  readonly part: 'attacks' | 'curves' | 'drift';
  readonly title: string;
  /** The result that the figure shows. */
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

/** A part of a specification. Vega-Lite exports no type for it alone. */
export type Layer = Readonly<Record<string, unknown>>;

export const FONT = 'Inter';

/** Okabe and Ito's colours, distinct for colour-blind readers too. Their yellow is left out: too light for a line. */
export const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'] as const;
export const [BLUE, ORANGE] = COLOURS;
export const GREY = '#8A8A8A';
/** Each line has its own dash as well as its own colour. */
export const DASHES = [
  [1, 0],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [12, 4],
  [4, 2],
  [6, 2, 2, 2, 2, 2],
] as const;

export const CONFIG = {
  background: '#FFFFFF',
  font: `${FONT}, Helvetica, Arial, sans-serif`,
  padding: 14,
  title: {
    fontSize: 15,
    fontWeight: 600,
    anchor: 'start',
    offset: 14,
    color: '#1A1A1A',
    subtitleFontSize: 12,
    subtitleColor: '#555555',
    subtitlePadding: 5,
  },
  axis: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
    titlePadding: 9,
    labelColor: '#333333',
    titleColor: '#333333',
    gridColor: '#E8E8E8',
    domainColor: '#8A8A8A',
    tickColor: '#8A8A8A',
    labelLimit: 400,
  },
  header: { labelFontSize: 12, labelFontWeight: 600, labelColor: '#1A1A1A', labelLimit: 500, titleFontSize: 0 },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
    titleLimit: 400,
    titleColor: '#333333',
    labelLimit: 400,
    symbolStrokeWidth: 2,
    symbolSize: 90,
    labelColor: '#333333',
  },
  view: { stroke: '#D0D0D0' },
} as const;

/** Pairs beside each other in one row of panels. */
const PANELS_A_ROW = 3;

export interface PanelOptions {
  readonly title: string;
  /** Meaning of the marks. */
  readonly subtitle: string;
  readonly data: readonly Layer[];
  readonly pairs: readonly string[];
  readonly width: number;
  /** Height of the whole panel, or of each line of a list. */
  readonly height: number | { readonly step: number };
  /** Reference lines, drawn once in every panel. */
  readonly frame?: readonly Layer[];
  readonly layer: readonly Layer[];
}

/** One panel for each pair, all with the same axes. The data field `pair` assigns a line to its panel. */
export function buildPanels({
  title,
  subtitle,
  data,
  pairs,
  width,
  height,
  frame = [],
  layer,
}: PanelOptions): TopLevelSpec {
  const rows = Array.from({ length: Math.ceil(pairs.length / PANELS_A_ROW) }, (_, i) =>
    pairs.slice(i * PANELS_A_ROW, (i + 1) * PANELS_A_ROW),
  );
  const panel = [
    ...frame.map((each) => restrict('datum.isFrame', each)),
    ...layer.map((each) => restrict('!datum.isFrame', each)),
  ];
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: title, subtitle },
    config: CONFIG,
    data: { values: [...pairs.map((pair) => ({ pair, isFrame: true })), ...data] },
    spacing: 24,
    vconcat: rows.map((names) => ({
      transform: [{ filter: { field: 'pair', oneOf: names } }],
      facet: { column: { field: 'pair', type: 'nominal', sort: names, title: null } },
      spacing: 18,
      spec: { width, height, layer: panel },
    })),
  };
  return spec as unknown as TopLevelSpec;
}

const restrict = (filter: string, layer: Layer): Layer => ({
  ...layer,
  transform: [{ filter }, ...((layer.transform as readonly unknown[]) ?? [])],
});

/** Width of the names beside an axis: a little more than the font's mean character width allows. */
export const nameExtent = (names: readonly string[]): number =>
  8 + 6.7 * Math.max(0, ...names.map(({ length }) => length));

export interface SoldGroup {
  readonly weights: string;
  readonly rows: readonly AttackRow[];
  readonly pairs: readonly string[];
}

/** Attacks by sold weight type; only those with values to compare. */
export function groupByWeights(attacks: readonly AttackRow[]): SoldGroup[] {
  const kinds = [...new Set(attacks.map(({ weights }) => weights))].sort(compareText);
  return kinds
    .map((weights) => {
      const rows = attacks.filter((row) => row.weights === weights && row.perWindow.length > 0);
      return { weights, rows, pairs: [...new Set(rows.map(formatPair))] };
    })
    .filter(({ rows }) => rows.length > 0);
}

/** Names, largest key first. A name that occurs in several pairs counts with its smallest key. */
export function sortNames(rows: readonly AttackRow[], key: (row: AttackRow) => number): string[] {
  const keys = new Map<string, number>();
  for (const row of rows) keys.set(row.attack, Math.min(key(row), keys.get(row.attack) ?? Number.POSITIVE_INFINITY));
  return [...keys].sort(([a, x], [b, y]) => y - x || compareText(a, b)).map(([name]) => name);
}
