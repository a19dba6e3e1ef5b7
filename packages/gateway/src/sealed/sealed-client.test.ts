import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { Refusal } from '@ogong/host/link/link-error';
import { fromBase64, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import { hashBeginning, openProgress, parseProgress } from '@ogong/protocol/exchange/progress';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { encodeFramed, FRAMED_TYPE, splitFramed } from '@ogong/protocol/http/framed-body';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { signSealKey } from '@ogong/protocol/sealing/seal-key';
import { openPart } from '@ogong/protocol/sealing/sealed-part';
import { encodeValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { parseSealedOffer, type SealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import {
  parseDisclosure,
  type SealedDisclosure,
  toDisclosureJson,
  verifyDisclosure,
} from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { type ClientOptions, createCheckedFetch, createClient, SealedCallError } from '@ogong/sdk';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createReceiptStore } from '../books/receipt-store.ts';

let fixture: GatewayFixture;
afterEach(() => fixture.close());

const PROMPT = 'The zebra Quixambre hid a turquoise umbrella.';
const WORDS = ['Quixambre', ' has', ' gone', ' to', ' the', ' lagoon', ' of', ' Vandobel', '.'];
const ANSWER = WORDS.join('');
const params = { model: FAKE_MODEL, messages: [{ role: 'user', content: PROMPT }] };
/** The fixture's parties are in no list. */
const ALLOW = ['router', 'validator', 'admission', 'intake', 'model-root'];

/** A gateway in the middle changes one answer to one path. */
type Meddle = (path: string, text: string) => string | Response;

interface Opened {
  readonly client: ReturnType<typeof createClient>;
  readonly options: ClientOptions;
  /** Bodies of requests and answers, as they pass. */
  readonly passed: string[];
  readonly paths: string[];
}

async function open(
  providers: readonly ProviderBehaviour[] = [{}],
  { meddle, ...more }: { readonly meddle?: Meddle } & Partial<ClientOptions> & Pick<FixtureOptions, 'keysPath'> = {},
): Promise<Opened> {
  const { keysPath, ...own } = more;
  const behaviours = providers.map((behaviour) => ({ seals: true, words: WORDS, ...behaviour }));
  fixture = await createGatewayFixture({ providers: behaviours, ...(keysPath && { keysPath }) });
  const { ledger, network } = fixture.network.chain;
  const passed: string[] = [];
  const paths: string[] = [];
  const meddling: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input));
    paths.push(pathname);
    if (init?.body) passed.push(new TextDecoder().decode(init.body as Uint8Array));
    const response = await fetch(input, init);
    // Openings are no text.
    if (!/json|event-stream/.test(response.headers.get('content-type') ?? '')) return response;
    const text = await response.text();
    passed.push(text);
    const bent = meddle?.(pathname, text) ?? text;
    return bent instanceof Response ? bent : new Response(bent, response);
  };
  const trust = { ledger, settlement: network.settlement };
  const options = { baseUrl: fixture.url, trust, allow: ALLOW, fetch: meddling, isSealed: true, ...own };
  return { client: createClient(options), options, passed, paths };
}

/** The end of a long answer comes once its payer has signed for the beginning. */
const untilSigned = (token: number): Promise<unknown> | undefined =>
  token === 30 ? vi.waitUntil(() => fixture.network.words.length > 0, { timeout: 60_000 }) : undefined;

const failure = (call: Promise<unknown>): Promise<SealedCallError> =>
  call.then(
    () => expect.fail('it was taken'),
    (error: SealedCallError) => error,
  );

/** Reads a stream to its end. Anything else is whole. */
async function read(answer: object): Promise<void> {
  if (Symbol.asyncIterator in answer) for await (const _ of answer as AsyncIterable<unknown>);
}

/** Notes what is sent in plain. */
const spy =
  (passed: string[]): typeof fetch =>
  (input, init) => {
    if (init?.body) passed.push(new TextDecoder().decode(init.body as Uint8Array));
    return fetch(input, init);
  };

/** Of the gateway: its disk with the write-ahead log, and its log lines. */
function readGateway(): Buffer {
  const files = readdirSync(fixture.directory).map((name) => readFileSync(join(fixture.directory, name)));
  return Buffer.concat([...files, Buffer.from(fixture.log.join('\n'))]);
}

