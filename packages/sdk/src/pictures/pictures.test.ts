import { fromBase64, toBase64 } from '@ogong/protocol/base/bytes';
import { packPng } from '@ogong/testing/clients/pack-png';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCheckedFetch, createClient } from '../index.ts';
import type { PictureList } from '../types.ts';
import { unpackPng } from './unpack-png.ts';

let gateway: GatewayFixture;
beforeAll(async () => {
  gateway = await createGatewayFixture();
});
afterAll(() => gateway.close());

const ask = { model: FAKE_MODEL, prompt: 'a small fox', steps: 4 };
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

/** A client whose gateway changes the pictures on their way, and nothing else. */
function createLiedTo(bend: (data: PictureList['data']) => unknown) {
  const lyingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST') return response;
    const body = (await response.json()) as PictureList;
    return Response.json({ ...body, data: await bend(body.data) });
  };
  return createClient({ baseUrl: gateway.url, fetch: lyingFetch, allow: ANCHORS });
}

const unpack = (data: PictureList['data'], index = 0) => unpackPng(fromBase64(data[index]?.b64_json as string));
const pack = async (...given: Parameters<typeof packPng>) => [{ b64_json: toBase64(await packPng(...given)) }];

describe('pictures of a client', () => {
  it('are the signed ones, in base64 or as a data URL, and name the checks that need the outputs', async () => {
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const { pictures, response, replies, checks } = await client.images.generate({ ...ask, n: 2, size: '40x24' });
    expect(pictures.map(({ width, height }) => [width, height])).toEqual(Array(2).fill([40, 24]));
    expect(pictures[0]?.pixels).not.toEqual(pictures[1]?.pixels);
    expect(pictures.map(({ pixels }) => pixels)).toEqual(replies.map((reply) => reply.response));
    expect(pictures.map(({ png }) => toBase64(png))).toEqual(response.data.map((entry) => entry.b64_json));
    expect(replies[0]?.allowed).toEqual(expect.arrayContaining(['links', 'projections']));
    expect(checks.find(({ id }) => id === 'links')?.detail).toContain("the payer's gateway and validators replay them");
    expect(checks.find(({ id }) => id === 'pixels')?.status).toBe('pass');

    const linked = await client.images.generate({ ...ask, response_format: 'url' });
    expect(linked.pictures[0]?.pixels).toEqual(linked.replies[0]?.response);
  });

  it.each<[what: string, bend: (data: PictureList['data']) => unknown, code: string]>([
    [
      'another pixel',
      async (data) => {
        const { pixels, ...size } = await unpack(data);
        return pack({ ...size, pixels: pixels.map((value, i) => (i === 7 ? value ^ 1 : value)) });
      },
      'response-hash',
    ],
    [
      'the same pixels in other rows',
      async (data) => pack({ width: 64, height: 16, pixels: (await unpack(data)).pixels }),
      'picture',
    ],
    ['a picture left out', () => [], 'picture'],
    ['an address in place of the picture', () => [{ url: 'https://elsewhere.example/a.png' }], 'picture'],
    ['no data', () => undefined, 'picture'],
  ])('are refused with %s', async (_what, bend, code) => {
    const refused = createLiedTo(bend).images.generate(ask);
    await expect(refused).rejects.toMatchObject({ name: 'ReceiptError', code });
  });

  it('are changed pictures, whose receipt names the picture', async () => {
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS });
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => i % 256);
    const image = await packPng({ width: 16, height: 16, pixels });
    const edited = await client.images.edit({ ...ask, image, mask: image, strength: 0.5 });
    expect(edited.pictures[0]?.pixels).toEqual(edited.replies[0]?.response);
    const varied = await client.images.createVariation({ model: FAKE_MODEL, image: new Blob([new Uint8Array(image)]) });
    expect(varied.checks.find(({ id }) => id === 'choices')?.status).toBe('pass');

    const checked = createCheckedFetch({ baseUrl: gateway.url, allow: ANCHORS });
    const form = new FormData();
    form.append('model', FAKE_MODEL);
    form.append('prompt', 'a fox');
    form.append('n', '1');
    form.append('image[]', new Blob([new Uint8Array(image)], { type: 'image/png' }), 'a.png');
    const response = await checked(`${gateway.url}/v1/images/edits`, { method: 'POST', body: form });
    expect([response.status, await response.json()]).toMatchObject([200, { ogong: { checked: [{ choice: 0 }] } }]);
  });

  it('are never sent to be sealed', async () => {
    const before = gateway.network.orders.length;
    const client = createClient({ baseUrl: gateway.url, allow: ANCHORS, isSealed: true });
    await expect(client.images.generate(ask)).rejects.toMatchObject({ code: 'unsupported' });
    expect(gateway.network.orders).toHaveLength(before);
  });

  it('are checked before another client has them', async () => {
    const checked = createCheckedFetch({ baseUrl: gateway.url, allow: ANCHORS });
    const post = (body: object) =>
      checked(`${gateway.url}/v1/images/generations`, { method: 'POST', body: JSON.stringify(body) });
    const response = await post(ask);
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { data: [{ b64_json: expect.any(String) }], ogong: { checked: [{ choice: 0 }] } },
    ]);
    expect(await (await post({ ...ask, stream: true })).json()).toMatchObject({ error: { code: 'ogong_unchecked' } });
  });
});
