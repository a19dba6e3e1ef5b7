import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why no page can be opened here; undefined if one can. */
export const whyNoBrowser = (): string | undefined =>
  existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is not installed`;

/** A handler of a route may still fetch when its page closes. Its failure then is none of the test. */
function ignoreLateRoutes(page: Page): Page {
  const close = page.close.bind(page);
  page.close = async (options) => {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await close(options);
  };
  return page;
}

/** No wait of the library ends by its own timeout, however busy the machine is. The test's timeout ends it. */
export async function launchChromium(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 0 });
  const newContext = browser.newContext.bind(browser);
  // The library also uses this timeout to open pages.
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(0);
    const newPage = context.newPage.bind(context);
    context.newPage = async () => ignoreLateRoutes(await newPage());
    return context;
  };
  return browser;
}
