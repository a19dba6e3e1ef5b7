import { rememberCrypto } from '@ogong/testing/protocol/remembered-crypto';
import {
  createSyntheticReceipt,
  type SyntheticReceipt,
  type SyntheticReceiptOptions,
} from '@ogong/testing/synthetic/synthetic-receipt';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../../base/bytes.ts';
import { parseOpening } from '../../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../../crypto/noble.ts';
import type { Header } from '../../modality/text/commitment/header.ts';
import { encodeReceipt, parseReceipt, type Receipt } from '../../stage1/receipt.ts';
import type { Trust } from '../../stage1/trust.ts';
import { verifyReceipt } from './verify-receipt.ts';

const crypto = rememberCrypto(nobleCrypto);

const base: SyntheticReceiptOptions = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 40,
};

interface Case {
  receipt: Receipt;
  request: Uint8Array;
  response: Uint8Array;
  trust: Trust;
  nowMs: number;
}

let honest: SyntheticReceipt;
beforeAll(() => {
  honest = createSyntheticReceipt(base);
});

/** Start of every synthetic reply. */
const START_MS = 1_700_000_000_000n;

const toCase = ({ receipt, reply, trust, nowMs }: SyntheticReceipt): Case => ({
  receipt,
  request: reply.request,
  response: reply.response,
  trust,
  nowMs,
});
const verify = ({ receipt, ...context }: Case) => verifyReceipt(receipt, { crypto, ...context });
async function idsOf(given: Case, wanted: string): Promise<string[]> {
  const { checks } = await verify(given);
  return checks.filter(({ status }) => status === wanted).map(({ id }) => id);
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const bent = bytes.slice();
  const index = at < 0 ? bytes.length + at : at;
  bent[index] = (bent[index] as number) ^ 1;
  return bent;
}

