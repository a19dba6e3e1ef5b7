import * as vega from 'vega';
import { compile } from 'vega-lite';
import type { Figure } from './plot-style.ts';

/** Mean width of a character of the font, in its size: Vega's own guess without a canvas is half as wide again. */
const CHARACTER_WIDTH = 0.56;

interface TextItem {
  readonly text?: unknown;
  readonly fontSize?: number;
}

// Not in Vega's types, though meant to be replaced.
const { textMetrics } = vega as unknown as { textMetrics: { width(item: TextItem, text?: unknown): number } };
textMetrics.width = (item, text) => String(text ?? item.text ?? '').length * CHARACTER_WIDTH * (item.fontSize ?? 11);

/** Draws as SVG, without a browser; the same data give the same bytes on every machine. */
export async function drawFigure({ spec }: Pick<Figure, 'spec'>): Promise<string> {
  // Names of clip paths are counted per process, so they would depend on earlier figures.
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  try {
    return `${shrinkSvg(await view.toSVG())}\n`;
  } finally {
    view.finalize();
  }
}

/** Removes roles and labels, since a page says in words what its picture shows, and digits that no screen shows. */
const shrinkSvg = (svg: string): string =>
  svg
    .replace(/ (?:role|aria-hidden|aria-label)="[^"]*"/g, '')
    .replace(/ (?:d|transform)="[^"]*"/g, (place) => place.replace(/(\.\d\d)\d+/g, '$1'));
