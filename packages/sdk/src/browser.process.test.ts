import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type ReceiptJson, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { parseTrust, toTrustJson } from '@ogong/protocol/stage1/trust';
import { createSyntheticReceipt, type SyntheticReceiptOptions } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BrowserInput,
  type BrowserPage,
  openBrowserPage,
  verifyInPage,
  whyNoBrowser,
} from '../scripts/browser-page.ts';
import { parseReceipt } from './index.ts';
import { verifyReceipt } from './receipts.ts';

const reason = whyNoBrowser();

const base: SyntheticReceiptOptions = {
  crypto,
  tokens: 40,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
};
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe.skipIf(reason !== undefined)(`a page${reason ? ` (${reason})` : ''}`, () => {
  let browser: BrowserPage;
  beforeAll(async () => {
    browser = await openBrowserPage();
  });
  afterAll(() => browser?.close());

  const flipBase64 = (text: string, at: number): string =>
    `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
  const tampered: [what: string, change: (json: ReceiptJson) => ReceiptJson, failed: string[]][] = [
    ['nothing', (json) => json, []],
    [
      'the order signature',
      (j) => ({ ...j, order: { ...j.order, signature: flipBase64(j.order.signature, 8) } }),
      ['order-signature'],
    ],
    [
      'the record signature',
      (j) => ({ ...j, record: { ...j.record, signature: flipBase64(j.record.signature, 8) } }),
      ['record-signature'],
    ],
    [
      'the provider key',
      (j) => ({ ...j, record: { ...j.record, publicKey: flipBase64(j.record.publicKey, 200) } }),
      ['record-signature', 'provider-identity'],
    ],
    [
      'the ticket',
      (j) => ({ ...j, ticket: { ...j.ticket, signature: flipBase64(j.ticket.signature, 400) } }),
      ['ticket'],
    ],
    ['the beacon', (j) => ({ ...j, beacon: flipBase64(j.beacon, j.beacon.length - 40) }), ['beacon']],
    [
      'the opening',
      (j) => ({ ...j, opening: { bytes: flipBase64((j.opening as { bytes: string }).bytes, 2000) } }),
      ['commitment-root'],
    ],
    ['the record', (j) => ({ ...j, record: { ...j.record, bytes: flipBase64(j.record.bytes, 0) } }), ['format']],
  ];

  it.each(tampered)('finds the same faults as Node if %s was changed', async (_what, change, failed) => {
    const { receipt, reply, trust, nowMs } = createSyntheticReceipt(base);
    const json = change(toReceiptJson(receipt));
    const here = await verifyReceipt(parseReceipt(json), {
      request: reply.request,
      response: reply.response,
      trust,
      nowMs,
    });
    const there = await verifyInPage(browser, {
      receipt: JSON.stringify(json),
      request: decode(reply.request),
      response: decode(reply.response),
      trust: toTrustJson(trust),
      nowMs,
    });
    expect(there).toEqual({ ok: here.ok, checks: here.checks });
    expect(there.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(failed);
  });

  const bendRow: NonNullable<SyntheticReceiptOptions['bend']>['row'] = (given, at) =>
    at === 11 ? { ...given, rank: given.rank === 0 ? 1 : 0 } : given;

  it('finds a signed lie', async () => {
    const there = await verifyInPage(browser, createInput({ bend: { row: bendRow } }));
    expect(there.checks.find(({ id }) => id === 'draw-replay')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('position 11'),
    });
  });

  it('checks the same where its policy forbids WebAssembly', async () => {
    const bound = await openBrowserPage(undefined, { policy: "script-src 'self' 'unsafe-inline'" });
    try {
      const listen = "document.addEventListener('securitypolicyviolation', ({ blockedURI }) => resolve(blockedURI))";
      const refused = bound.page.evaluate(`new Promise((resolve) => ${listen})`);
      for (const options of [{}, { bend: { row: bendRow } }]) {
        const input = createInput(options);
        expect(await verifyInPage(bound, input)).toEqual(await verifyInPage(browser, input));
      }
      expect(await refused).toBe('wasm-eval');
    } finally {
      await bound.close();
    }
  });
});

function createInput(options: Partial<SyntheticReceiptOptions>): BrowserInput {
  const { receipt, reply, nowMs } = createSyntheticReceipt({ ...base, ...options });
  return {
    receipt: JSON.stringify(toReceiptJson(receipt)),
    request: decode(reply.request),
    response: decode(reply.response),
    trust: {},
    nowMs,
  };
}

describe('trust', () => {
  it('survives its JSON', () => {
    const { trust } = createSyntheticReceipt(base);
    expect(parseTrust(JSON.parse(JSON.stringify(toTrustJson(trust))))).toEqual(trust);
    expect(parseTrust({})).toEqual({});
  });
  it.each([
    { ledger: { chainId: '1x', escrow: `0x${'00'.repeat(20)}` } },
    { settlement: '0x00' },
    { modelRoots: { a: 'zz' } },
  ])('refuses %j', (json) => {
    expect(() => parseTrust(json)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  });
});