describe('an honest receipt', () => {
  it('passes every check when the consumer has all trust data', async () => {
    const verdict = await verify(toCase(honest));
    expect(verdict.ok).toBe(true);
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(verdict.checks.map(({ id }) => id).sort()).toEqual(
      [
        ...[
          'format',
          'evidence',
          'request-hash',
          'response-hash',
          'order-signature',
          'record-signature',
          'provider-identity',
        ],
        ...[
          'order-binding',
          'ticket',
          'router',
          'ledger',
          'validator',
          'admission',
          'intake',
          'model-root',
          'times',
          'beacon',
          'commitment-root',
          'commitment-form',
        ],
        'posture',
        'blinding',
        ...[
          'token-count',
          'listing',
          'draw-replay',
          'header-order',
          'shape-classes',
          'draw-key',
          'sampler',
          'sketch-bank',
          'payee',
          'stop-strings',
          'context',
          'response-size',
          'fee',
        ],
      ].sort(),
    );
  });

  it('passes with one signature of the threshold beacon, if its key is known', async () => {
    const given = toCase(createSyntheticReceipt({ ...base, isThreshold: true }));
    expect((await verify(given)).checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    const { generations, ...rest } = given.trust;
    expect(await idsOf({ ...given, trust: rest }, 'skip')).toEqual(['beacon']);
    const others = (generations ?? []).map((one) => ({ ...one, firstEpoch: one.firstEpoch + 5n }));
    expect(await idsOf({ ...given, trust: { ...rest, generations: others } }, 'fail')).toEqual(['beacon']);
    const bent = { ...given.receipt, beacon: flip(given.receipt.beacon, -10) };
    expect(await idsOf({ ...given, receipt: bent }, 'fail')).toContain('beacon');
    // A quorum's certificate of the same epoch does not count in this generation.
    const aggregate = { ...toCase(honest), trust: { ...toCase(honest).trust, generations: generations ?? [] } };
    expect(await idsOf(aggregate, 'fail')).toEqual(['beacon']);
  });

  it('names skipped checks, and never as a pass', async () => {
    const { receipt, request, response } = toCase(honest);
    const verdict = await verifyReceipt(receipt, { crypto, request, response });
    const anchors = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'times', 'beacon'];
    expect(verdict).toMatchObject({ ok: false, missing: anchors, allowed: [] });
    expect(verdict.checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual(anchors);
    expect(verdict.checks.some(({ status }) => status === 'fail')).toBe(false);
  });

  it('is ok without trust only if the reader allows every skipped check by name', async () => {
    const { receipt, request, response } = toCase(honest);
    const without = (...allow: string[]) => verifyReceipt(receipt, { crypto, request, response, trust: { allow } });
    const anchors = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'times', 'beacon'];
    expect(await without(...anchors)).toMatchObject({ ok: true, missing: [], allowed: anchors });
    for (const id of anchors) {
      expect(await without(...anchors.filter((one) => one !== id))).toMatchObject({ ok: false, missing: [id] });
    }
  });

  it.each<[anchor: keyof Trust, missing: string[]]>([
    ['ledger', ['ledger']],
    ['settlement', ['beacon']],
    ['validators', ['validator', 'admission', 'intake', 'beacon']],
    ['routers', ['router']],
    ['modelRoots', ['model-root']],
  ])('is not ok if %s is not known', async (anchor, missing) => {
    const { [anchor]: _, ...trust } = honest.trust as Trust;
    expect(await verify({ ...toCase(honest), trust })).toMatchObject({ ok: false, missing });
    expect(await verify({ ...toCase(honest), trust: { ...trust, allow: missing } })).toMatchObject({ ok: true });
  });

  it('never allows a failure', async () => {
    const given = { ...toCase(honest), response: flip(honest.reply.response, 0) };
    expect((await verify({ ...given, trust: { ...honest.trust, allow: ['response-hash'] } })).ok).toBe(false);
  });

  it('passes in its compact form, without the checks that need the opening', async () => {
    const compact = { ...honest.receipt, opening: { url: '/v1/receipts/1/opening' } };
    const whole = await verify({ ...toCase(honest), receipt: compact });
    expect(whole.ok).toBe(false);
    const trust = { ...honest.trust, allow: whole.missing };
    expect((await verify({ ...toCase(honest), receipt: compact, trust })).ok).toBe(true);
    const opened = (await verify(toCase(honest))).checks.map(({ id }) => id);
    expect((await verify({ ...toCase(honest), receipt: compact })).checks.map(({ id }) => id).sort()).toEqual(
      opened.sort(),
    );
    expect(await idsOf({ ...toCase(honest), receipt: compact }, 'skip')).toHaveLength(17);
  });

  it('states the posture: from the header, or from the request without a header', async () => {
    const { numericClass } = honest.reply.header;
    expect((await verify(toCase(honest))).posture).toEqual({
      tier: 'verified',
      method: 'draw-replay',
      numericClass,
      exact: true,
    });
    const compact = await verify({
      ...toCase(honest),
      receipt: { ...honest.receipt, opening: { url: '/v1/receipts/1/opening' } },
    });
    expect(compact.posture).toBeUndefined();
    expect(compact.checks.find(({ id }) => id === 'posture')).toMatchObject({
      status: 'skip',
      detail: expect.stringMatching(/tier verified was asked for/),
    });
  });

  it('survives its JSON form', async () => {
    const again = parseReceipt(encodeReceipt(honest.receipt));
    expect(again).toEqual(honest.receipt);
    expect(await verify({ ...toCase(honest), receipt: again })).toEqual(await verify(toCase(honest)));
  });
});