describe('a client that seals its requests', () => {
  it('has whole answers and streams checked, and its gateway sees neither prompt nor answer', async () => {
    const { client, passed, paths } = await open();
    const { response, checks, receipt } = await client.chat.completions.create(params);
    expect(response.choices[0]?.message.content).toBe(ANSWER);
    expect(response.usage?.completion_tokens).toBe(WORDS.length);
    expect(checks.find(({ id }) => id === 'response-hash')?.status).toBe('pass');
    expect(receipt.opening).toHaveProperty('bytes');
    const stream = await client.chat.completions.create({ ...params, stream: true });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe(ANSWER);
    expect(stream.checked?.replies).toHaveLength(1);
    const completion = await client.completions.create({ model: FAKE_MODEL, prompt: PROMPT, temperature: 0 });
    expect(completion.response.choices[0]?.text).toBe(ANSWER);

    const pieces = ['Quixambre', 'lagoon', 'Vandobel'];
    for (const piece of pieces) {
      expect(
        passed.some((body) => body.includes(piece)),
        `wire: ${piece}`,
      ).toBe(false);
      const encoded = toBase64(utf8Encode(piece)).slice(0, 8);
      expect(
        passed.some((body) => body.includes(encoded)),
        `wire: ${encoded}`,
      ).toBe(false);
      expect(readGateway().includes(piece), `disk or log: ${piece}`).toBe(false);
    }
    // Of the operator's steps of a reply each has the whole one, without a word of it.
    const noted = fixture.steps.newest().flatMap((id) => fixture.steps.find(id));
    expect(noted.filter(({ isWhole }) => isWhole).map(({ name }) => name)).toEqual([
      `text_completion ${FAKE_MODEL}`,
      `chat ${FAKE_MODEL}`,
      `chat ${FAKE_MODEL}`,
    ]);
    for (const piece of pieces) expect(JSON.stringify(noted)).not.toContain(piece);
    expect(paths).not.toContain('/v1/chat/completions');
    // The same search finds them where nothing is sealed.
    await client.chat.completions.create({ ...params, ogong: { sealed: false } });
    for (const piece of pieces) {
      expect(passed.some((body) => body.includes(piece))).toBe(true);
      expect(readGateway().includes(piece)).toBe(true);
    }
  });

  it('tells its gateway what it holds, which tells the validators, and knows the fee', async () => {
    const { options } = await open();
    const trust = { ...options.trust, validators: fixture.network.chain.validators() };
    const client = createClient({ ...options, trust, allow: ['router', 'model-root'] });
    const { replies } = await client.chat.completions.create(params);
    expect(replies[0]?.checks.find(({ id }) => id === 'intake')?.status).toBe('pass');
    expect(fixture.network.deliveries).toHaveLength(1);
    const { replyId } = replies[0] ?? { replyId: '' };
    const stored = await (await fetch(`${fixture.url}/v1/receipts/${replyId}`)).json();
    expect(stored).toMatchObject({ status: { state: 'delivered' }, opening: { url: expect.any(String) } });
    expect(stored).not.toHaveProperty('request');
    expect((await fetch(`${fixture.url}/v1/receipts/${replyId}/opening`)).status).toBe(404);
    expect(await (await fetch(`${fixture.url}/v1/usage`)).text()).toContain(`"output_tokens":${WORDS.length}`);
  });

  it('has an encapsulation for each piece where it wants that, and then nothing to disclose', async () => {
    const { client, passed } = await open();
    const wanted = { ...params, ogong: { seal_suite: 2 as const } };
    const { response } = await client.chat.completions.create(wanted);
    expect(response.choices[0]?.message.content).toBe(ANSWER);
    const units = passed.flatMap((text) => [...text.matchAll(/"unit":"([^"]+)"/g)].map(([, unit]) => unit as string));
    expect(units.length).toBeGreaterThanOrEqual(WORDS.length);
    for (const unit of units) expect(fromBase64(unit).length).toBeGreaterThan(1_120);
    await fixture.close();
    const { client: showing } = await open([{}], { onSealed: () => {} });
    expect((await failure(showing.chat.completions.create(wanted))).code).toBe('unsupported');
    expect(fixture.network.orders).toEqual([]);
  });

  it('asks others where a provider dies or refuses before anything is shown', async () => {
    const { client } = await open([{ dieAfter: 0 }, { refuse: new Refusal('unavailable', 'busy') }, {}]);
    const { response } = await client.chat.completions.create(params);
    expect(response.choices[0]?.message.content).toBe(ANSWER);
  });

  it.each([false, true])('reads why its provider refuses, which its gateway does not (stream: %s)', async (stream) => {
    const words = 'the input Quixambre is missing';
    const { client, passed } = await open([{ refuse: new Refusal('invalid', words) }]);
    const { create } = client.chat.completions;
    const asked: Promise<object> = stream ? create({ ...params, stream }) : create(params);
    const error = await failure(asked.then(read));
    expect(error).toMatchObject({ name: 'GatewayApiError', code: 'request_refused', message: words });
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
    expect(passed.join('')).toContain('under the seal');
    expect(readGateway().includes('Quixambre')).toBe(false);
  });

  it('reads the message of its gateway where the sealed reason was changed', async () => {
    const meddle: Meddle = (_path, text) =>
      text.replace(/"unit":"(.)/, (_all, digit: string) => `"unit":"${digit === 'A' ? 'B' : 'A'}`);
    const { client } = await open([{ refuse: new Refusal('invalid', 'Quixambre') }], { meddle });
    const error = await failure(client.chat.completions.create(params));
    expect(error).toMatchObject({ code: 'request_refused', message: expect.stringContaining('under the seal') });
  });

  it('goes on with another provider where one dies in mid-stream, and the stream never breaks', async () => {
    const { client } = await open([{ dieAfter: 4 }, { dieAfter: 4 }, {}]);
    const stream = await client.chat.completions.create({ ...params, stream: true });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe(ANSWER);
    expect(stream.checked?.checks.find(({ id }) => id === 'answer')?.status).toBe('pass');
  });

  it.each<[string, readonly string[]]>([
    ['says something else than was shown', ['Something', ' else', ' than', ' was', ' shown', '.']],
    ['ends before what was shown', ['Quixambre', ' has']],
  ])('does not go on with a provider that %s', async (_, words) => {
    const { client } = await open([{ dieAfter: 4 }, { words }, { words }]);
    // Until one that dies was drawn first.
    const codes = new Set<string>();
    while (!codes.has('repeated')) {
      const stream = await client.chat.completions.create({ ...params, stream: true });
      const read = async () => {
        for await (const _chunk of stream);
      };
      await read().catch((error: { readonly code: string }) => codes.add(error.code));
    }
  });

  it('breaks where nothing says that another provider draws the same', async () => {
    const { client } = await open([{ dieAfter: 4 }, { dieAfter: 4 }, { dieAfter: 4 }]);
    const stream = await client.chat.completions.create({ ...params, stream: true, logprobs: true });
    const read = async () => {
      for await (const _chunk of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: 'provider_failed' });
    expect(fixture.network.orders).toHaveLength(1);
  });

  it('signs for long answers as they come, by a hash', async () => {
    const words = Array.from({ length: 40 }, (_, i) => ` ${i}`.padEnd(40, 'x'));
    const { options } = await open([{ words, waitAt: untilSigned }]);
    // Nothing on the way that waits for the end.
    const client = createClient({ ...options, fetch });
    const { receipt } = await client.chat.completions.create({ ...params, max_tokens: 40 });
    const [word] = fixture.network.words;
    const said = parseProgress(word?.progress?.progress ?? new Uint8Array());
    expect(said.textBytes).toBeGreaterThanOrEqual(PROGRESS_STEP_BYTES);
    const begun = utf8Encode(words.join('')).subarray(0, said.textBytes);
    // A gateway that sees no body does not know the blind.
    expect(said.textHash).not.toEqual(nobleCrypto.sha256(begun));
    if (!('bytes' in receipt.opening)) throw new Error('the receipt is compact');
    const { blind } = parseOpening(receipt.opening.bytes);
    expect(said.textHash).toEqual(hashBeginning(nobleCrypto, blind, begun));
  });

  it('shows log-probabilities that are the signed ones', async () => {
    const { client } = await open();
    const { response } = await client.chat.completions.create({ ...params, logprobs: true, top_logprobs: 2 });
    expect(response.choices[0]?.logprobs).toMatchObject({ content: expect.any(Array) });
  });

  it('has several choices, each of its own order, whole and as one stream', async () => {
    const { client, passed, paths } = await open([{}, {}, {}]);
    const several = { ...params, n: 3, temperature: 0 };
    const { response, replies } = await client.chat.completions.create(several);
    expect(response.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, ANSWER],
      [1, ANSWER],
      [2, ANSWER],
    ]);
    expect(new Set(replies.map(({ replyId }) => replyId)).size).toBe(3);
    expect(fixture.network.orders.map(({ choice }) => choice).sort()).toEqual([0, 1, 2]);
    expect(paths.filter((path) => path.endsWith('/outcome'))).toHaveLength(3);

    const stream = await client.chat.completions.create({
      ...{ ...several, n: 2, stream: true },
      stream_options: { include_usage: true },
    });
    const texts = ['', ''];
    let completionTokens: number | undefined;
    for await (const { choices, usage } of stream) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? '';
      completionTokens = usage?.completion_tokens ?? completionTokens;
    }
    expect(texts).toEqual([ANSWER, ANSWER]);
    expect(completionTokens).toBe(2 * WORDS.length);
    expect(stream.checked?.replies.map(({ choice }) => choice)).toEqual([0, 1]);
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
  });

  it('has none where one of several choices does not open', async () => {
    let replies = 0;
    const meddle: Meddle = (path, text) => {
      if (path !== '/v1/ogong/replies' || ++replies !== 2) return text;
      const events = text.split('\n\n');
      return events.toSpliced(sealedAt(events, 2), 0, events[sealedAt(events, 1)] as string).join('\n\n');
    };
    const { client } = await open([{}, {}], { meddle });
    const call = client.chat.completions.create({ ...params, n: 2 });
    expect(await failure(call)).toMatchObject({ code: 'out-of-order' });
  });

  it('discloses one reply, which then opens for a third party, and no other one', async () => {
    const disclosed: SealedDisclosure[] = [];
    const { client } = await open([{}], { onSealed: (one) => disclosed.push(one) });
    const { receipt } = await client.chat.completions.create(params);
    await client.chat.completions.create(params);
    const [first, second] = disclosed.map((one) => parseDisclosure(JSON.parse(JSON.stringify(toDisclosureJson(one)))));
    const record = parseRecordV2(receipt.record.bytes);
    const tools = { crypto: nobleCrypto, seal: nodeSeal };
    const verify = (change: Partial<SealedDisclosure>, of = record) =>
      verifyDisclosure(tools, { ...(first as SealedDisclosure), ...change }, of);
    const failed = (...given: Parameters<typeof verify>) =>
      verify(...given)
        .checks.filter(({ status }) => status !== 'pass')
        .map(({ id, status }) => `${status} ${id}`);
    expect(verify({})).toMatchObject({ text: ANSWER });
    expect(failed({})).toEqual([]);
    // Units of another reply, cut, out of order, changed, and checked against another record.
    const { units } = first as SealedDisclosure;
    expect(failed({ exporterSecret: second?.exporterSecret as Uint8Array })).toEqual([
      'fail exporter-secret',
      'skip sealed-record',
    ]);
    expect(failed({ head: second?.head as Uint8Array })).toEqual(['fail exporter-secret', 'skip sealed-record']);
    expect(failed({ units: units.slice(0, -1) })).toEqual(['fail sealed-units', 'skip sealed-record']);
    expect(failed({ units: units.toReversed() })).toEqual(['fail sealed-units', 'skip sealed-record']);
    const [unit, ...rest] = units as [Uint8Array, ...Uint8Array[]];
    expect(failed({ units: [unit.with(20, (unit[20] as number) ^ 1), ...rest] })).toEqual([
      'fail sealed-units',
      'skip sealed-record',
    ]);
    expect(failed({}, { ...record, responseHash: new Uint8Array(32) })).toEqual(['fail sealed-record']);
    expect(failed({}, { ...record, commitRoot: new Uint8Array(32) })).toEqual(['fail sealed-record']);
    expect(failed({ replyId: second?.replyId as Uint8Array })).toEqual(['fail sealed-record']);
  });

  it('holds no slot of its provider where its gateway cannot pay for the order', async () => {
    const meddle: Meddle = (path, text) => {
      if (path === '/v1/ogong/offers') {
        fixture.network.setChannel({ admitted: 10n, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: 10n });
      }
      return text;
    };
    const { client } = await open([{}], { meddle });
    await expect(client.chat.completions.create(params)).rejects.toThrow();
    expect(fixture.network.orders).toEqual([]);
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toContain('unused');
  });

  it('has tensors, and its gateway sees neither inputs nor outputs', async () => {
    const { client, passed, paths } = await open();
    const inputs = { x: [[1.03125, 2, 0.5]] };
    const { response, receipt, checks } = await client.infer({ model: FAKE_MODEL, inputs, outputs: ['sum'] });
    expect(response.outputs).toEqual({ sum: { dtype: 'float32', shape: [1], data: [3.53125] } });
    expect(receipt.endpoint).toBe('infer');
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(paths).not.toContain('/v1/infer');
    for (const marker of ['1.03125', '3.53125']) {
      expect(passed.some((body) => body.includes(marker))).toBe(false);
      expect(readGateway().includes(marker)).toBe(false);
    }
  });

  it('has embeddings and scores, and its gateway sees neither inputs nor vectors', async () => {
    const { client, options, passed, paths } = await open();
    const inputs = [PROMPT, 'The heron Vandobel lost a lantern.'];
    const { response, checks, receipt } = await client.embeddings.create({ model: FAKE_MODEL, input: inputs });
    expect(response.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(checks.find(({ id }) => id === 'vectors')?.status).toBe('pass');
    expect(receipt.endpoint).toBe('embedding');
    const encoded = await client.embeddings.create({ model: FAKE_MODEL, input: inputs, encoding_format: 'base64' });
    const first = encoded.response.data[0]?.embedding;
    const reranked = await client.rerank({ model: FAKE_MODEL, query: 'Where is Quixambre?', documents: inputs });
    expect(reranked.response.results).toHaveLength(2);
    expect(fixture.network.requests).toHaveLength(3);
    expect(paths.filter((path) => path.endsWith('/outcome'))).toHaveLength(3);

    expect(typeof first).toBe('string');
    const vector = String(first).slice(0, 16);
    for (const marker of ['Quixambre', 'Vandobel', toBase64(utf8Encode('Quixambre')).slice(0, 10), vector]) {
      expect(
        passed.some((body) => body.includes(marker)),
        `wire: ${marker}`,
      ).toBe(false);
      expect(readGateway().includes(marker), `disk or log: ${marker}`).toBe(false);
    }
    // The same in plain is seen: the search finds what is there.
    const plain = createClient({ ...options, isSealed: false, fetch: spy(passed) });
    await plain.embeddings.create({ model: FAKE_MODEL, input: inputs });
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(true);
  });

  it('has embeddings of more inputs than one order has, each order sealed', async () => {
    const { client, passed } = await open();
    const input = Array.from({ length: 257 }, (_, i) => `Quixambre ${i}`);
    const { response, replies } = await client.embeddings.create({ model: FAKE_MODEL, input });
    expect(response.data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
    expect(replies.map(({ choice }) => choice)).toEqual([0, 1]);
    expect(fixture.network.requests).toHaveLength(2);
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
  });

  it('takes no vectors that were changed on their way to the seal', async () => {
    const bendResponse = (bytes: Uint8Array): Uint8Array => bytes.with(3, (bytes[3] as number) ^ 1);
    const { client, paths } = await open([{ bendResponse }]);
    const failed = await failure(client.embeddings.create({ model: FAKE_MODEL, input: PROMPT }));
    expect(failed).toMatchObject({ code: expect.stringMatching(/vectors|response-hash/) });
    expect(paths.filter((path) => path.endsWith('/outcome')).length).toBeGreaterThan(0);
  });

  it('is what other clients ask through the checked fetch', async () => {
    const { options, passed } = await open();
    const checked = createCheckedFetch(options);
    const ask = (body: object, path = '/v1/chat/completions') =>
      checked(`${fixture.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    expect(await (await ask(params)).json()).toMatchObject({ choices: [{ message: { content: ANSWER } }] });
    expect(await (await ask({ ...params, stream: true })).text()).toContain('[DONE]');
    const echoed = await ask({ model: FAKE_MODEL, prompt: PROMPT, echo: true }, '/v1/completions');
    expect(await echoed.json()).toMatchObject({ error: { code: 'ogong_not_sealed' } });
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
  });
});

const stranger = createNobleHybridSigner(new Uint8Array(64).fill(0x5e));
const strangersKey = nodeSeal.openKemKey(new Uint8Array(32).fill(0x5e)).publicKey;

/** An offer with a key that the gateway can open. */
function swapKey(text: string, as: 'own' | 'provider'): string {
  const json = JSON.parse(text) as SealedOfferJson;
  const { ledger, ticket } = parseSealedOffer(json);
  const { providerId } = parseTicket(ticket.bytes);
  const nowMs = Date.now();
  const signed = signSealKey(stranger, {
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract },
    providerId: as === 'own' ? hashHybridKey(nobleCrypto, stranger.publicKey) : providerId,
    ...{ sequence: 2n ** 62n, issuedAtMs: nowMs, expiresAtMs: nowMs + 600_000, key: strangersKey },
  });
  const publicKey = as === 'own' ? signed.providerKey : parseSealedOffer(json).sealKey.publicKey;
  const [bytes, signature] = [toBase64(signed.sealKey), toBase64(signed.signature)];
  return JSON.stringify({ ...json, sealKey: { bytes, publicKey: toBase64(publicKey), signature } });
}

const isOffer = (path: string): boolean => path === '/v1/ogong/offers';
const onOffer =
  (bend: (text: string) => string | Response): Meddle =>
  (path, text) =>
    isOffer(path) ? bend(text) : text;

describe('a gateway that meddles with an offer', () => {
  const change = (fields: (json: SealedOfferJson) => object) => (text: string) => {
    const json = JSON.parse(text) as SealedOfferJson;
    return JSON.stringify({ ...json, ...fields(json) });
  };
  it.each<[string, string, (text: string) => string | Response]>([
    ['says that it seals nothing', 'unsupported', () => new Response('{}', { status: 404 })],
    ['answers with something else', 'unsupported', () => '{"ok":true}'],
    ['puts a key of its own in its place', 'seal-key', (text) => swapKey(text, 'own')],
    ["signs a key of its own in the provider's name", 'seal-key', (text) => swapKey(text, 'provider')],
    ['names another payer', 'ticket', change(() => ({ payer: `0x${'11'.repeat(20)}` }))],
    ['names another chain', 'ticket', change(({ ledger }) => ({ ledger: { ...ledger, chainId: '1' } }))],
    ['shows another list', 'match', change(() => ({ candidates: toBase64(new Uint8Array(8)) }))],
    [
      'forges the ticket',
      'ticket',
      change(({ ticket }) => ({ ticket: { ...ticket, signature: toBase64(new Uint8Array(2484)) } })),
    ],
  ])('and %s gets no request', async (_, code, bend) => {
    const { client, passed, paths } = await open([{}], { meddle: onOffer(bend) });
    expect(await failure(client.chat.completions.create(params))).toMatchObject({ code });
    expect(paths).toEqual(['/v1/ogong/offers']);
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
  });

  it('gets none from a client that knows no router and does not do without', async () => {
    const { client, paths } = await open([{}], { allow: ALLOW.filter((id) => id !== 'router') });
    expect(await failure(client.chat.completions.create(params))).toMatchObject({ code: 'unchecked' });
    expect(paths).toEqual(['/v1/ogong/offers']);
  });

  it('gets none for a request that cannot be sealed', async () => {
    const { client, paths } = await open();
    const call = client.completions.create({ model: FAKE_MODEL, prompt: PROMPT, echo: true });
    expect(await failure(call)).toMatchObject({ code: 'unsupported' });
    expect(paths).toEqual([]);
  });
});

/** Changes the events of a sealed reply. */
const onEvents =
  (bend: (events: string[]) => readonly string[]): Meddle =>
  (path, text) =>
    path === '/v1/ogong/replies' ? bend(text.split('\n\n')).join('\n\n') : text;
const sealedAt = (events: readonly string[], nth: number): number =>
  events.map((event, at) => (event.includes('"sealed"') ? at : -1)).filter((at) => at >= 0)[nth] ?? -1;

describe('a gateway that meddles with a sealed reply', () => {
  it.each<[string, string, (events: string[]) => readonly string[]]>([
    ['repeats a piece', 'out-of-order', (all) => all.toSpliced(sealedAt(all, 2), 0, all[sealedAt(all, 1)] as string)],
    ['leaves a piece out', 'out-of-order', (all) => all.toSpliced(sealedAt(all, 2), 1)],
    [
      'swaps two pieces',
      'out-of-order',
      (all) => all.toSpliced(sealedAt(all, 2), 2, all[sealedAt(all, 3)] as string, all[sealedAt(all, 2)] as string),
    ],
    ['cuts the end', 'truncated', (all) => all.filter((event, at) => at < 5 || !event.includes('"sealed"'))],
    ['says nothing more', 'truncated', (all) => all.slice(0, 4)],
    [
      'changes a piece',
      'not-opened',
      (all) =>
        all.map((event, at) =>
          at === sealedAt(all, 1)
            ? event.replace(/("unit":".{40})(.)/, (_, before, one) => `${before}${one === 'A' ? 'B' : 'A'}`)
            : event,
        ),
    ],
    ['answers in plain', 'malformed', (all) => ['data: {"choices":[{"delta":{"content":"hello"}}]}', ...all]],
  ])('and %s is not believed', async (_, code, bend) => {
    const { client, paths } = await open([{}, {}, {}], { meddle: onEvents(bend) });
    const error = await failure(client.chat.completions.create(params));
    expect(error).toBeInstanceOf(SealedCallError);
    // That units do not open its gateway hears from nobody else.
    expect(paths.some((path) => path.endsWith('/outcome'))).toBe(code !== 'truncated');
    // The last piece holds the opening.
    expect(error.code).toBe(code);
  });
});

describe('a sealed reply that fails its check', () => {
  it('is complained of without a text, and the provider stays for others', async () => {
    const { client, options } = await open([{ signedText: 'something else' }]);
    const error = await failure(client.chat.completions.create(params));
    expect(error).toMatchObject({ code: 'response-hash' });
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
    const [complaint] = fixture.network.complaints;
    expect(complaint).toMatchObject({ reason: 'response-hash', openingHash: new Uint8Array() });
    expect(fixture.network.deliveries).toHaveLength(0);
    // It is still drawn, for another client.
    (fixture.network.providers[0] as { behaviour: ProviderBehaviour }).behaviour = { seals: true, words: WORDS };
    const other = createClient(options);
    expect((await other.chat.completions.create(params)).response.choices[0]?.message.content).toBe(ANSWER);
  });

  it('is complained of once if its client has paid no fees', async () => {
    const bad = { signedText: 'something else' };
    const { options } = await open([bad, bad]);
    for (let i = 0; i < 2; i++) await failure(createClient(options).chat.completions.create(params));
    await expect.poll(() => fixture.log.some((line) => line.includes('beyond the ration of its client'))).toBe(true);
    await expect.poll(() => fixture.network.complaints.length).toBe(1);
  });

  it('is complained of with its record where its client said so while it ran', async () => {
    const { options } = await open([{ pauseMs: 20 }]);
    const telling: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/v1/ogong/replies')) return response;
      const { json } = splitFramed(init?.body as Uint8Array, 65_536);
      const { reply_id } = JSON.parse(new TextDecoder().decode(json)) as { reply_id: string };
      const told = await fetch(`${fixture.url}/v1/ogong/replies/${reply_id}/outcome`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ outcome: 'failed', reason: 'not-opened' }),
      });
      expect(told.status).toBe(200);
      return response;
    };
    await createClient({ ...options, fetch: telling }).chat.completions.create(params);
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['not-opened']);
    expect(fixture.network.complaints[0]?.record).toBeDefined();
    expect(fixture.network.deliveries).toEqual([]);
  });

  it('keeps its provider out of what this client asks next, and of nothing that others ask', async () => {
    const { client, options } = await open([{ signedText: 'something else' }, {}]);
    const [bad] = fixture.network.providers;
    const served = () => fixture.network.orders.map(({ providerId }) => toHex(providerId));
    // Until the bad one was drawn: a whole answer that fails is asked of somebody else.
    while (!served().includes(toHex(bad?.id ?? new Uint8Array()))) await client.chat.completions.create(params);
    const before = served().length;
    for (let i = 0; i < 12; i++) await client.chat.completions.create(params);
    expect(served().slice(before)).not.toContain(toHex(bad?.id ?? new Uint8Array()));
    const other = createClient(options);
    while (
      !served()
        .slice(before)
        .includes(toHex(bad?.id ?? new Uint8Array()))
    )
      await other.chat.completions.create(params);
  });

  it("that its provider cannot open is nobody's fault", async () => {
    const { client } = await open([{ refuse: new Refusal('invalid', 'the sealed request does not open') }]);
    await expect(client.chat.completions.create(params)).rejects.toMatchObject({ code: 'request_refused' });
    await expect.poll(() => fixture.network.reports.map(({ outcome }) => outcome)).toEqual(['unused']);
    expect(fixture.network.complaints).toEqual([]);
  });

  it.each([true, 'milestone' as const])(
    'of a provider that answers in plain is cut off by the gateway (%s)',
    async (breaksSeal) => {
      const { client, passed } = await open([{ breaksSeal }]);
      await expect(client.chat.completions.create(params)).rejects.toMatchObject({ code: 'provider_failed' });
      await expect.poll(() => fixture.network.complaints.length).toBe(1);
      // The plain text reaches nobody and is stored nowhere.
      const said = 'for everybody to read';
      expect(passed.some((body) => body.includes(said))).toBe(false);
      expect(readGateway().includes(said)).toBe(false);
      const noted = fixture.steps.newest().flatMap((id) => fixture.steps.find(id));
      expect(
        JSON.stringify([noted, fixture.network.complaints], (_, value) =>
          typeof value === 'bigint' ? `${value}` : value,
        ),
      ).not.toContain(said);
    },
  );
});

