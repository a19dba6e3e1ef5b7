import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import * as vega from 'vega';
import { compile } from 'vega-lite';
import { type Figure, FONT } from './plot-style.ts';

export interface Drawing {
  readonly svg: string;
  readonly png: Uint8Array;
}

/** Pixels of the PNG for one of the SVG. */
const ZOOM = 2;

/** Mean width of a character of the font, in its size: Vega's own guess without a canvas is half as wide again. */
const CHARACTER_WIDTH = 0.56;

interface TextItem {
  readonly text?: unknown;
  readonly fontSize?: number;
}

// Not in Vega's types, though meant to be replaced.
const { textMetrics } = vega as unknown as { textMetrics: { width(item: TextItem, text?: unknown): number } };
textMetrics.width = (item, text) => String(text ?? item.text ?? '').length * CHARACTER_WIDTH * (item.fontSize ?? 11);

/** Draws without a browser; the font comes with the project, so that a picture is the same on every machine. */
export async function drawFigure({ spec }: Figure): Promise<Drawing> {
  // Names of clip paths count on through the process: they would differ with what was drawn before.
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    return { svg: `${svg}\n`, png: drawPng(svg) };
  } finally {
    view.finalize();
  }
}

function drawPng(svg: string): Uint8Array {
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: ZOOM },
    font: { loadSystemFonts: false, fontFiles: findFonts(), defaultFontFamily: FONT },
  }).render();
  return image.asPng();
}

function findFonts(): string[] {
  const require = createRequire(import.meta.url);
  return [
    require.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf'),
    require.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf'),
  ];
}
