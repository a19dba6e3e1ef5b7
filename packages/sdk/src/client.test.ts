import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { type ReceiptJson, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import {
  createSyntheticReceipt,
  type SyntheticReceipt,
  type SyntheticReceiptOptions,
} from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { type ClientOptions, createCheckedFetch, createClient, fetchReceipt } from './index.ts';

const base: SyntheticReceiptOptions = {
  crypto,
  tokens: 40,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
};
/** The request of synthetic replies: the client must send these very bytes. */
const params = {
  model: 'ogong/verified/test/synthetic',
  messages: [{ role: 'user', content: 'Once upon a time' }],
  max_tokens: 40,
};
/** With a seed, since the client would draw one. */
const streaming = { ...params, stream: true, seed: 7 } as const;
const TEXT = 'a story of 40 tokens';
const BASE_URL = 'http://gateway.test';

const receipts = new Map<string, SyntheticReceipt>();

/** The reply to a request with these parameters and its receipt: many tests bend the same one on its way. */
function findReceipt(parameters: Readonly<Record<string, unknown>>): SyntheticReceipt {
  const name = JSON.stringify(parameters);
  const receipt = receipts.get(name) ?? createSyntheticReceipt({ ...base, parameters });
  receipts.set(name, receipt);
  return receipt;
}

interface Gateway {
  readonly synthetic: SyntheticReceipt;
  readonly calls: string[];
  readonly fetch: typeof fetch;
}

/** A gateway that answers with one synthetic reply, changed by the test. */
function createGateway(
  change: { text?: string; field?: (field: object) => unknown; opening?: () => Response; parameters?: object } = {},
): Gateway {
  const synthetic = findReceipt({ ...change.parameters });
  const { receipt, reply } = synthetic;
  const calls: string[] = [];
  const compact = toReceiptJson({ ...receipt, opening: { url: '/v1/receipts/1/opening' } });
  const plain = { receipts: [{ reply_id: '1', url: '/v1/receipts/1', checks: [], receipt: compact }] };
  const ogong = change.field ? change.field(plain) : plain;
  const text = change.text ?? TEXT;
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname } = new URL(String(input));
    calls.push(pathname);
    if (pathname.endsWith('/opening'))
      return change.opening?.() ?? new Response(reply.openingBytes as Uint8Array<ArrayBuffer>);
    if (pathname.startsWith('/v1/receipts/')) {
      return Response.json({ ...toReceiptJson(receipt), checks: [], status: { state: 'settled', verdict: 'accept' } });
    }
    const body = JSON.parse(new TextDecoder().decode(init?.body as Uint8Array));
    if (!body.stream) return Response.json({ id: '1', choices: [{ index: 0, message: { content: text } }], ogong });
    const chunks = [
      ...text.split(/(?= )/).map((content) => ({ choices: [{ index: 0, delta: { content } }] })),
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ogong },
    ];
    const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(': waiting\n\n');
    return new Response(`${events}data: [DONE]\n\n`);
  };
  return { synthetic, calls, fetch: fetch as typeof globalThis.fetch };
}

const withReceipt =
  (bend: (json: ReceiptJson) => unknown) =>
  (field: object): unknown => {
    const [entry] = (field as { receipts: { receipt: ReceiptJson }[] }).receipts;
    return { receipts: [{ ...entry, receipt: bend(entry?.receipt as ReceiptJson) }] };
  };

