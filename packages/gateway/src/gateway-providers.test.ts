import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { fromBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { verifyComplaint } from '@ogong/protocol/exchange/complaint';
import { type SignedEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { openProgress, parseProgress, type SignedProgress } from '@ogong/protocol/exchange/progress';
import {
  type ComplainRequest,
  type TokenLogprob,
  TokenLogprobSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { FakeNetwork, FakeProvider, ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { chat, openClient, STORY } from '@ogong/testing/gateway/gateway-client';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addRoots } from '@ogong/testing/synthetic/synthetic-cohort';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from './front/ogong-field.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function open(options: FixtureOptions = {}): Promise<OpenAI> {
  fixture = await createGatewayFixture(options);
  return openClient(fixture);
}

/** One for each token. */
const WORDS = STORY.split(/(?= |\.)/);
/** The progress that the gateway signed while replies arrived. */
const readWords = ({ words }: FakeNetwork) =>
  words.map(({ progress }) => parseProgress((progress as SignedProgress).progress));
const ogongOf = (value: unknown): OgongField => (value as { ogong: OgongField }).ogong;

const fault = (wanted: object) => expect.objectContaining(wanted);

describe('a provider', () => {
  it.each([
    ['before its first token', false],
    ['behind a part that shows nothing', true],
  ])('that dies %s is replaced, under another order', async (_when, emptyPart) => {
    // The draw is luck, so the first two providers that it meets die.
    let deaths = 2;
    const mortal: ProviderBehaviour = {
      emptyPart,
      get dieAfter() {
        return deaths-- > 0 ? 0 : Number.POSITIVE_INFINITY;
      },
    };
    const client = await open({ providers: [mortal, mortal, mortal] });
    for (let i = 0; i < 4; i++) {
      const stream = await client.chat.completions.create({ ...chat, stream: true });
      let text = '';
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
      expect(text).toBe(STORY);
    }
    const { orders, complaints } = fixture.network;
    expect(orders).toHaveLength(2 + 4);
    expect(new Set(orders.map(({ replyId }) => replyId.join())).size).toBe(orders.length);
    expect(new Set(orders.map(({ nonce }) => nonce.join())).size).toBe(orders.length);
    await expect.poll(() => complaints.length).toBe(orders.length - 4);
    expect(complaints.every(({ reason }) => reason === 'abandoned')).toBe(true);
  });

  /** The first order that a provider gets is ended by this statement. */
  const endFirst = (make: (order: NamedOrder, signer: HybridSigner) => SignedEnd): ProviderBehaviour => {
    let ends = 1;
    return { end: (order, signer) => (ends-- > 0 ? make(order, signer) : undefined) };
  };
  const sayEnd = (signer: HybridSigner, { orderHash }: Pick<NamedOrder, 'orderHash'>): SignedEnd =>
    signEnd(signer, { orderHash, code: 'machine-failed', timeMs: 1 });

  it('that ends its order by a signed statement is replaced, and nobody accuses it', async () => {
    const behaviour = endFirst((order, signer) => sayEnd(signer, order));
    const client = await open({ providers: [behaviour, behaviour] });
    const answer = await client.chat.completions.create(chat);
    const reason = 'The provider ended the order: the machine failed (machine-failed).';
    expect(ogongOf(answer).receipts[0]?.earlier_tries).toMatchObject([{ code: 'provider_ended', reason }]);
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['ok', 'refused']);
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that has begun its answer cannot say that its order was not admitted', async () => {
    const behaviour = endFirst((order, signer) =>
      signEnd(signer, { orderHash: order.orderHash, code: 'not-admitted', timeMs: 1 }),
    );
    const client = await open({ providers: [behaviour, behaviour] });
    const answer = await client.chat.completions.create(chat);
    expect(ogongOf(answer).receipts[0]?.earlier_tries).toMatchObject([{ code: 'provider_ended' }]);
  });

  it('that ends an order like all others is not doubted: the request may deserve it', async () => {
    const behaviour: ProviderBehaviour = { end: (order, signer) => sayEnd(signer, order) };
    const client = await open({ providers: [behaviour, behaviour] });
    await expect(client.chat.completions.create(chat)).rejects.toThrow(/ended the order/);
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['unused', 'unused']);
    expect(fixture.network.complaints).toEqual([]);
  });

  it.each<[string, (order: NamedOrder, signer: HybridSigner) => SignedEnd]>([
    ['of another key', (order) => sayEnd(createTestHybrid('stranger'), order)],
    ['of another order', (_order, signer) => sayEnd(signer, { orderHash: new Uint8Array(32) })],
    ['that cannot be read', (order, signer) => ({ ...sayEnd(signer, order), end: new Uint8Array(3) })],
  ])('that ends its order by a statement %s is accused', async (_what, make) => {
    const behaviour = endFirst(make);
    const client = await open({ providers: [behaviour, behaviour] });
    const answer = await client.chat.completions.create(chat);
    expect(ogongOf(answer).receipts[0]?.earlier_tries).toMatchObject([{ code: 'provider_failed' }]);
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
  });

  it('that refuses a sealed request is seen in the receipt without the words that it sealed', async () => {
    let refusals = 1;
    const choosy: ProviderBehaviour = {
      seals: true,
      get refuse() {
        return refusals-- > 0 ? new Refusal('unavailable', 'no room for Quixambre') : undefined;
      },
    };
    const client = await open({ providers: [choosy, choosy] });
    const answer = await client.chat.completions.create(chat);
    const { url, earlier_tries } = ogongOf(answer).receipts[0]!;
    expect(earlier_tries).toMatchObject([{ code: 'provider_busy', reason: expect.stringContaining('under the seal') }]);
    const stored = await (await fetch(`${fixture.url}${url}`)).text();
    expect(stored).toContain('under the seal');
    expect(stored).not.toContain('Quixambre');
  });

  it('that dies before its first token is seen in the receipt, and beside the answer', async () => {
    let deaths = 1;
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return deaths-- > 0 ? 0 : Number.POSITIVE_INFINITY;
      },
    };
    const client = await open({ providers: [mortal, mortal] });
    const answer = await client.chat.completions.create(chat);
    const [dead, alive] = fixture.network.orders as [NamedOrder, NamedOrder];
    const { reply_id, url, earlier_tries } = ogongOf(answer).receipts[0]!;
    expect(reply_id).toBe(toHex(alive.replyId));
    const tried = {
      ...{ reply_id: toHex(dead.replyId), provider: toHex(dead.providerId) },
      ...{ code: 'provider_failed', reason: expect.stringContaining('failed'), shown_bytes: 0 },
    };
    expect(earlier_tries).toEqual([tried]);
    const read = async (path: string) => (await fetch(`${fixture.url}${path}`)).json();
    const stored = (await read(url)) as { earlier_tries: unknown; reply_id: string };
    const status = expect.objectContaining({ state: 'abandoned', fee_atomic: null });
    expect(stored).toMatchObject({ reply_id, earlier_tries: [{ ...tried, status }] });

    // A reply at the first try has none, and its answer does not speak of any.
    const next = await client.chat.completions.create(chat);
    expect(ogongOf(next).receipts[0]).not.toHaveProperty('earlier_tries');
    expect(await read(ogongOf(next).receipts[0]!.url)).toMatchObject({ earlier_tries: [] });
  });

  it('that dies later ends a stream with an error, and gives no answer that is not streamed', async () => {
    const client = await open({ providers: [{ dieAfter: 4 }] });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    let text = '';
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toThrow(/provider failed/);
    expect(text).toBe('Once upon a time');
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });

    // Nothing of a whole answer has left yet, so another provider may still give it.
    fixture.network.providers[0]!.behaviour = {};
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(STORY);
  });

  /** The first tries of an answer die after so many tokens. */
  const dieInTurn = (after: readonly number[], words: () => readonly string[] = () => WORDS): ProviderBehaviour => {
    const left = [...after];
    return {
      get dieAfter() {
        return left.shift() ?? Number.POSITIVE_INFINITY;
      },
      get words() {
        return words();
      },
    };
  };

  /** All that a client reads of a stream. */
  async function readStream(client: OpenAI, asked: object = {}) {
    const read = { text: '', tokens: [] as string[], finish: '', ogong: undefined as OgongField | undefined };
    const stream = await client.chat.completions.create({ ...chat, ...asked, stream: true });
    for await (const chunk of stream) {
      read.text += chunk.choices[0]?.delta.content ?? '';
      read.tokens.push(...(chunk.choices[0]?.logprobs?.content ?? []).map(({ token }) => token));
      read.finish = chunk.choices[0]?.finish_reason ?? read.finish;
      read.ogong = ogongOf(chunk) ?? read.ogong;
    }
    return read;
  }

  it('that dies in mid-stream is followed by another, and the receipt is one of all that was shown', async () => {
    const mortal = dieInTurn([4, 7]);
    const client = await open({ providers: [mortal, mortal, mortal] });
    const asked = { seed: 5, logprobs: true, top_logprobs: 2 };
    const read = await readStream(client, asked);
    expect(read).toMatchObject({ text: STORY, finish: 'stop' });
    expect(read.tokens.join('')).toBe(STORY);
    const { orders, complaints, chain } = fixture.network;
    expect(new Set(orders.map(({ providerId }) => toHex(providerId))).size).toBe(3);
    const [entry] = read.ogong?.receipts ?? [];
    expect(entry?.earlier_tries?.map(({ shown_bytes, code }) => [shown_bytes, code])).toEqual([
      ['Once upon a time'.length, 'provider_failed'],
      ['Once upon a time there was a'.length, 'provider_failed'],
    ]);
    expect(entry?.checks?.find(({ id }) => id === 'draw-replay')).toMatchObject({ status: 'pass' });
    await expect.poll(() => complaints.length).toBe(2);

    // A holder of only the sent and the received bytes gets the same result, also for the draws of the seed.
    const stored = (await (await fetch(`${fixture.url}${entry?.url}`)).json()) as Record<
      'request' | 'response',
      string
    >;
    const receipt = parseReceipt(stored);
    const response = utf8Encode(read.text);
    expect(fromBase64(stored.response)).toEqual(response);
    const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
    const trust = { ledger: chain.ledger, settlement: chain.network.settlement, allow };
    const given = { crypto: nobleCrypto, request: fromBase64(stored.request), trust, nowMs: Date.now() };
    expect(await verifyReceipt(receipt, { ...given, response })).toMatchObject({ ok: true, missing: [] });
    const rest = utf8Encode(STORY.slice('Once upon a time'.length));
    expect((await verifyReceipt(receipt, { ...given, response: rest })).ok).toBe(false);
  });

  it('that dies in mid-stream is followed by another although the client names no seed', async () => {
    const mortal = dieInTurn([1]);
    await open({ providers: [mortal, mortal] });
    const client = new OpenAI({ baseURL: `${fixture.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const { text, ogong } = await readStream(client);
    expect(text).toBe(STORY);
    const stored = await (await fetch(`${fixture.url}${ogong?.receipts[0]?.url}`)).json();
    const body = JSON.parse(new TextDecoder().decode(fromBase64((stored as { request: string }).request)));
    expect(body).toEqual({ ...chat, stream: true, seed: expect.any(Number) });
  });

  it('that signs something else than it streamed is followed by one that does not', async () => {
    let lies = 1;
    const liar: ProviderBehaviour = {
      get signedText() {
        return lies-- > 0 ? 'something else' : STORY;
      },
    };
    const client = await open({ providers: [liar, liar] });
    const { text, ogong } = await readStream(client, { temperature: 0 });
    expect(text).toBe(STORY);
    expect(ogong?.receipts[0]?.earlier_tries).toMatchObject([
      { code: 'ogong_check_failed', reason: expect.stringContaining('response-hash'), shown_bytes: STORY.length },
    ]);
  });

  it('that goes on with another text than was shown is left, for one that goes on with that', async () => {
    const other = ['Once', ' upon', ' another', ' time', '.'];
    const behaviour = dieInTurn([4], () => (fixture.network.orders.length === 2 ? other : WORDS));
    const client = await open({ providers: [behaviour, behaviour, behaviour] });
    const { text, ogong } = await readStream(client, { seed: 1 });
    expect(text).toBe(STORY);
    const tries = ogong?.receipts[0]?.earlier_tries;
    expect(tries?.map(({ code }) => code)).toEqual(['provider_failed', 'ogong_check_failed']);
    // The provider that died may be the one that lied. So the one that contradicts it is not reported, and is told that nothing
    // more is wanted.
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
    await expect.poll(() => readWords(fixture.network).some(({ hasLeft }) => hasLeft)).toBe(true);
  });

  it('that nobody agrees with leaves the client with an error, and nothing else than it was shown', async () => {
    const [lie, truth] = [
      ['A', ' lie', '.', '.'],
      ['The', ' truth', '.'],
    ] as const;
    const behaviour = dieInTurn([2], () => (fixture.network.orders.length === 1 ? lie : truth));
    const client = await open({ providers: [behaviour, behaviour, behaviour] });
    const stream = await client.chat.completions.create({ ...chat, seed: 1, stream: true });
    let text = '';
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toMatchObject({ code: 'ogong_check_failed' });
    expect(text).toBe('A lie');
    expect(fixture.network.orders).toHaveLength(3);
  });

  it('that goes silent is given up', async () => {
    const textBytesLeft = () =>
      readWords(fixture.network)
        .filter(({ hasLeft }) => hasLeft)
        .map(({ textBytes }) => textBytes);
    const mute = await open({
      providers: [{ hangAfter: 0 }],
      options: { patience: { firstTokenTimeoutMs: 1_500 } },
    });
    await expect(mute.chat.completions.create(chat)).rejects.toMatchObject({ status: 504, code: 'provider_timeout' });
    await expect.poll(textBytesLeft).toEqual([0]);
    await fixture.close();
    const client = await open({ providers: [{ hangAfter: 3 }], options: { patience: { idleTimeoutMs: 1_500 } } });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/in time/);
    // It may be alive: the last signed progress limits its bill.
    await expect.poll(textBytesLeft).toEqual(['Once upon a'.length]);
  });

  it('that refuses the request says why', async () => {
    const client = await open({ providers: [{ refuse: new Refusal('invalid', 'messages: too strange') }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({
      status: 400,
      code: 'request_refused',
      message: expect.stringContaining('too strange'),
    });
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that refuses the request is reported only if another one takes it', async () => {
    let refusals = 2;
    const behaviour: ProviderBehaviour = {
      get refuse() {
        return refusals-- > 0 ? new Refusal('invalid', 'messages: too strange') : undefined;
      },
    };
    const client = await open({ providers: [behaviour, behaviour] });
    const { reports } = fixture.network;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'request_refused' });
    await expect.poll(() => reports.map(({ outcome }) => outcome)).toEqual(['unused', 'unused']);
    refusals = 1;
    await client.chat.completions.create(chat);
    await expect.poll(() => reports.map(({ outcome }) => outcome).slice(2)).toEqual(['ok', 'refused']);
  });

  it('that finds the prompt too long says so in the words of each API', async () => {
    const refuse = new Refusal('invalid', formatOverflow({ promptTokens: 9_000, contextSize: 4_096 }));
    const client = await open({ providers: [{ refuse }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringContaining(
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
      ),
    });
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that the router has forgotten is no unknown model', async () => {
    const client = await open();
    fixture.network.hasForgotten = true;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    fixture.network.hasForgotten = false;
    await client.chat.completions.create(chat);
    fixture.network.hasForgotten = true;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'no_provider' });
  });

  it('that is busy is no cheat', async () => {
    const client = await open({ providers: [{ refuse: new Refusal('unavailable', 'all slots are busy') }, {}] });
    for (let i = 0; i < 4; i++) await client.chat.completions.create(chat);
    fixture.network.providers[1]!.behaviour = fixture.network.providers[0]!.behaviour;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'provider_busy' });
    expect(fixture.network.complaints).toEqual([]);
    // The router hears of it: it believes in fewer of its slots.
    const outcomes = () => new Set(fixture.network.reports.map(({ outcome }) => outcome));
    await expect.poll(outcomes).toEqual(new Set(['refused', 'ok']));
  });

  it('that refuses an order and serves it in secret is complained about', async () => {
    const refuse = new Refusal('unavailable', 'all slots are busy');
    const client = await open({ providers: [{ refuse }, { refuse }] });
    const { network } = fixture;
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'provider_busy' });
    await expect.poll(() => network.reports.length).toBe(2);
    const completion = network.reports.map(({ replyId }) => Buffer.from(replyId).toString('hex'));
    const recordHash = new Uint8Array(32).fill(7);
    for (const id of completion) network.statuses.set(id, { state: 'recorded', verdict: '', recordHash });
    await expect
      .poll(() => network.complaints.map(({ reason }) => reason))
      .toEqual(completion.map(() => 'refused-order'));
    for (const id of completion)
      network.statuses.set(id, { state: 'audited', verdict: 'accept', feeAtomic: 9n, recordHash });
    const read = async () => (await fetch(`${fixture.url}/metrics`)).text();
    await expect
      .poll(read)
      .toMatch(new RegExp(`^ogong_verdicts_on_others_total(\\{.*\\})? ${completion.length}$`, 'm'));
    expect(network.complaints.length).toBe(completion.length);
  });

  it.each([
    ['in plain', {}],
    ['sealed', { seals: true }],
  ])('that an order cannot reach, %s, is accused of nothing', async (_how, behaviour) => {
    const client = await open({ providers: [behaviour, behaviour] });
    const [gone, there] = fixture.network.providers as [FakeProvider, FakeProvider];
    const listReports = () => fixture.network.reports.map(({ outcome }) => outcome);
    // Away before the gateway has ever met it, so that it has no seal key of it.
    gone.behaviour = { ...behaviour, isAway: true };
    for (let i = 0; i < 12 || !listReports().includes('refused'); i++) await client.chat.completions.create(chat);
    there.behaviour = gone.behaviour;
    const failed = client.chat.completions.create(chat);
    await expect(failed).rejects.toMatchObject({ status: 503, code: 'provider_unreachable' });
    await expect.poll(() => new Set(listReports())).toEqual(new Set(['refused', 'ok']));
    expect(fixture.network.complaints).toEqual([]);
  });

  const cheats: [what: string, behaviour: ProviderBehaviour, reason: string][] = [
    ['signs another text', { signedText: 'something else' }, 'response-hash'],
    [
      'draws another token',
      { bend: { row: (row, i) => (i === 3 ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row) } },
      'draw-replay',
    ],
    ['samples otherwise', { bend: { header: (h) => ({ ...h, sketchBankSeed: new Uint8Array(32) }) } }, 'sketch-bank'],
    [
      'bills a prompt that the request cannot make',
      { bend: { header: (h) => ({ ...h, promptTokenCount: 2_000 }) } },
      'fee',
    ],
    ['hides the agreement of its cohort', { bend: { edges: addRoots({}) } }, 'cohort'],
    [
      'hides the root of a shard',
      { cohort: {}, bend: { edges: addRoots({ roots: ([first]) => [first, undefined] }) } },
      'boundary-chain',
    ],
    ['opens nothing', { withholdOpening: true }, 'opening-withheld'],
    ['signs nothing', { withoutRecord: true }, 'abandoned'],
  ];
  it('that leads a cohort hands the agreement out with the receipt', async () => {
    const client = await open({ providers: [{ cohort: {}, bend: { edges: addRoots({}) } }] });
    const { response } = await client.chat.completions.create(chat).withResponse();
    const answer = await fetch(`${fixture.url}${response.headers.get('x-ogong-receipt')}`);
    const { checks, ...receipt } = (await answer.json()) as { readonly checks: readonly Check[] };
    expect(checks.filter(({ id }) => /cohort|boundary/.test(id)).map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...[
        'boundary-roots pass',
        'boundary-form pass',
        'boundary-inputs pass',
        'cohort pass',
        'boundary-chain pass',
        'boundary-signatures pass',
      ],
    ]);
    const { cohort = new Uint8Array() } = parseReceipt(receipt);
    expect(parseCohortAgreement(cohort).terms.members).toHaveLength(3);
  });

  it('that is too busy to open at once is asked again, and is not reported', async () => {
    const client = await open({ providers: [{ busyOpenings: 4 }] });
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).not.toBe('');
    expect(fixture.network.complaints).toEqual([]);
  });

  it('that sends more than was asked for is cut off', async () => {
    // 64 times so many letters of two bytes each: too many bytes, and not too many letters.
    const client = await open({ providers: [{ floodSize: 12_000 }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });
    await expect.poll(() => fixture.network.reports.at(-1)?.outcome).toBe('abandoned');
  });

  const token = (change: Partial<TokenLogprob> = {}): TokenLogprob =>
    create(TokenLogprobSchema, { id: 5, bytes: new Uint8Array(2), logprob: -1, alternatives: [], ...change });
  it.each<[string, Partial<TokenLogprob>]>([
    ['tokens of a megabyte', { bytes: new Uint8Array(1_000_000) }],
    ['more alternatives than were asked for', { alternatives: [token(), token(), token()] }],
    ['alternatives of a megabyte', { alternatives: [token({ bytes: new Uint8Array(1_000_000) })] }],
    ['alternatives of alternatives', { alternatives: [token({ alternatives: [token()] })] }],
  ])('that sends %s is cut off', async (_what, change) => {
    const client = await open({ providers: [{ showLogprob: (signed) => ({ ...signed, ...change }) }] });
    const asked = { ...chat, logprobs: true, top_logprobs: 2 };
    await expect(client.chat.completions.create(asked)).rejects.toMatchObject({
      status: 502,
      code: 'provider_failed',
      message: expect.stringContaining('more than the request allows'),
    });
  });

  it('that sends more log-probabilities in one part than a call takes arguments is left for another', async () => {
    const client = await open({ providers: [{ burstTokens: 130_000 }] });
    const asked = { ...chat, logprobs: true, max_tokens: 131_072 };
    await expect(client.chat.completions.create(asked)).rejects.toMatchObject({ code: 'ogong_check_failed' });
  });

  it('that sends log-probabilities unasked is cut off', async () => {
    const client = await open({ providers: [{ unasked: token() }] });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 502, code: 'provider_failed' });
  });

  it('that shows other log-probabilities than it signs is caught', async () => {
    const showLogprob = (signed: TokenLogprob): TokenLogprob => ({ ...signed, logprob: signed.logprob / 2 });
    const client = await open({ providers: [{ showLogprob }] });
    await expect(client.chat.completions.create({ ...chat, logprobs: true })).rejects.toMatchObject({
      status: 502,
      code: 'ogong_check_failed',
      message: expect.stringContaining('logprobs: position 0'),
    });
    await expect.poll(() => fixture.network.reports.at(-1)?.outcome).toBe('failed-check');
  });

  it('that shows the signed tokens with other texts is caught', async () => {
    const showLogprob = (signed: TokenLogprob): TokenLogprob => ({ ...signed, bytes: Uint8Array.of(signed.id % 128) });
    const client = await open({ providers: [{ showLogprob }] });
    await expect(client.chat.completions.create({ ...chat, logprobs: true })).rejects.toMatchObject({
      status: 502,
      code: 'ogong_check_failed',
      message: expect.stringContaining('logprob-bytes'),
    });
  });

  it('that streams its reply under another format than it signs is caught', async () => {
    const client = await open({
      providers: [{ saidFormat: { calls: 'hermes', reasoning: 'opened', marks: 'think' } }],
    });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    const error = await read().catch((e: unknown) => e);
    expect(error).toEqual(fault({ code: 'ogong_check_failed', type: 'server_error' }));
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
    expect(fixture.network.complaints[0]?.reason).toBe('answer-format');
  });

  it.each(cheats)('that %s is caught, reported and not asked again', async (_what, behaviour, reason) => {
    const client = await open({ providers: [behaviour, {}] });
    const { network } = fixture;
    // The client gets a good answer from every drawn provider.
    for (let i = 0; i < 6; i++) {
      expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(STORY);
    }
    const cheat = network.providers[0]!;
    const mine = network.orders.filter(({ providerId }) => Buffer.compare(providerId, cheat.id) === 0);
    if (reason !== 'abandoned') expect(mine.length).toBeLessThanOrEqual(1);
    await expect.poll(() => network.complaints.length).toBe(mine.length);
    for (const complaint of network.complaints) expect(complaint.reason).toBe(reason);
  });

  it('that cheats leaves a streaming client with an error after the text', async () => {
    const client = await open({ providers: [{ signedText: 'something else' }] });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const finishes: unknown[] = [];
    const read = async () => {
      for await (const { choices } of stream) finishes.push(choices[0]?.finish_reason);
    };
    const error = await read().catch((e: unknown) => e);
    expect(error).toEqual(fault({ code: 'ogong_check_failed', type: 'server_error' }));
    expect(finishes.every((reason) => reason === null)).toBe(true);
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
    const [complaint] = fixture.network.complaints;
    expect(complaint?.record?.record.length).toBeGreaterThan(0);
    await expect.poll(() => fixture.network.proofs[0]?.length).toBeGreaterThan(0);
    expect(complaint?.openingHash).toEqual(crypto.sha256(fixture.network.proofs[0] as Uint8Array));
    const { ledger } = fixture.network.chain;
    const { payer, orderHash } = nameOrder(crypto, ledger, parseOrder(complaint?.order?.order as Uint8Array));
    const { reason, openingHash, signature } = complaint as ComplainRequest;
    const terms = { orderHash, reason, openingHash, record: complaint?.record?.record };
    expect(verifyComplaint(crypto, { ledger, payer }, terms, signature)).toBe(true);
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['failed-check']);
    // The one provider there is, is not asked again.
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'no_provider' });
  });

  it('is left alone when the client leaves', async () => {
    const client = await open({ providers: [{ words: Array(5000).fill(' word'), pauseMs: 2 }] });
    const request = { ...chat, max_tokens: 5000, stream: true as const };
    const stream = await client.chat.completions.create(request);
    for await (const _ of stream) break;
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(1);
    expect(fixture.network.complaints).toEqual([]);
    expect(readWords(fixture.network).at(-1)).toMatchObject({ hasLeft: true });

    const leaving = new AbortController();
    const whole = client.chat.completions.create({ ...request, stream: false }, { signal: leaving.signal });
    await expect.poll(() => fixture.network.orders.length).toBe(2);
    leaving.abort();
    await expect(whole).rejects.toThrow();
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(2);
    expect(readWords(fixture.network).filter(({ hasLeft }) => hasLeft)).toHaveLength(2);
  });

  it('hears how much of a long text has come, in steps, and nothing of a short one', async () => {
    const client = await open({ providers: [{ words: Array(300).fill(' word') }] });
    await client.chat.completions.create({ ...chat, max_tokens: 300 });
    expect(readWords(fixture.network)).toMatchObject([
      { textBytes: 515, hasLeft: false },
      { textBytes: 1030, hasLeft: false },
    ]);
    const [first] = fixture.network.words;
    const order = fixture.network.orders[0] as NamedOrder;
    const text = utf8Encode(' word'.repeat(300));
    const { ledger } = fixture.network.chain;
    const body = fixture.network.requests[0] as Uint8Array;
    const { answer: blind } = computeBlinds(crypto, { body, replyId: order.replyId });
    const shown = { blind, text };
    expect(openProgress(crypto, { ledger, order }, first?.progress as SignedProgress, shown)).toBeDefined();
    await client.chat.completions.create({ ...chat, max_tokens: 20 });
    expect(fixture.network.words).toHaveLength(2);
  });

  it('that cut a reply off is only believed where the client had most of it', async () => {
    const bend = { header: (header: Header): Header => ({ ...header, stopReason: 'cancelled' as const }) };
    const client = await open({ providers: [{ bend, words: Array(300).fill(' word') }] });
    const long = await client.chat.completions.create({ ...chat, max_tokens: 300 });
    expect(long.choices[0]?.finish_reason).toBe('length');
    await expect(client.chat.completions.create({ ...chat, max_tokens: 20 })).rejects.toMatchObject({ status: 502 });
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['stop-strings']);
  });

  it.each([
    [20, true],
    [2, false],
  ])('that sent %i parts of 500 bytes has the word by which it is paid in its receipt (%s)', async (parts, hasWord) => {
    const client = await open({ providers: [{ words: Array(parts).fill('x'.repeat(500)) }] });
    const { id } = await client.chat.completions.create({ ...chat, max_tokens: parts });
    const { progress } = parseReceipt(await (await fetch(`${fixture.url}/v1/receipts/${id}`)).json());
    const said = progress && parseProgress(progress.bytes);
    expect(said !== undefined).toBe(hasWord);
    // All of the text but one window, so that the whole of it is paid.
    if (hasWord) expect(said?.textBytes).toBeGreaterThanOrEqual(parts * 500 - PROGRESS_WINDOW_BYTES);
  });

  it('cannot outrun a client that does not read', async () => {
    await open({ providers: [{ words: Array(4000).fill('x'.repeat(4096)) }], options: { http: { stopGraceMs: 0 } } });
    const controller = new AbortController();
    const response = await fetch(`${fixture.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...chat, stream: true, max_tokens: 4000 }),
      signal: controller.signal,
    });
    const reader = response.body!.getReader();
    await reader.read();
    const [provider] = fixture.network.providers;
    let before = -1;
    while (provider!.sent !== before) {
      before = provider!.sent;
      await sleep(200);
    }
    // 16 MB are on offer; only the buffers on the way are filled.
    expect(before).toBeLessThan(3000);
    controller.abort();
    await expect.poll(() => fixture.network.providers[0]?.cancelled).toBe(1);
  });
});