describe('an offer', () => {
  const directory = createTestDirectory('sealed-offers');
  afterEach(() => directory.remove());

  interface Asked {
    readonly key?: string;
    readonly fields?: object;
  }

  async function post(path: string, body: object, key?: string) {
    const isBytes = body instanceof Uint8Array;
    const headers = {
      'content-type': isBytes ? FRAMED_TYPE : 'application/json',
      ...(key && { authorization: `Bearer ${key}` }),
    };
    const sent = isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body);
    const response = await fetch(`${fixture.url}${path}`, { method: 'POST', headers, body: sent });
    const text = await response.text();
    return { status: response.status, text };
  }

  function ask({ key, fields }: Asked = {}) {
    const nonce = toHex(globalThis.crypto.getRandomValues(new Uint8Array(32)));
    const request = { endpoint: 'chat', model: FAKE_MODEL, prompt_bound: 100, max_tokens: 20 };
    return post('/v1/ogong/offers', { ...request, request_hash: '11'.repeat(32), nonce, ...fields }, key);
  }
  const idOf = (text: string): string => toHex(parseTicket(parseSealedOffer(JSON.parse(text)).ticket.bytes).replyId);

  it('is for the key that asked, within what the key may ask for', async () => {
    const keysPath = join(directory.path, 'accounts.db');
    mkdirSync(directory.path, { recursive: true });
    const keys = await Promise.all([
      addTestKey({ path: keysPath, name: 'one' }),
      addTestKey({ path: keysPath, name: 'two' }),
      addTestKey({ path: keysPath, name: 'poor', budgetAtomic: 1n }),
      addTestKey({ path: keysPath, name: 'narrow', models: ['ogong/verified/other/*'] }),
    ]);
    const [one, two, poor, narrow] = keys.map(({ secret }) => secret) as [string, string, string, string];
    await open([{}], { keysPath });
    expect((await ask()).status).toBe(401);
    expect((await ask({ key: narrow })).status).toBe(403);
    const offered = await ask({ key: one });
    expect(offered.status).toBe(200);
    const reply_id = idOf(offered.text);
    const buy = (reply_id: string, key: string) =>
      post('/v1/ogong/replies', encodeFramed({ reply_id }, new Uint8Array(8)), key);
    expect((await buy(reply_id, two)).status).toBe(404);
    // In JSON it is none.
    expect((await post('/v1/ogong/replies', { reply_id, envelope: 'AAAA' }, one)).status).toBe(415);
    expect((await post(`/v1/ogong/replies/${reply_id}/outcome`, { outcome: 'failed', reason: 'a' }, two)).status).toBe(
      404,
    );
    const routes = fixture.network.routes;
    expect(await ask({ key: poor })).toMatchObject({ status: 429, text: expect.stringContaining('budget') });
    expect(fixture.network.routes).toBe(routes);
    // A larger budget covers what is known of before, and not what the drawn provider takes for a smaller request.
    const poorly = await ask({ key: poor, fields: { prompt_bound: 1 } });
    const bought = await buy(idOf(poorly.text), poor);
    expect(bought).toMatchObject({ status: 429, text: expect.stringContaining('budget') });
    // The provider refuses a request that does not open, and the offer is used up.
    expect((await buy(reply_id, one)).status).toBeGreaterThanOrEqual(400);
    expect((await buy(reply_id, one)).status).toBe(404);
  });

  it('holds a place among the running requests, and one nonce has one', async () => {
    await open();
    const nonce = '22'.repeat(32);
    expect((await ask({ fields: { nonce } })).status).toBe(200);
    const [again, ...more] = await Promise.all([
      ask({ fields: { nonce } }),
      ...Array.from({ length: 66 }, () => ask()),
    ]);
    // The validator is picked anew, and the reply's name depends on it.
    expect([200, 400]).toContain(again?.status);
    expect(more.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  });

  it.each([
    [{ request_hash: '11' }, 'request_hash'],
    [{ prompt_bound: 0 }, 'prompt_bound'],
    [{ max_tokens: 10 ** 9 }, 'max_tokens'],
    [{ exclude: Array(9).fill('11'.repeat(32)) }, 'exclude'],
    [{ ogong: { salt: 'x' } }, 'ogong.salt'],
    [{ ogong: { sort: 'luck' } }, 'ogong.sort'],
    [{ messages: [] }, 'messages'],
    [{ model: 'gpt' }, 'model'],
    [{ model: 'ogong/tee/test/synthetic' }, 'tee'],
  ])('is refused for %j', async (fields, named) => {
    await open();
    const { status, text } = await ask({ fields });
    expect([400, 404]).toContain(status);
    expect(text).toContain(named);
  });
});

