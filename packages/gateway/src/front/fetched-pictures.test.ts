import type { FetchFile } from '@ogong/host/http/checked-fetch';
import { createPictureFetcher } from '@ogong/host/http/picture-fetch';
import { toBase64, utf8Decode } from '@ogong/protocol/base/bytes';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4);
const PLACE = 'https://pictures.example/a.png';
const IN_DATA = `data:image/png;base64,${toBase64(PNG)}`;

const directory = createTestDirectory('fetched-pictures');
const keysPath = `${directory.path}/accounts.db`;
const fetched: string[] = [];
const fetch: FetchFile = async (address) => {
  fetched.push(address);
  if (address === PLACE) return new Response(new Uint8Array(PNG));
  throw new TypeError('fetch failed');
};

let fixture: GatewayFixture;
let secret = '';
beforeAll(async () => {
  secret = (await addTestKey({ path: keysPath, name: 'first' })).secret;
  fixture = await createGatewayFixture({ keysPath, options: { http: { pictures: createPictureFetcher({ fetch }) } } });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});
beforeEach(() => {
  fetched.length = 0;
});

const post = (path: string, body: object, headers = {}): Promise<Response> =>
  globalThis.fetch(`${fixture.url}${path}`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
      ...(path.startsWith('/v1/messages') && { 'anthropic-version': '2023-06-01' }),
    },
    body: JSON.stringify({ model: FAKE_MODEL, ...body }),
  });

async function readError(response: Response) {
  const { error } = (await response.json()) as { readonly error: { readonly code?: string; readonly message: string } };
  return [response.status, error.code, error.message];
}

const question = 'What is shown?';
const showInChat = (url: string) => ({
  messages: [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url } },
        { type: 'text', text: question },
      ],
    },
  ],
});
const BODIES: readonly (readonly [path: string, show: (url: string) => object])[] = [
  ['/v1/chat/completions', (url) => ({ max_tokens: 4, ...showInChat(url) })],
  [
    '/v1/responses',
    (url) => ({ max_output_tokens: 4, input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }),
  ],
  [
    '/v1/messages',
    (url) => ({
      ...{ max_tokens: 4 },
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }],
    }),
  ],
];

describe.each(BODIES)('the address of a picture in %s', (path, show) => {
  it('is ordered as the same picture in a data URL', async () => {
    const before = fixture.network.orders.length;
    for (const url of [PLACE, IN_DATA]) await (await post(path, show(url))).text();
    const [inPlace, inData, ...others] = fixture.network.requests.slice(before).map(utf8Decode);
    expect(others).toEqual([]);
    expect(inPlace).toBe(inData);
    expect(inPlace).not.toContain('example');
    expect(fixture.network.media.slice(-2)).toEqual([[PNG], [PNG]]);
    expect(fetched).toEqual([PLACE]);
  });

  it('is refused without its picture, and nothing is ordered', async () => {
    const before = fixture.network.orders.length;
    const [status, , message] = await readError(await post(path, show(`${PLACE}?gone`)));
    expect([status, message]).toEqual([400, expect.stringContaining('no server of the public internet answered')]);
    expect(fixture.network.orders).toHaveLength(before);
  });
});

describe('an address', () => {
  const ask = (key: string, url: string, headers = {}) =>
    post('/v1/chat/completions', { max_tokens: 4, ...showInChat(url) }, { authorization: `Bearer ${key}`, ...headers });
  const addKey = async (
    name: string,
    limits: { readonly requestsPerMinute?: number; readonly tokensPerMinute?: number },
  ) => (await addTestKey({ path: keysPath, name, ...limits })).secret;

  it('counts as one more request of its key', async () => {
    const key = await addKey('counted', { requestsPerMinute: 3 });
    const response = await ask(key, PLACE);
    await response.text();
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect((await readError(await ask(key, PLACE)))[0]).toBe(429);
    expect(fetched).toEqual([PLACE]);
  });

  it('is fetched after its request was metered', async () => {
    const key = await addKey('metered', { tokensPerMinute: 1 });
    await (await ask(key, IN_DATA)).text();
    expect((await readError(await ask(key, PLACE)))[0]).toBe(429);
    expect(fetched).toEqual([]);
  });

  it('is not fetched for a key whose budget is spent', async () => {
    const key = (await addTestKey({ path: keysPath, name: 'poor', budgetAtomic: 1n })).secret;
    const [status, code] = await readError(await ask(key, PLACE));
    expect([status, code]).toEqual([429, 'insufficient_quota']);
    expect(fetched).toEqual([]);
  });

  it.each([
    ['a model of no tier', { model: 'ogong/none/nobody/nothing' }, 404],
    ['a wrong field', { temperature: 'warm' }, 400],
  ])('is not fetched for %s', async (_what, change, status) => {
    const response = await post('/v1/chat/completions', { ...showInChat(PLACE), ...change });
    expect(response.status).toBe(status);
    expect(fetched).toEqual([]);
  });

  it('is refused for a caller that checks its answer', async () => {
    const refused = await readError(await ask(secret, PLACE, { 'x-ogong-receipt': 'inline' }));
    expect(refused).toEqual([400, 'unsupported_media_url', expect.stringContaining('send the file itself')]);
    expect(fetched).toEqual([]);
  });

  it('is not fetched to count tokens', async () => {
    const body = BODIES[2]?.[1](PLACE);
    const counts = await Promise.all(
      [body, BODIES[2]?.[1](IN_DATA)].map(async (one) => (await post('/v1/messages/count_tokens', one ?? {})).json()),
    );
    expect(counts[0]).toEqual(counts[1]);
    expect(fetched).toEqual([]);
  });
});