describe('the JSON of a receipt', () => {
  const json = () => JSON.parse(new TextDecoder().decode(encodeReceipt(honest.receipt)));
  const bent: [what: string, change: (j: ReturnType<typeof json>) => unknown, words: RegExp][] = [
    ['of another format', (j) => ({ ...j, format: 'ogong-receipt-v2' }), /format is not/],
    ['of an endpoint that is no name', (j) => ({ ...j, endpoint: '/v1/chat' }), /endpoint/],
    ['with zeros before its chain', (j) => ({ ...j, ledger: { ...j.ledger, chainId: '031337' } }), /leading zeros/],
    ['with a chain in hex', (j) => ({ ...j, ledger: { ...j.ledger, chainId: '0x7a69' } }), /chainId/],
    ['with a chain that is a number', (j) => ({ ...j, ledger: { ...j.ledger, chainId: 31337 } }), /chainId/],
    ['with an escrow without 0x', (j) => ({ ...j, ledger: { ...j.ledger, escrow: '03'.repeat(20) } }), /escrow/],
    ['with two openings', (j) => ({ ...j, opening: { ...j.opening, url: '/x' } }), /either bytes or url/],
    ['without an opening', (j) => ({ ...j, opening: {} }), /either bytes or url/],
    ['with an array for an object', (j) => ({ ...j, order: [] }), /an object/],
    ['with a short signature', (j) => ({ ...j, order: { ...j.order, signature: 'AAAA' } }), /65 bytes/],
    ['with base64 that is not padded', (j) => ({ ...j, beacon: 'AAA' }), /base64/],
    ['without a ticket', ({ ticket: _, ...j }) => j, /ticket/],
  ];
  it.each(bent)('is unusable %s', (_what, change, words) => {
    expect(() => parseReceipt(JSON.stringify(change(json())))).toThrow(words);
  });

  it('is refused if nested too deep, and ignores unknown fields', () => {
    const deep = (depth: number) =>
      `{"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)},${JSON.stringify(json()).slice(1)}`;
    expect(parseReceipt(deep(64))).toEqual(honest.receipt);
    expect(() => parseReceipt(deep(65))).toThrow(/deeper than 64/);
  });
});

it('a prompt billed beyond the bound of the request fails, for any length of the reply', async () => {
  const bound = 'Once upon a time'.length + 64 + 64;
  const bill = (promptTokenCount: number) =>
    idsOf(
      toCase(createSyntheticReceipt({ ...base, bend: { header: (header) => ({ ...header, promptTokenCount }) } })),
      'fail',
    );
  expect(await bill(bound)).toEqual([]);
  expect(await bill(bound + 1)).toEqual(['fee']);
});

it('a reply that its provider truncated and calls cancelled fails', async () => {
  const bend = { header: (header: Header): Header => ({ ...header, maxTokens: 256, stopReason: 'cancelled' }) };
  const cut = toCase(createSyntheticReceipt({ ...base, parameters: { max_tokens: 256 }, bend }));
  expect(await idsOf(cut, 'fail')).toEqual(['stop-strings']);
});

const NO_BLINDS = { prompt: new Uint8Array(32), answer: new Uint8Array(32) };

/** The answer is blinded by the request. */
const OTHER_REQUEST = ['request-hash', 'response-hash', 'blinding'];

/** The signed statements of the validator that the order names. */
const WORDS = ['admission', 'intake'];

