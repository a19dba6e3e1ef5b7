import type { TopLevelSpec } from 'vega-lite';
import { drawFigure } from '../detection/report/draw-figure.ts';
import { COLOURS, CONFIG, DASHES } from '../detection/report/plot-style.ts';
import type { Curves } from './finding.ts';

function toSpec({ title, xTitle, yTitle, logX, points }: Curves): TopLevelSpec {
  const names = [...new Set(points.map(({ curve }) => curve))];
  const scale = { domain: names };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    ...{ config: CONFIG, width: 460, height: 240, title, data: { values: [...points] } },
    mark: { type: 'line', strokeWidth: 2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: xTitle, ...(logX && { scale: { type: 'log' } }) },
      y: { field: 'y', type: 'quantitative', title: yTitle },
      color: {
        ...{ field: 'curve', type: 'nominal', title: null, legend: names.length > 1 ? { orient: 'bottom' } : null },
        scale: { ...scale, range: COLOURS.slice(0, names.length) },
      },
      strokeDash: {
        ...{ field: 'curve', type: 'nominal', title: null },
        scale: { ...scale, range: DASHES.slice(0, names.length).map((dash) => [...dash]) },
      },
    },
  } as TopLevelSpec;
}

/** @returns SVG, the same bytes each time. */
export const drawCurves = (curves: Curves): Promise<string> => drawFigure({ spec: toSpec(curves) });
