// Measures stage 1 of a picture in headless Chromium: reads a committed picture as JSON on standard input, writes milliseconds.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBrowserPage, whyNoBrowser } from './browser-page.ts';
import { bundle } from './build.ts';
import type { PictureInput } from './picture-check.ts';

type PageGlobal = { readonly ogong: typeof import('./picture-check.ts') };

const WARM_RUNS = 5;
const RUNS = 15;

/** Time that the page's thread spends on a core for one picture, ms: the mean of several runs. @throws if a check fails */
async function measurePictureInPage(input: PictureInput): Promise<number> {
  const browser = await openBrowserPage(await bundle(fileURLToPath(new URL('./picture-check.ts', import.meta.url))));
  try {
    const session = await browser.page.context().newCDPSession(browser.page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const readMs = async (): Promise<number> => {
      const { metrics } = await session.send('Performance.getMetrics');
      return 1000 * (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN);
    };
    await browser.page.evaluate(checkInPage, { input, runs: WARM_RUNS });
    const startMs = await readMs();
    await browser.page.evaluate(checkInPage, { input, runs: RUNS });
    return ((await readMs()) - startMs) / RUNS;
  } finally {
    await browser.close();
  }
}

/** Runs in the page, and so sees nothing outside of it. */
function checkInPage({ input, runs }: { readonly input: PictureInput; readonly runs: number }): void {
  const { checkPicture } = (globalThis as unknown as PageGlobal).ogong;
  for (let run = 0; run < runs; run++) {
    const failed = checkPicture(input);
    if (failed.length > 0) throw new Error(`the picture fails ${failed.join(', ')}`);
  }
}

const missing = whyNoBrowser();
const input = JSON.parse(readFileSync(0, 'utf8')) as PictureInput;
console.log(JSON.stringify(missing === undefined ? { ms: await measurePictureInPage(input) } : { missing }));