it('keeps no receipt of a private sealed call after its verdict, and publishes none', async () => {
  const { client, options, paths } = await open([{}], { settlementType: 'private' });
  await client.chat.completions.create(params);
  const { replyId = new Uint8Array() } = fixture.network.orders[0] ?? {};
  const receipts = createReceiptStore(fixture.books);
  await expect.poll(() => receipts.get(toHex(replyId))).toBeDefined();
  const verdict = { state: 'settled', verdict: 'accept', recordHash: new Uint8Array(32), feeAtomic: 0n };
  fixture.network.statuses.set(toHex(replyId), { ...verdict, transaction: `0x${'5e'.repeat(32)}` });
  await expect.poll(() => receipts.dropPrivate(Date.now() + 60_000)).toBe(1);
  expect(await receipts.get(toHex(replyId))).toBeUndefined();

  paths.length = 0;
  const published = createClient({ ...options, settlementType: 'individual' });
  await expect(published.chat.completions.create(params)).rejects.toThrow('a gateway cannot publish a sealed reply');
  expect(paths).toEqual(['/v1/ogong/offers']);
});

describe('a sealed reply that breaks off behind a milestone', () => {
  const LONG = Array.from({ length: 110 }, (_, i) => ` Quixambre${i}`);
  const long = { ...params, max_tokens: 200, stream: true as const };
  const standing = utf8Encode(LONG.slice(0, 96).join(''));

  async function breakOff(first: ProviderBehaviour = {}, meddle?: Meddle) {
    const behaviour = { words: LONG, milestones: [64, 96], dieAfter: 100, ...first };
    const { options, passed } = await open([behaviour], meddle && { meddle });
    const trust = { ...options.trust, validators: fixture.network.chain.validators() };
    const client = createClient({ ...options, trust, allow: ['router', 'model-root'] });
    const stream = await client.chat.completions.create(long);
    const read = async () => {
      for await (const _ of stream);
    };
    const error = await failure(read());
    return { error, passed, replyId: toHex(fixture.network.orders[0]?.replyId ?? new Uint8Array()) };
  }

  it('is paid for what stands, and its gateway reads none of it', async () => {
    const { error, passed, replyId } = await breakOff();
    expect(error.code).toBe('provider_failed');
    const { network } = fixture;
    await expect.poll(() => network.milestones.length).toBe(1);
    const { push, opening, sealed } = network.milestones[0]!;
    expect([push?.request, push?.response, opening].map((one) => one?.length)).toEqual([0, 0, 0]);
    const read = async () => (await fetch(`${fixture.url}/v1/receipts/${replyId}`)).json();
    await expect.poll(read).toMatchObject({ status: { state: 'delivered' } });
    const stored = await read();
    expect(stored).not.toHaveProperty('response');

    // The validator of the order opens it, and nobody else does.
    const order = network.orders[0]!;
    const { ledger } = network.chain;
    const record = push?.record?.record ?? new Uint8Array();
    const { replyId: id, requestHash, validator } = order;
    const recordHash = hashRecord(nobleCrypto, record);
    const milestone = { ledger, validator, replyId: id, requestHash, recordHash };
    const index = network.chain.validators().findIndex(({ address }) => toHex(address) === toHex(validator));
    const open = (at: number) =>
      openPart({ seal: nodeSeal }, { milestone, envelope: sealed, findKey: network.validatorKeys[at]!.find });
    const inner = open(index);
    expect(inner.response).toEqual(standing);
    expect(inner.endpoint).toBe('chat');
    expect(() => open(1 - index)).toThrow('not held here');
    const { answer: blind } = computeBlinds(nobleCrypto, { body: inner.body, replyId: id });
    const word = openProgress(nobleCrypto, { ledger, order }, push!.progress!, { blind, text: standing });
    expect(word).toMatchObject({ hasLeft: true, textBytes: standing.length });
    expect(network.complaints).toEqual([]);
    await expect.poll(() => network.reports.map(({ outcome }) => outcome)).toContain('abandoned');
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
    expect(readGateway().includes('Quixambre')).toBe(false);
  });

  it('is not paid for a milestone that its opening refutes', async () => {
    const row: NonNullable<NonNullable<ProviderBehaviour['bendMilestone']>['row']> = (honest, at) =>
      at === 70 ? { ...honest, rank: honest.rank === 0 ? 1 : 0 } : honest;
    const outcomes: string[] = [];
    const meddle: Meddle = (path, text) => {
      if (path.endsWith('/outcome')) outcomes.push(text);
      return text;
    };
    const { replyId } = await breakOff({ bendMilestone: { row } }, meddle);
    // A client that has nothing to pay for says so, or nothing: then its provider is accused.
    const told = await fetch(`${fixture.url}/v1/ogong/replies/${replyId}/outcome`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ outcome: 'failed', reason: 'draw-replay' }),
    });
    expect(told.status).toBe(200);
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
    expect(fixture.network.milestones).toEqual([]);
    expect(outcomes).toEqual([]);
  });

  it('is a fault at once where its provider did not break off but broke the seal', async () => {
    const { passed } = await breakOff({ breaksSeal: true });
    const replyId = passed.join('').match(/"reply_id":"([0-9a-f]{32})"/)?.[1];
    expect(replyId).toBeDefined();
    // Nobody waits for a part of it.
    const told = await fetch(`${fixture.url}/v1/ogong/replies/${replyId}/outcome`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ outcome: 'failed', reason: 'draw-replay' }),
    });
    expect(told.status).toBe(404);
    await expect.poll(() => fixture.network.complaints.map(({ reason }) => reason)).toEqual(['abandoned']);
  });

  it('is handed in by nobody whose milestone its provider did not sign', async () => {
    let bent = 0;
    const meddling: typeof fetch = async (input, init) => {
      if (!String(input).endsWith('/outcome')) return fetch(input, init);
      const { json, bytes: sealed } = splitFramed(init?.body as Uint8Array, 65_536);
      const said = JSON.parse(new TextDecoder().decode(json)) as Record<string, string>;
      const bytes = fromBase64(said.milestone ?? '');
      // Within the record, which stands first.
      const milestone = toBase64(bytes.with(60, (bytes[60] as number) ^ 1));
      const body = encodeFramed({ ...said, milestone }, sealed) as Uint8Array<ArrayBuffer>;
      const response = await fetch(input, { ...init, body });
      expect(response.status).toBe(400);
      bent++;
      return response;
    };
    const { options } = await open([{ words: LONG, milestones: [64], dieAfter: 80 }]);
    const trust = { ...options.trust, validators: fixture.network.chain.validators() };
    const client = createClient({ ...options, trust, allow: ['router', 'model-root'], fetch: meddling });
    const stream = await client.chat.completions.create(long);
    const read = async () => {
      for await (const _ of stream);
    };
    await failure(read());
    await expect.poll(() => bent).toBe(1);
    expect(fixture.network.milestones).toEqual([]);
  });

  it('is not sealed to a key that a gateway shows as the validator’s', async () => {
    const meddle = onOffer((text) => {
      const json = JSON.parse(text) as SealedOfferJson;
      const { ledger, validator } = parseSealedOffer(json);
      const nowMs = Date.now();
      const sealKey = encodeValidatorSealKey({
        ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, validator },
        ...{ issuedAtMs: nowMs, expiresAtMs: nowMs + 600_000, key: strangersKey },
      });
      const validatorKey = { bytes: toBase64(sealKey), signature: json.validatorKey?.signature ?? '' };
      return JSON.stringify({ ...json, validatorKey });
    });
    const { error } = await breakOff({}, meddle);
    expect(error).toMatchObject({ code: 'seal-key' });
    expect(fixture.network.orders).toEqual([]);
  });
});
