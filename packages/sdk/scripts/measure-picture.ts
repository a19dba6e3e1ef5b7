// Measures stage 1 of a picture in headless Chromium: reads a committed picture as JSON on standard input, writes milliseconds.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBrowserPage, whyNoBrowser } from './browser-page.ts';
import { bundle } from './build.ts';
import type { PictureInput } from './picture-check.ts';

type PageGlobal = { readonly ogong: typeof import('./picture-check.ts') };

const RUNS = 15;

/** The least of some runs, ms: others' work on the machine only adds. @throws if a check fails */
async function measurePictureInPage(input: PictureInput): Promise<number> {
  const browser = await openBrowserPage(await bundle(fileURLToPath(new URL('./picture-check.ts', import.meta.url))));
  try {
    return await browser.page.evaluate(timeInPage, { input, runs: RUNS });
  } finally {
    await browser.close();
  }
}

/** Runs in the page, and so sees nothing outside of it. */
function timeInPage({ input, runs }: { readonly input: PictureInput; readonly runs: number }): number {
  const { checkPicture } = (globalThis as unknown as PageGlobal).ogong;
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    const failed = checkPicture(input);
    if (failed.length > 0) throw new Error(`the picture fails ${failed.join(', ')}`);
    times.push(performance.now() - startMs);
  }
  return Math.min(...times);
}

const missing = whyNoBrowser();
const input = JSON.parse(readFileSync(0, 'utf8')) as PictureInput;
console.log(JSON.stringify(missing === undefined ? { ms: await measurePictureInPage(input) } : { missing }));