describe('a receipt that was tampered with', () => {
  const bent: [what: string, change: (given: Case) => Case, failed: string[]][] = [
    ['the token limit in the request', (c) => ({ ...c, request: flip(c.request, -3) }), [...OTHER_REQUEST, 'sampler']],
    ['an endpoint of no modality', (c) => ({ ...c, receipt: { ...c.receipt, endpoint: 'speech' } }), ['format']],
    ['the last brace of the request', (c) => ({ ...c, request: flip(c.request, -1) }), ['format']],
    [
      'a space in the request',
      (c) => ({ ...c, request: utf8Encode(`${new TextDecoder().decode(c.request)} `) }),
      OTHER_REQUEST,
    ],
    ['the response', (c) => ({ ...c, response: flip(c.response, 0) }), ['response-hash']],
    ['a cut response', (c) => ({ ...c, response: c.response.subarray(1) }), ['response-hash']],
    [
      'a response that is not UTF-8',
      (c) => ({ ...c, response: Uint8Array.of(0xff) }),
      ['response-hash', 'response-size', 'stop-strings'],
    ],
    [
      'the order signature',
      (c) => set(c, { order: { ...c.receipt.order, signature: flip(c.receipt.order.signature, 5) } }),
      ['order-signature'],
    ],
    [
      'the order domain',
      (c) => set(c, { order: { ...c.receipt.order, bytes: flip(c.receipt.order.bytes, 0) } }),
      ['format'],
    ],
    [
      'the expiry in the order',
      (c) => set(c, { order: { ...c.receipt.order, bytes: flip(c.receipt.order.bytes, -1) } }),
      ['order-signature', 'header-order', ...WORDS],
    ],
    [
      'the payer in the order',
      (c) => set(c, { order: { ...c.receipt.order, bytes: flip(c.receipt.order.bytes, 16) } }),
      ['order-signature', 'order-binding', 'header-order', 'draw-key', 'ticket', ...WORDS],
    ],
    [
      'the chain',
      (c) => set(c, { ledger: { ...c.receipt.ledger, chainId: 1n } }),
      ['order-signature', 'order-binding', 'header-order', 'draw-key', 'ticket', 'ledger', 'beacon', ...WORDS],
    ],
    [
      'the escrow',
      (c) => set(c, { ledger: { ...c.receipt.ledger, verifyingContract: new Uint8Array(20) } }),
      ['order-signature', 'order-binding', 'header-order', 'draw-key', 'ticket', 'ledger', ...WORDS],
    ],
    [
      'the Ed25519 half of the record signature',
      (c) => set(c, { record: { ...c.receipt.record, signature: flip(c.receipt.record.signature, 3) } }),
      ['record-signature'],
    ],
    [
      'the ML-DSA half of the record signature',
      (c) => set(c, { record: { ...c.receipt.record, signature: flip(c.receipt.record.signature, 100) } }),
      ['record-signature'],
    ],
    [
      'the Ed25519 half of the provider key',
      (c) => set(c, { record: { ...c.receipt.record, publicKey: flip(c.receipt.record.publicKey, 3) } }),
      ['record-signature', 'provider-identity'],
    ],
    [
      'the ML-DSA half of the provider key',
      (c) => set(c, { record: { ...c.receipt.record, publicKey: flip(c.receipt.record.publicKey, 100) } }),
      ['record-signature', 'provider-identity'],
    ],
    [
      'the end time in the record',
      (c) => set(c, { record: { ...c.receipt.record, bytes: flip(c.receipt.record.bytes, -1) } }),
      ['record-signature', 'intake'],
    ],
    ['the epoch of the admission', (c) => set(c, { admission: { ...c.receipt.admission, epoch: 6n } }), ['admission']],
    [
      'the signature of the admission',
      (c) => set(c, { admission: { ...c.receipt.admission, signature: flip(c.receipt.admission.signature, 9) } }),
      ['admission'],
    ],
    [
      'a signature of the intake that is empty',
      (c) => set(c, { intake: { epoch: 7n, signature: new Uint8Array(0) } }),
      ['intake'],
    ],
    [
      'the record domain',
      (c) => set(c, { record: { ...c.receipt.record, bytes: flip(c.receipt.record.bytes, 0) } }),
      ['format'],
    ],
    [
      'the ticket signature',
      (c) => set(c, { ticket: { ...c.receipt.ticket, signature: flip(c.receipt.ticket.signature, 0) } }),
      ['ticket'],
    ],
    [
      'the ticket',
      (c) => set(c, { ticket: { ...c.receipt.ticket, bytes: flip(c.receipt.ticket.bytes, -1) } }),
      ['ticket'],
    ],
    [
      'the router key',
      (c) => set(c, { ticket: { ...c.receipt.ticket, publicKey: flip(c.receipt.ticket.publicKey, 50) } }),
      ['ticket', 'router'],
    ],
    ['a signature in the beacon', (c) => set(c, { beacon: flip(c.receipt.beacon, -10) }), ['beacon']],
    ['a removed beacon', (c) => set(c, { beacon: new Uint8Array(0) }), ['beacon', 'draw-key', 'evidence']],
    ['the opening domain', (c) => set(c, { opening: { bytes: flip(openingOf(c), 0) } }), ['commitment-form']],
    ['a cut opening', (c) => set(c, { opening: { bytes: openingOf(c).slice(0, -1) } }), ['commitment-form']],
    [
      'other weights published',
      (c) => ({ ...c, trust: { ...c.trust, modelRoots: { 'ogong/verified/test/synthetic': new Uint8Array(32) } } }),
      ['model-root'],
    ],
    [
      'another escrow trusted',
      (c) => ({ ...c, trust: { ...c.trust, ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) } } }),
      ['ledger'],
    ],
    [
      'another validator set trusted',
      (c) => ({ ...c, trust: { ...c.trust, validators: [] } }),
      ['validator', 'beacon'],
    ],
    ['another router trusted', (c) => ({ ...c, trust: { ...c.trust, routers: [new Uint8Array(32)] } }), ['router']],
    ['a clock before the reply', (c) => ({ ...c, nowMs: c.nowMs - 3_600_000 }), ['times']],
    ['a reply that ends at the end of the tolerance', (c) => ({ ...c, nowMs: c.nowMs - 31_000 }), []],
    ['a reply that ends behind it', (c) => ({ ...c, nowMs: c.nowMs - 31_001 }), ['times']],
    ['no root of this model published', (c) => ({ ...c, trust: { ...c.trust, modelRoots: {} } }), []],
  ];
  it.each(bent)('%s', async (_what, change, failed) => {
    expect((await idsOf(change(toCase(honest)), 'fail')).sort()).toEqual([...failed].sort());
  });

  it('one byte in each leaf', async () => {
    const given = toCase(honest);
    const { header, windows } = parseOpening(openingOf(given));
    // Offsets of a byte inside the header and inside both parts of every window.
    let at = 'ogong-opening-v1\n'.length + 32 + 2;
    const offsets = [at + 40];
    at += header.length + 2;
    for (const { draws, sketch } of windows) {
      offsets.push(at + 2 + 9, at + 2 + draws.length + 2 + 9);
      at += 4 + draws.length + sketch.length;
    }
    expect(offsets).toHaveLength(1 + 2 * 2);
    for (const offset of offsets) {
      const receipt = { ...given.receipt, opening: { bytes: flip(openingOf(given), offset) } };
      expect(await idsOf({ ...given, receipt }, 'fail')).toEqual(['commitment-root']);
    }
  });

  it('every 7th byte of every signed part', async () => {
    const given = toCase(honest);
    const compact = { ...given.receipt, opening: { url: '/' } };
    for (const part of ['order', 'ticket', 'record'] as const) {
      const { bytes } = compact[part];
      for (let at = 0; at < bytes.length; at += 7) {
        const receipt = { ...compact, [part]: { ...compact[part], bytes: flip(bytes, at) } };
        expect((await verify({ ...given, receipt })).ok, `${part} byte ${at}`).toBe(false);
      }
    }
  });
});

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

