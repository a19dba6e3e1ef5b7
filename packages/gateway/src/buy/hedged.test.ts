import { Refusal } from '@ogong/host/link/link-error';
import { fromBase64, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { chat, STORY } from '@ogong/testing/gateway/gateway-client';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from '../front/ogong-field.ts';
import type { HedgingOptions } from './hedging.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

const ALWAYS: HedgingOptions = { isDefault: true, share: 1, patienceMs: 30 };

const STANDS_BY: ProviderBehaviour = { standby: 500n };

/** Time after which a silent provider is given up. A provider that only lacks processor time for a moment is not. */
const PATIENCE_MS = 1_500;

/**
 * Two providers that stand by. The first provider stays silent. @param timeoutMs where that one is waited for until it is given
 * up.
 */
async function open(hedging: HedgingOptions = ALWAYS, bend: ProviderBehaviour = { standby: 500n }, timeoutMs = 30_000) {
  const behaviour: ProviderBehaviour = {
    ...bend,
    get hangAfter() {
      return fixture.network.orders.length === 0 ? 0 : Number.POSITIVE_INFINITY;
    },
  };
  fixture = await createGatewayFixture({
    hedging,
    providers: [behaviour, behaviour],
    options: { patience: { firstTokenTimeoutMs: timeoutMs } },
  });
  return new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
}

async function ask(
  client: OpenAI,
  { stream = true, ...fields }: { readonly stream?: boolean; readonly [key: string]: unknown } = {},
) {
  if (!stream) {
    const answer = await client.chat.completions.create({ ...chat, ...fields });
    const { receipts } = (answer as unknown as { ogong: OgongField }).ogong;
    return { text: answer.choices[0]?.message.content ?? '', entry: receipts[0]! };
  }
  let text = '';
  let ogong: OgongField | undefined;
  for await (const chunk of await client.chat.completions.create({ ...chat, ...fields, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
    ogong = (chunk as unknown as { ogong?: OgongField }).ogong ?? ogong;
  }
  return { text, entry: ogong!.receipts[0]! };
}

/** Returns the progress that the payer signed for each order. */
const wordsOf = ({ replyId }: NamedOrder) =>
  fixture.network.words
    .filter((word) => toHex(word.replyId) === toHex(replyId))
    .map(({ progress }) => parseProgress(progress?.progress as Uint8Array))
    .map(({ textBytes, hasLeft }) => ({ textBytes, hasLeft }));

const countHedges = async (): Promise<string[]> =>
  (await (await fetch(`${fixture.url}/metrics`)).text()).split('\n').filter((line) => line.includes('hedges_total{'));

describe('a request whose provider shows nothing', () => {
  it.each([
    [true, false],
    [false, false],
    // A part that shows nothing wins no race.
    [true, true],
    [false, true],
  ])(
    'is answered by a second one, and the first is told to stop: stream %s, an empty part %s',
    async (stream, emptyPart) => {
      const client = await open(ALWAYS, { standby: 500n, emptyPart });
      const { text, entry } = await ask(client, { stream });
      expect(text).toBe(STORY);
      const [first, second] = fixture.network.orders as [NamedOrder, NamedOrder];
      expect(entry.reply_id).toBe(toHex(second.replyId));
      expect(entry.earlier_tries).toEqual([
        {
          ...{ reply_id: toHex(first.replyId), provider: toHex(first.providerId) },
          ...{ code: 'untaken', reason: 'Another provider was faster.', shown_bytes: 0 },
        },
      ]);
      // Both are orders of one request, which names the price: so both have the same draws.
      expect(first.requestHash).toEqual(second.requestHash);
      expect(JSON.parse(utf8Decode(fixture.network.requests[1]!)).ogong).toEqual({ standby: '500' });
      // One is taken, by a word about its first part; of the other one nothing is signed for.
      await expect.poll(() => wordsOf(first)).toEqual([{ textBytes: 0, hasLeft: true }]);
      expect(wordsOf(second)[0]).toEqual({ textBytes: 'Once'.length, hasLeft: false });
      expect(fixture.network.complaints).toEqual([]);
      expect(await countHedges()).toEqual(
        expect.arrayContaining([expect.stringMatching(/"sent".* 1$/), expect.stringMatching(/"won".* 1$/)]),
      );
      await assertReceipt(entry.url);
    },
  );

  it('is answered by the first where that is first after all', async () => {
    const client = await open({ ...ALWAYS, patienceMs: 0 }, { standby: 500n, pauseMs: 20 });
    fixture.network.orders.push({ replyId: new Uint8Array(16) } as NamedOrder);
    const { text, entry } = await ask(client);
    expect(text).toBe(STORY);
    const tries = entry.earlier_tries ?? [];
    expect(tries.map(({ code }) => code)).toEqual(tries.length === 0 ? [] : ['untaken']);
    const shown = fixture.network.orders.filter((order) => wordsOf(order).some(({ textBytes }) => textBytes > 0));
    expect(shown.map(({ replyId }) => toHex(replyId))).toEqual([entry.reply_id]);
  });
});

/** @throws where a receipt does not hold, or holds without the payer's signed progress. */
async function assertReceipt(url: string): Promise<void> {
  const json = (await (await fetch(`${fixture.url}${url}`)).json()) as Record<'request' | 'response', string>;
  const { chain } = fixture.network;
  const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
  const trust = { ledger: chain.ledger, settlement: chain.network.settlement, allow };
  const [request, response] = [fromBase64(json.request), fromBase64(json.response)];
  const verify = (receipt: Receipt) =>
    verifyReceipt(receipt, { crypto: nobleCrypto, request, response, trust, nowMs: Date.now() });
  const receipt = parseReceipt(json);
  const verdict = await verify(receipt);
  expect(verdict).toMatchObject({ ok: true, missing: [] });
  const { progress, ...wordless } = receipt;
  expect(progress).toBeDefined();
  // Without the payer's signed progress, it bills a prompt whose reply was not taken.
  const readFee = ({ checks }: typeof verdict) =>
    BigInt(checks.find(({ id }) => id === 'fee')?.detail.split(' ')[0] as string);
  expect(readFee(verdict)).toBeGreaterThan(1_000n * readFee(await verify(wordless as Receipt)));
}

describe('no second provider is asked', () => {
  it.each<readonly [string, HedgingOptions, ProviderBehaviour, { readonly ogong?: object }]>([
    ['where the request does not want it', ALWAYS, { standby: 500n }, { ogong: { hedge: false } }],
    ['where nobody stands by', ALWAYS, {}, {}],
    ['where the gateway has none to spare', { ...ALWAYS, share: 0 }, { standby: 500n }, { ogong: { hedge: true } }],
  ])('%s', async (_name, hedging, behaviour, fields) => {
    const client = await open(hedging, behaviour, PATIENCE_MS);
    const { text, entry } = await ask(client, fields);
    expect(text).toBe(STORY);
    // The first one is waited for as long as any other, and then given up.
    expect(entry.earlier_tries?.map(({ code }) => code)).toEqual(['provider_timeout']);
    expect(JSON.parse(utf8Decode(fixture.network.requests[0]!)).ogong?.standby).toBeUndefined();
  });

  it('beyond the share of requests that it is for', async () => {
    const client = await open({ ...ALWAYS, share: 0.01 }, { standby: 500n, pauseMs: 120 });
    await ask(client);
    await Promise.all([ask(client), ask(client), ask(client)]);
    expect((await countHedges()).filter((line) => line.includes('"sent"'))).toEqual([expect.stringMatching(/ 1$/)]);
  });
});

it('serves an ordinary order if a provider has stopped standing by', async () => {
  const client = await open(ALWAYS, { standby: 500n });
  fixture.network.orders.push({ replyId: new Uint8Array(16) } as NamedOrder);
  await ask(client);
  for (const provider of fixture.network.providers) provider.behaviour = {};
  const { text, entry } = await ask(client);
  expect([text, entry.earlier_tries]).toEqual([STORY, undefined]);
  expect(JSON.parse(utf8Decode(fixture.network.requests.at(-1)!)).ogong).toBeUndefined();
});

it('does not wait for a busy standby provider while others could answer', async () => {
  const client = await open();
  fixture.network.orders.push({ replyId: new Uint8Array(16) } as NamedOrder);
  fixture.network.busy = 1;
  expect((await ask(client)).text).toBe(STORY);
  expect(fixture.network.routes).toBe(2);
  expect(JSON.parse(utf8Decode(fixture.network.requests[0]!)).ogong).toBeUndefined();
});

it('a provider that stands by for no more than it does is asked again without, and gets no bad mark', async () => {
  let asked = 0;
  const behaviour: ProviderBehaviour = {
    ...STANDS_BY,
    get refuse() {
      return asked++ === 0 ? new Refusal('unavailable', 'this payer has not taken what it ordered before') : undefined;
    },
  };
  fixture = await createGatewayFixture({
    hedging: { ...ALWAYS, patienceMs: 60_000 },
    providers: [behaviour, behaviour],
  });
  const client = new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  const { text, entry } = await ask(client);
  expect(text).toBe(STORY);
  expect(entry.earlier_tries?.map(({ code }) => code)).toEqual(['provider_busy']);
  expect(JSON.parse(utf8Decode(fixture.network.requests.at(-1)!)).ogong).toBeUndefined();
  await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['unused', 'ok']);
});

it('one payee is not ordered from twice, and the ticket is given back', async () => {
  const client = await open(ALWAYS, { ...STANDS_BY, payee: new Uint8Array(20).fill(7) }, PATIENCE_MS);
  // Its gateway names no price for one payee; its caller may.
  const { entry } = await ask(client, { ogong: { standby: 500 } });
  expect(entry.earlier_tries?.map(({ code }) => code)).toEqual(['provider_timeout']);
  expect(await countHedges()).toEqual(
    expect.arrayContaining([expect.stringMatching(/"sent".* 1$/), expect.stringMatching(/"failed".* 1$/)]),
  );
  await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toContain('unused');
});

it('a provider that perhaps never knew that its reply was taken has abandoned nothing', async () => {
  const behaviour: ProviderBehaviour = {
    ...STANDS_BY,
    get isDeaf() {
      return fixture.network.orders.length === 1;
    },
  };
  const patience = { firstTokenTimeoutMs: PATIENCE_MS, idleTimeoutMs: PATIENCE_MS };
  fixture = await createGatewayFixture({
    // Nobody races it: however busy the machine is, it is the first that is shown.
    ...{ hedging: { ...ALWAYS, patienceMs: 60_000 }, providers: [behaviour, behaviour], options: { patience } },
  });
  const client = new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  const { text, entry } = await ask(client, { seed: 7 });
  expect(text).toBe(STORY);
  expect(entry.earlier_tries?.map(({ code }) => code)).toEqual(['provider_timeout']);
  expect(fixture.network.complaints).toEqual([]);
  const [first] = fixture.network.orders as [NamedOrder];
  const isAboutFirst = ({ replyId }: { readonly replyId: Uint8Array }) => toHex(replyId) === toHex(first.replyId);
  await expect
    .poll(() => fixture.network.reports.filter(isAboutFirst).map(({ outcome }) => outcome))
    .toEqual(['refused']);
});
