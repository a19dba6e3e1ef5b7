import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { parseReceipt, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { verifyReceipt } from '../src/receipts.ts';
import { type BrowserInput, measureInPage, openBrowserPage, whyNoBrowser } from './browser-page.ts';

const RUNS = 40;

const LENGTHS = [64, 1024] as const;

interface ReplayCost {
  /** The slope between a short and a long reply. */
  readonly microsPerToken: number;
  /** Cost that does not depend on the length. */
  readonly fixedMs: number;
  /** The slope of the same code in Node. */
  readonly nodeMicrosPerToken: number;
}

export async function measureBrowserReplay(): Promise<ReplayCost> {
  const [short, long] = LENGTHS.map(createInput) as [BrowserInput, BrowserInput];
  const browser = await openBrowserPage();
  try {
    const shortMs = await measureInPage(browser, short, RUNS);
    const longMs = await measureInPage(browser, long, RUNS);
    const microsPerToken = computeSlope(shortMs, longMs);
    const nodeMicrosPerToken = computeSlope(await measureHere(short), await measureHere(long));
    return { microsPerToken, fixedMs: shortMs - (microsPerToken * LENGTHS[0]) / 1000, nodeMicrosPerToken };
  } finally {
    await browser.close();
  }
}

const computeSlope = (shortMs: number, longMs: number): number =>
  (1000 * (longMs - shortMs)) / (LENGTHS[1] - LENGTHS[0]);

/** As measureInPage, on this thread. */
async function measureHere({ receipt, request, response }: BrowserInput): Promise<number> {
  const encode = (text: string) => new TextEncoder().encode(text);
  const parsed = parseReceipt(receipt);
  const context = { request: encode(request), response: encode(response) };
  const measure = async (): Promise<number> => {
    const start = process.threadCpuUsage();
    for (let run = 0; run < RUNS; run++) await verifyReceipt(parsed, context);
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / 1000 / RUNS;
  };
  await measure();
  return measure();
}

function createInput(tokens: number): BrowserInput {
  const { receipt, reply, nowMs } = createSyntheticReceipt({
    crypto,
    tokens,
    // As unlikely as with real models, a draw falls beyond the list.
    sureness: 300,
    provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
    ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  });
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return {
    receipt: JSON.stringify(toReceiptJson(receipt)),
    request: decode(reply.request),
    response: decode(reply.response),
    trust: {},
    nowMs,
  };
}

if (import.meta.main) {
  const missing = whyNoBrowser();
  const cost = missing === undefined ? await measureBrowserReplay() : undefined;
  if (process.argv.includes('--json')) console.log(JSON.stringify(cost ?? { missing }));
  else if (cost === undefined) console.log(`replay in Chromium: not measured, ${missing}`);
  else
    console.log(
      `replay in Chromium: ${cost.microsPerToken.toFixed(1)} us per token, ${cost.fixedMs.toFixed(1)} ms per receipt; in Node ${cost.nodeMicrosPerToken.toFixed(1)} us per token`,
    );
}
