import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TrustJson } from '@ogong/protocol/stage1/trust';
import { launchChromium } from '@ogong/testing/browser/chromium';
import type { Page } from 'playwright-core';
import { type Bundle, buildBundle } from './build.ts';

const PAGE = `<!doctype html><title>ogong</title>
<script type="module">import * as ogong from '/ogong.js'; globalThis.ogong = ogong;</script>`;

export { whyNoBrowser } from '@ogong/testing/browser/chromium';

type PageGlobal = { readonly ogong: typeof import('../src/index.ts') };

export interface BrowserPage {
  readonly page: Page;
  close(): Promise<void>;
}

/**
 * A headless Chromium on an empty page whose host serves a module, the SDK if none is given, at /ogong.js.
 * @param options.policy content policy of the page. Default: none.
 */
export async function openBrowserPage(
  served?: Pick<Bundle, 'code'>,
  { policy }: { readonly policy?: string } = {},
): Promise<BrowserPage> {
  const { code } = served ?? (await buildBundle());
  const server = createServer((request, response) => {
    const isScript = request.url === '/ogong.js';
    const headers = { 'content-type': isScript ? 'text/javascript' : 'text/html' };
    response.writeHead(200, policy === undefined ? headers : { ...headers, 'content-security-policy': policy });
    response.end(isScript ? code : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    page,
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface BrowserInput {
  /** JSON of the receipt. */
  readonly receipt: string;
  readonly request: string;
  readonly response: string;
  readonly trust: TrustJson;
  readonly nowMs: number;
}

export interface BrowserResult {
  readonly ok: boolean;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly detail: string }[];
}

/** Verifies one receipt in the page. */
export function verifyInPage({ page }: BrowserPage, input: BrowserInput): Promise<BrowserResult> {
  return page.evaluate(async ({ receipt, request, response, trust, nowMs }) => {
    const sdk = (globalThis as unknown as PageGlobal).ogong;
    const encode = (text: string) => new TextEncoder().encode(text);
    const context = { request: encode(request), response: encode(response), trust: sdk.parseTrust(trust), nowMs };
    const { ok, checks } = await sdk.verifyReceipt(sdk.parseReceipt(receipt), context);
    return { ok, checks };
  }, input);
}

/** Time that the page's thread spends on a core to verify one receipt, ms: the mean of several runs, after as many more. */
export async function measureInPage({ page }: BrowserPage, input: BrowserInput, runs: number): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const readMs = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN);
  };
  const verify = (): Promise<void> =>
    page.evaluate(
      async ({ input: { receipt, request, response }, runs }) => {
        const sdk = (globalThis as unknown as PageGlobal).ogong;
        const encode = (text: string) => new TextEncoder().encode(text);
        const parsed = sdk.parseReceipt(receipt);
        const context = { request: encode(request), response: encode(response) };
        for (let run = 0; run < runs; run++) await sdk.verifyReceipt(parsed, context);
      },
      { input, runs },
    );
  await verify();
  const startMs = await readMs();
  await verify();
  const ms = (await readMs()) - startMs;
  await session.detach();
  return ms / runs;
}
