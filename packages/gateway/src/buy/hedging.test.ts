import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { describe, expect, it } from 'vitest';
import { createHedging, type HedgingOptions } from './hedging.ts';

const MODEL = 'ogong/verified/a/b';
const USUAL: HedgingOptions = { isDefault: true, share: 0.05, patienceMs: 2_000 };

function open(options: Partial<HedgingOptions> = {}, price: bigint | undefined = 7n) {
  return createHedging({ ...USUAL, ...options }, { prices: { find: async () => price } });
}

async function prepare(hedging: ReturnType<typeof open>, fields: object, given: object = {}) {
  const text = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'a } in "it"' }], ...fields });
  const read = (body: Uint8Array) => parseRequest(body, 'chat');
  const prompt = { body: utf8Encode(text), request: read(utf8Encode(text)) };
  const prepared = await hedging.prepare(prompt, { isChecked: false, isNamed: false, read, ...given });
  const { body, request, isHedged = false, plain } = prepared;
  return { same: utf8Decode(body) === text, standby: request.demands.standbyPer1kAtomic, isHedged, plain, request };
}

describe('a request', () => {
  it('names the standby price behind all that it has, and keeps what it said before', async () => {
    const ogong = { exact: true, max_price: '90', hedge: true };
    const { standby, isHedged, plain, request } = await prepare(open({ isDefault: false }), { ogong });
    expect([standby, isHedged]).toEqual([7n, true]);
    expect(request.demands.exact).toBe(true);
    expect(request.preference).toMatchObject({ maxPricePer1kAtomic: 90n, hedge: true });
    expect(plain?.request.demands.standbyPer1kAtomic).toBeUndefined();
  });

  it.each([
    ['says so', open(), { ogong: { hedge: false } }, {}],
    ['does not say, and neither does its gateway', open({ isDefault: false }), {}, {}],
    ['names who is to answer', open(), {}, { isNamed: true }],
    ['is checked by its caller, which has named no price', open(), {}, { isChecked: true }],
    [
      'is for a model for which too few stand by',
      createHedging(USUAL, { prices: { find: async () => undefined } }),
      {},
      {},
    ],
    ['comes to a gateway that hedges none', open({ share: 0 }), { ogong: { hedge: true } }, {}],
  ])('is ordered as it is where it %s', async (_name, hedging, fields, given) => {
    expect(await prepare(hedging, fields, given)).toMatchObject({ same: true, isHedged: false });
  });

  it('is ordered as it is where the network would not take it with a price', async () => {
    const filler = (length: number) => ({ user: 'x'.repeat(length) });
    const text = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'a } in "it"' }], user: '' });
    const room = MAX_REQUEST_BYTES - text.length;
    const added = ',"ogong":{"standby":"7"}'.length;
    expect(await prepare(open(), filler(room))).toMatchObject({ same: true, isHedged: false });
    expect(await prepare(open(), filler(room - added + 1))).toMatchObject({ same: true, isHedged: false });
    expect(await prepare(open(), filler(room - added))).toMatchObject({ standby: 7n, isHedged: true });
  });

  it('that names the price itself is ordered as it is, also where its caller checks the answer', async () => {
    for (const isChecked of [false, true]) {
      const fields = { ogong: { hedge: true, standby: 3 } };
      expect(await prepare(open(), fields, { isChecked })).toMatchObject({ same: true, standby: 3n, isHedged: true });
    }
  });
});

describe('the patience', () => {
  it('is what nineteen of twenty took, once twenty were measured, and never next to nothing', () => {
    const hedging = open();
    for (let i = 1; i <= 19; i++) hedging.note(MODEL, i * 10);
    expect(hedging.begin(MODEL)).toBe(2_000);
    hedging.note(MODEL, 10_000);
    expect(hedging.begin(MODEL)).toBe(190);
    expect(hedging.begin('ogong/verified/a/other')).toBe(2_000);
    for (let i = 0; i < 200; i++) hedging.note(MODEL, 1);
    expect(hedging.begin(MODEL)).toBe(25);
  });
});

describe('second orders', () => {
  it('are at most a share of the requests, however many are slow', () => {
    const hedging = open();
    let sent = 0;
    for (let i = 0; i < 2_000; i++) {
      hedging.begin(MODEL);
      if (hedging.take()) sent++;
    }
    expect(sent).toBeGreaterThan(90);
    expect(sent).toBeLessThanOrEqual(0.05 * 2_000 + 1);
  });

  it('are not saved up beyond a burst', () => {
    const hedging = open();
    for (let i = 0; i < 10_000; i++) hedging.begin(MODEL);
    let sent = 0;
    while (hedging.take()) sent++;
    expect(sent).toBe(20);
  });
});