describe('a client', () => {
  it('returns a valid answer with its proof', async () => {
    const gateway = createGateway();
    const seen: string[] = [];
    const client = createClient({
      isSalted: false,
      baseUrl: `${BASE_URL}/v1/`,
      fetch: gateway.fetch,
      trust: gateway.synthetic.trust,
      onReceipt: ({ replyId }) => seen.push(replyId),
    });
    const answer = await client.chat.completions.create(params);
    expect(answer.response.choices[0]?.message.content).toBe(TEXT);
    expect(answer.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(answer.replies[0]?.posture).toMatchObject({ tier: 'verified', method: 'draw-replay', exact: true });
    expect(answer.receipt.opening).toHaveProperty('bytes');
    expect(seen).toHaveLength(1);
    expect(gateway.calls).toEqual(['/v1/chat/completions', '/v1/receipts/1/opening']);
  });

  it('checks a receipt by the trust that its caller reads for it', async () => {
    const gateway = createGateway();
    const { trust, receipt } = gateway.synthetic;
    const read: Uint8Array[] = [];
    const client = createClient({
      ...{ isSalted: false, baseUrl: BASE_URL, fetch: gateway.fetch },
      // The trust that is read for the receipt replaces this one.
      trust: { ...trust, routers: [] },
      async readTrust({ order }) {
        read.push(order.bytes);
        return trust;
      },
    });
    const answer = await client.chat.completions.create(params);
    expect(answer.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(read).toEqual([receipt.order.bytes]);
  });

  it('says which gateway cannot be reached, and why, unless its caller has given up', async () => {
    const closed = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 192.0.2.1:4546') });
    const options = { baseUrl: `${BASE_URL}/v1`, fetch: () => Promise.reject(closed), trust: {} };
    const unreachable = createClient(options).chat.completions.create(params);
    await expect(unreachable).rejects.toMatchObject({ name: 'GatewayUnreachableError', code: 'unreachable' });
    await expect(unreachable).rejects.toThrow(`the gateway ${BASE_URL} cannot be reached: connect ECONNREFUSED`);
    // A name such as localhost may have an address of each kind.
    const causes = ['::1', '127.0.0.1'].map((host) => new Error(`connect ECONNREFUSED ${host}:4546`));
    const twice = new TypeError('fetch failed', { cause: new AggregateError(causes) });
    const named = createClient({ ...options, fetch: () => Promise.reject(twice) }).chat.completions.create(params);
    await expect(named).rejects.toThrow('reached: connect ECONNREFUSED ::1:4546, connect ECONNREFUSED 127.0.0.1:4546;');
    const given = createClient(options).chat.completions.create(params, { signal: AbortSignal.abort() });
    await expect(given).rejects.toBe(closed);
    // Other clients know their own fetch, and retry some of its errors.
    const sent = { method: 'POST', body: JSON.stringify(params) };
    await expect(createCheckedFetch(options)(`${BASE_URL}/v1/chat/completions`, sent)).rejects.toBe(closed);
  });

  it('ends with its caller, although the gateway never sends the opening', async () => {
    const abort = new AbortController();
    const gateway = createGateway();
    const fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
      init?.method === 'POST'
        ? gateway.fetch(input, init)
        : new Promise((_, reject) => {
            init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
            abort.abort(new Error('enough'));
          });
    const client = createClient({ isSalted: false, baseUrl: BASE_URL, fetch, trust: gateway.synthetic.trust });
    await expect(client.chat.completions.create(params, { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('misses the machine of a role that its request demands', async () => {
    const asked = { ...params, ogong: { attested: ['router'] } } as const;
    const shown = withReceipt((json) => ({ ...json, evidence: { ...json.evidence, 'router-machine': 'AAAA' } }));
    const ask = (options: Partial<ClientOptions>, field?: (field: object) => unknown) => {
      const gateway = createGateway({ parameters: { ogong: asked.ogong }, ...(field && { field }) });
      const { trust } = gateway.synthetic;
      const client = createClient({ isSalted: false, baseUrl: BASE_URL, fetch: gateway.fetch, trust, ...options });
      return client.chat.completions.create(asked);
    };
    const allow = ['router-machine'];
    await expect(ask({ allow })).rejects.toMatchObject({ code: 'router-machine' });
    await expect(ask({}, shown)).rejects.toMatchObject({ code: 'unchecked' });
    expect((await ask({ allow }, shown)).replies[0]?.allowed).toContain('router-machine');
    const find = (status: 'pass' | 'fail') => async () => [{ id: 'router-machine', status, detail: '' }];
    await expect(ask({ checkRoles: find('fail') }, shown)).rejects.toMatchObject({ code: 'router-machine' });
    expect((await ask({ checkRoles: find('pass') }, shown)).checks).toContainEqual((await find('pass')())[0]);
  });

  it('sends its own demands, unless the request has some', async () => {
    const sent: unknown[] = [];
    const fetch = async (_input: unknown, init?: RequestInit): Promise<Response> => {
      sent.push(JSON.parse(new TextDecoder().decode(init?.body as Uint8Array)));
      return Response.json({ choices: [] });
    };
    const client = createClient({
      isSalted: false,
      baseUrl: BASE_URL,
      fetch: fetch as typeof globalThis.fetch,
      settle: 'accepted',
    });
    for (const ogong of [undefined, { exact: true }, { settle: 'any' }] as const) {
      await client.chat.completions.create({ ...params, ...(ogong && { ogong }) }).catch(() => undefined);
    }
    await client.embeddings.create({ model: 'm', input: 'one' }).catch(() => undefined);
    expect(sent).toEqual([
      { ...params, ogong: { settle: 'accepted' } },
      { ...params, ogong: { settle: 'accepted', exact: true } },
      { ...params, ogong: { settle: 'any' } },
      { model: 'm', input: 'one', ogong: { settle: 'accepted' } },
    ]);
  });

  it('salts each request, so that no two have one hash, unless they are to be answered equally', async () => {
    const sent: { ogong?: { salt?: string; settle?: string } }[] = [];
    const fetch = async (_input: unknown, init?: RequestInit): Promise<Response> => {
      const body = init?.body as Uint8Array;
      // A gateway takes it, and reads the same request.
      expect(parseRequest(body, 'chat').maxTokens).toBe(40);
      sent.push(JSON.parse(new TextDecoder().decode(body)));
      return Response.json({ choices: [] });
    };
    const ask = async (fields: object, options = {}) => {
      const client = createClient({ baseUrl: BASE_URL, fetch: fetch as typeof globalThis.fetch, ...options });
      await client.chat.completions.create({ ...params, ...fields }).catch(() => undefined);
      return sent.at(-1);
    };
    const first = await ask({});
    const second = await ask({}, { settle: 'accepted' });
    expect(first?.ogong?.salt).toMatch(/^[0-9a-f]{32}$/);
    expect(second?.ogong?.salt).not.toBe(first?.ogong?.salt);
    expect(second?.ogong?.settle).toBe('accepted');
    expect(await ask({ seed: 0 })).toEqual({ ...params, seed: 0 });
    expect(await ask({}, { isSalted: false })).toEqual(params);
    expect((await ask({ ogong: { salt: 'ab'.repeat(16) } }))?.ogong?.salt).toBe('ab'.repeat(16));
  });

  it('streams, and ends only when the answer holds', async () => {
    const gateway = createGateway({ parameters: { stream: true, seed: 7 } });
    const client = createClient({ baseUrl: BASE_URL, fetch: gateway.fetch, trust: gateway.synthetic.trust });
    const stream = await client.chat.completions.create(streaming);
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.ogong) expect(stream.checked).toBeDefined();
      else expect(stream.checked).toBeUndefined();
    }
    expect(text).toBe(TEXT);
    expect(stream.checked?.checks.some(({ status }) => status === 'fail')).toBe(false);
  });

  it('returns nothing that it could not check, unless the caller allows it', async () => {
    const gateway = createGateway();
    const client = createClient({ isSalted: false, baseUrl: BASE_URL, fetch: gateway.fetch });
    await expect(client.chat.completions.create(params)).rejects.toMatchObject({
      ...{ name: 'ReceiptError', code: 'unchecked', retryable: false },
      message: expect.stringContaining('router, ledger, validator, admission, intake, model-root, beacon'),
    });
    const { routers, ...trust } = gateway.synthetic.trust;
    expect(routers).toHaveLength(1);
    const careless = createClient({
      isSalted: false,
      baseUrl: BASE_URL,
      fetch: gateway.fetch,
      trust,
      allow: ['router'],
    });
    const { replies } = await careless.chat.completions.create(params);
    expect(replies[0]?.allowed).toEqual(['router']);
    const strict = createClient({ isSalted: false, baseUrl: BASE_URL, fetch: gateway.fetch, trust, allow: ['beacon'] });
    await expect(strict.chat.completions.create(params)).rejects.toMatchObject({ code: 'unchecked' });
  });

  it.each(['//evil.test/opening', '/\\evil.test/opening', 'http://gateway.test/opening', 'opening'])(
    'fetches no opening from %s',
    async (url) => {
      const gateway = createGateway({ field: withReceipt((json) => ({ ...json, opening: { url } })) });
      const client = createClient({
        isSalted: false,
        baseUrl: BASE_URL,
        fetch: gateway.fetch,
        trust: gateway.synthetic.trust,
      });
      await expect(client.chat.completions.create(params)).rejects.toMatchObject({ code: 'opening' });
      expect(gateway.calls).toEqual(['/v1/chat/completions']);
    },
  );

  const bad: [what: string, change: Parameters<typeof createGateway>[0], code: string][] = [
    ['another text', { text: 'a story of 41 tokens' }, 'response-hash'],
    ['no receipts', { field: () => undefined }, 'missing'],
    ['an empty list', { field: () => ({ receipts: [] }) }, 'missing'],
    [
      'the same receipt twice',
      {
        field: (field) => ({
          receipts: [...(field as { receipts: [] }).receipts, ...(field as { receipts: [] }).receipts],
        }),
      },
      'missing',
    ],
    ['a receipt that is none', { field: withReceipt(() => ({ format: 'other' })) }, 'format'],
    ['another order', { field: withReceipt((json) => ({ ...json, order: { ...json.order, bytes: '' } })) }, 'format'],
    [
      'an opening elsewhere',
      { field: withReceipt((json) => ({ ...json, opening: { url: 'http://evil.test/' } })) },
      'opening',
    ],
    ['no opening', { opening: () => Response.json({ error: { message: 'gone' } }, { status: 404 }) }, 'opening'],
    ['another opening', { opening: () => new Response('ogong-opening-v2') }, 'commitment-form'],
    ['another endpoint', { field: withReceipt((json) => ({ ...json, endpoint: 'completion' })) }, 'endpoint'],
  ];
  it.each(bad)('refuses %s', async (_what, change, code) => {
    const gateway = createGateway(change);
    const { trust } = gateway.synthetic;
    const client = createClient({ isSalted: false, baseUrl: BASE_URL, fetch: gateway.fetch, trust });
    await expect(client.chat.completions.create(params)).rejects.toMatchObject({ name: 'ReceiptError', code });

    const streamed = createGateway({ ...change, parameters: { stream: true, seed: 7 } });
    const streamingClient = createClient({ baseUrl: BASE_URL, fetch: streamed.fetch, trust });
    const stream = await streamingClient.chat.completions.create(streaming);
    const read = async () => {
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      return chunks;
    };
    await expect(read()).rejects.toMatchObject({ name: 'ReceiptError', code });
  });

  it('passes on refusals of the gateway, before and within a stream', async () => {
    const error = { error: { message: 'no such model', code: 'model_not_found', param: 'model', type: 'x' } };
    const refusing = createClient({
      isSalted: false,
      baseUrl: BASE_URL,
      fetch: async () => Response.json(error, { status: 404 }),
    });
    const refusal = { name: 'GatewayApiError', status: 404, code: 'model_not_found', message: 'no such model' };
    await expect(refusing.chat.completions.create(params)).rejects.toMatchObject(refusal);
    const breaking = createClient({
      isSalted: false,
      baseUrl: BASE_URL,
      fetch: async () => new Response(`data: ${JSON.stringify(error)}\n\n`),
    });
    const stream = await breaking.chat.completions.create(streaming);
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('fetches a receipt again later', async () => {
    const { fetch, synthetic } = createGateway();
    const fetched = await fetchReceipt({ baseUrl: BASE_URL, id: '1', fetch });
    expect(fetched.receipt).toEqual(synthetic.receipt);
    expect(fetched.status.verdict).toBe('accept');
  });
});

it("sends the gateway the caller's own trace context and settlement type, if there are any", async () => {
  const seen: (string | null)[] = [];
  const types: (string | null)[] = [];
  const refuse = async (_input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    seen.push(new Headers(init?.headers).get('traceparent'));
    types.push(new Headers(init?.headers).get('x-settlement-type'));
    return Response.json({ error: { message: 'no' } }, { status: 503 });
  };
  const place = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
  const asked = { baseUrl: BASE_URL, fetch: refuse };
  const whole = { ...asked, traceparent: () => place, settlementType: 'individual' } as const;
  for (const client of [createClient(asked), createClient(whole)]) {
    await expect(client.chat.completions.create(params)).rejects.toThrow('no');
  }
  // A tracer of `fetch` writes the header by itself.
  const checked = createCheckedFetch(asked);
  const body = JSON.stringify(params);
  const headers = { traceparent: place, 'x-settlement-type': 'private' };
  const answer = await checked(`${BASE_URL}/v1/chat/completions`, { method: 'POST', body, headers });
  expect(answer.status).toBe(503);
  expect(seen).toEqual([null, place, place]);
  expect(types).toEqual([null, 'individual', 'private']);
});