it('is good for a model with adapters, whose root is composed of its parts', async () => {
  const parts = [fill(1), fill(2), fill(3)] as const;
  const given = toCase(createSyntheticReceipt({ ...base, parts: [...parts] }));
  expect((await verify(given)).ok).toBe(true);
});

describe('a provider that signs a lie', () => {
  const lies: [what: string, options: Partial<SyntheticReceiptOptions>, failed: string[]][] = [
    [
      'another sampler',
      { bend: { header: (h) => ({ ...h, sampler: { ...h.sampler, temperatureQ16: 0 } }) } },
      ['listing', 'draw-replay', 'sampler'],
    ],
    [
      'another wish about thinking',
      { bend: { header: (h) => ({ ...h, thinking: { ...h.thinking, wanted: 'yes' } }) } },
      ['sampler'],
    ],
    ['another day', { bend: { header: (h) => ({ ...h, promptDay: h.promptDay + 1 }) } }, ['sampler']],
    ['a longer limit', { bend: { header: (h) => ({ ...h, maxTokens: h.maxTokens + 1 }) } }, ['token-count', 'sampler']],
    ['another tier', { bend: { header: (h) => ({ ...h, tier: 'proof' }) } }, ['posture', 'sampler']],
    ['a tier that signs tokens alone', { bend: { header: (h) => ({ ...h, tier: 'vanilla' }) } }, ['commitment-form']],
    ['another method', { bend: { header: (h) => ({ ...h, method: 'exact-replay' }) } }, ['posture']],
    [
      'an adapter',
      { bend: { header: (h) => ({ ...h, parts: [new Uint8Array(32), new Uint8Array(32)] }) } },
      ['sampler'],
    ],
    [
      'adapters in another order',
      {
        parts: [fill(1), fill(2), fill(3)],
        bend: { header: (h) => ({ ...h, parts: [fill(1), fill(3), fill(2)] }) },
      },
      ['sampler'],
    ],
    ['a grammar', { bend: { header: (h) => ({ ...h, grammarHash: new Uint8Array(32).fill(1) }) } }, ['sampler']],
    ['another choice', { bend: { header: (h) => ({ ...h, choice: 1 }) } }, ['sampler']],
    [
      'another sketch bank',
      { bend: { header: (h) => ({ ...h, sketchBankSeed: new Uint8Array(32) }) } },
      ['sketch-bank'],
    ],
    [
      'another token',
      { bend: { row: (row, i) => (i === 20 ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row) } },
      ['draw-replay'],
    ],
    [
      'another draw key',
      { bend: { header: (h) => ({ ...h, drawKey: { ...h.drawKey, nonce: new Uint8Array(32) } as typeof h.drawKey }) } },
      ['draw-replay', 'draw-key'],
    ],
    [
      'a stop string that was not requested',
      { bend: { header: (h) => ({ ...h, stopReason: 'stop-string' as const }) } },
      ['stop-strings'],
    ],
    [
      'a payee that it did not announce',
      { bend: { header: (h) => ({ ...h, payee: new Uint8Array(20).fill(9) }) } },
      ['payee'],
    ],
    [
      'that its context ended, with room left',
      { bend: { header: (h) => ({ ...h, stopReason: 'context' as const }) } },
      ['context'],
    ],
    ['an intake of another record', { bendIntake: (i) => ({ ...i, recordHash: new Uint8Array(32) }) }, ['intake']],
    [
      'an admission of another order',
      { bendAdmission: (a) => ({ ...a, orderHash: new Uint8Array(32) }) },
      ['admission'],
    ],
    ['an admission after the expiry', { bendAdmission: (a) => ({ ...a, timeMs: 2_000_000_000_000n }) }, ['admission']],
    [
      'another reply id',
      { bend: { record: (r) => ({ ...r, replyId: new Uint8Array(16) }) } },
      ['order-binding', 'response-hash', 'blinding'],
    ],
    ['an answer that is blinded by nothing', { bend: { blinds: () => NO_BLINDS } }, ['response-hash', 'blinding']],
    [
      'an opening with another blind than the one of the response',
      {
        bend: {
          blinds: () => NO_BLINDS,
          record: (r) => ({ ...r, responseHash: honest.reply.record.responseHash }),
        },
      },
      ['blinding'],
    ],
    [
      'another model',
      { bend: { record: (r) => ({ ...r, modelRoot: new Uint8Array(32) }) } },
      ['order-binding', 'model-root'],
    ],
    ['times that run backwards', { bend: { record: (r) => ({ ...r, endNs: r.startNs - 1n }) } }, ['times']],
    ['another payee in the ticket', { bendTicket: (t) => ({ ...t, payee: new Uint8Array(20) }) }, ['ticket']],
    ['another context in the ticket', { bendTicket: (t) => ({ ...t, contextSize: 1 }) }, ['ticket']],
    ['another price in the ticket', { bendTicket: (t) => ({ ...t, pricePer1kAtomic: 1n }) }, ['ticket']],
    [
      'another model in the ticket',
      { bendTicket: (t) => ({ ...t, modelId: 'ogong/verified/test/other' }) },
      ['ticket'],
    ],
    ['another provider in the ticket', { bendTicket: (t) => ({ ...t, providerId: new Uint8Array(32) }) }, ['ticket']],
    ['an order that expired before', { bend: { order: (o) => ({ ...o, expiresAtMs: 1n }) } }, ['times']],
    [
      'a start at the end of the tolerance',
      { bend: { order: (o) => ({ ...o, expiresAtMs: START_MS - 30_000n }) } },
      ['times'],
    ],
    ['a start within the tolerance', { bend: { order: (o) => ({ ...o, expiresAtMs: START_MS - 29_999n }) } }, []],
  ];
  it.each(lies)('%s', async (_what, options, failed) => {
    const given = toCase(createSyntheticReceipt({ ...base, ...options }));
    expect((await idsOf(given, 'fail')).sort()).toEqual([...failed].sort());
  });

  it('a context that is used up is believed, and one with a token left is not', async () => {
    const endedAt = (contextSize: number, stopReason: Header['stopReason'] = 'context'): Promise<string[]> =>
      idsOf(
        toCase(
          createSyntheticReceipt({
            ...base,
            bend: {
              order: (o) => ({ ...o, contextSize }),
              header: (h) => ({ ...h, stopReason }),
            },
          }),
        ),
        'fail',
      );
    const used = honest.reply.header.promptTokenCount + honest.reply.header.outputTokenCount;
    expect(await endedAt(used)).toEqual([]);
    expect(await endedAt(used + 1)).toEqual(['context']);
    // A reply with more tokens than announced is not honest, for any stop reason.
    expect(await endedAt(used - 1)).toEqual(['context']);
    expect(await endedAt(used - 1, honest.reply.header.stopReason)).toEqual(['context']);
    expect(await endedAt(used, honest.reply.header.stopReason)).toEqual([]);
  });

  it('a reply that contains its own stop string', async () => {
    const given = toCase(createSyntheticReceipt({ ...base, parameters: { stop: ['story'] } }));
    expect(await idsOf(given, 'fail')).toEqual(['stop-strings']);
  });
});

