import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { type BrowserInput, measureInPage, openBrowserPage, whyNoBrowser } from './browser-page.ts';

const RUNS = 40;

/** What stage 1 costs in a page: the slope between a short and a long reply, and what is paid whatever the length. */
export async function measureBrowserReplay(): Promise<{ microsPerToken: number; fixedMs: number }> {
  const browser = await openBrowserPage();
  try {
    const [short, long] = [64, 1024];
    const shortMs = await measureInPage(browser, createInput(short), RUNS);
    const longMs = await measureInPage(browser, createInput(long), RUNS);
    const perTokenMs = (longMs - shortMs) / (long - short);
    return { microsPerToken: perTokenMs * 1000, fixedMs: shortMs - perTokenMs * short };
  } finally {
    await browser.close();
  }
}

function createInput(tokens: number): BrowserInput {
  const { receipt, reply, nowMs } = createSyntheticReceipt({
    crypto,
    tokens,
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
      `replay in Chromium: ${cost.microsPerToken.toFixed(1)} us per token, ${cost.fixedMs.toFixed(1)} ms per receipt`,
    );
}