function set(given: Case, change: Partial<Receipt>): Case {
  return { ...given, receipt: { ...given.receipt, ...change } };
}

function openingOf({ receipt }: Case): Uint8Array {
  if ('url' in receipt.opening) throw new TypeError('a compact receipt');
  return receipt.opening.bytes;
}

describe('the status of a reply', () => {
  const feeOf = async (given: Case): Promise<string> =>
    (await verify(given)).checks.find(({ id }) => id === 'fee')?.detail.split(' ')[0] as string;
  const judge = async (change: object, given = toCase(honest)) => {
    const recordHash = toHex(crypto.sha256(given.receipt.record.bytes));
    const status = { verdict: 'accept', record_hash: recordHash, fee_atomic: await feeOf(given), ...change };
    const { ok, checks, missing } = await verify({ ...given, status } as Case);
    return { ok, missing, ...checks.find(({ id }) => id === 'judged-record') };
  };

  it('is compared with the receipt if a gateway reports it', async () => {
    expect(await idsOf(toCase(honest), 'pass')).not.toContain('judged-record');
    expect(await judge({})).toMatchObject({ ok: true, status: 'pass' });
    expect(await judge({ verdict: 'reject', fee_atomic: '0' })).toMatchObject({ ok: true, status: 'pass' });
    expect(await judge({ verdict: 'abandoned', record_hash: null, fee_atomic: null })).toMatchObject({
      status: 'pass',
    });
  });

  it.each<[string, object]>([
    ['another record', { record_hash: '00'.repeat(32) }],
    ['no record at all', { record_hash: null }],
    ['a higher fee', { fee_atomic: '999999999' }],
    ['a fee for a reject', { verdict: 'reject' }],
    ['an invalid verdict', { verdict: 7 }],
    ['an invalid hash', { record_hash: 'zz' }],
    ['an invalid fee', { fee_atomic: '-1' }],
  ])('fails with %s', async (_name, change) => {
    expect(await judge(change)).toMatchObject({ ok: false, status: 'fail' });
  });

  it('is missing while there is no verdict, unless the reader allows it', async () => {
    const open = { verdict: '', record_hash: null, fee_atomic: null };
    expect(await judge(open)).toMatchObject({ ok: false, status: 'skip', missing: ['judged-record'] });
    const given = toCase(honest);
    expect(await judge(open, { ...given, trust: { ...given.trust, allow: ['judged-record'] } })).toMatchObject({
      ok: true,
    });
  });

  it('is compared by the record alone if the opening is elsewhere', async () => {
    const given = toCase(honest);
    const receipt = { ...given.receipt, opening: { url: '/v1/receipts/0/opening' } };
    const recordHash = toHex(crypto.sha256(receipt.record.bytes));
    const find = async (record_hash: string) => {
      const status = { verdict: 'accept', record_hash, fee_atomic: '5' };
      const { checks } = await verify({ ...given, receipt, status } as Case);
      return checks.find(({ id }) => id === 'judged-record')?.status;
    };
    expect([await find(recordHash), await find('00'.repeat(32))]).toEqual(['pass', 'fail']);
  });
});
