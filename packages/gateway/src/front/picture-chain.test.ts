import { inflateSync } from 'node:zlib';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let open: GatewayFixture;
beforeAll(async () => {
  // A unit is expected to take 50 ms, and a step of 32x32 pixels is one unit: three steps an order.
  open = await createGatewayFixture({ longestOrderMs: 150 });
});
afterAll(() => open.close());

interface PictureBody {
  readonly data: readonly { readonly b64_json: string; readonly latent?: string }[];
  readonly usage: { readonly output_tokens: number };
  readonly ogong: { readonly receipts: readonly { readonly reply_id: string; readonly checks: readonly Check[] }[] };
}

const ask = (body: object, { url } = open) =>
  fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline', 'x-ogong-steps': '1' },
    body: JSON.stringify({ model: FAKE_MODEL, prompt: 'a small fox', size: '32x32', ...body }),
  });

/** Pixels of a PNG whose rows have filter 0. */
function readPixels(base64: string): Buffer {
  const png = Buffer.from(base64, 'base64');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const rows = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const rowBytes = 1 + 3 * width;
  return Buffer.concat(Array.from({ length: height }, (_, y) => rows.subarray(y * rowBytes + 1, (y + 1) * rowBytes)));
}

interface Link {
  readonly request: { readonly first_step: number; readonly last_step: number; readonly latent?: string };
  readonly response: Uint8Array;
}

async function fetchLink(replyId: string): Promise<Link> {
  const { request, response } = (await (await fetch(`${open.url}/v1/receipts/${replyId}`)).json()) as Record<
    'request' | 'response',
    string
  >;
  return { request: JSON.parse(Buffer.from(request, 'base64').toString()), response: fromBase64(response) };
}

describe('a picture that takes longer than an order may live', () => {
  it('is bought in several orders, and has the pixels of one run from the noise of the first', async () => {
    const before = open.network.orders.length;
    const body = (await (await ask({ steps: 8, seed: 5 })).json()) as PictureBody;
    const orders = open.network.orders.slice(before);
    expect(orders).toHaveLength(3);
    expect(body.usage.output_tokens).toBe(8);
    const { receipts } = body.ogong;
    const failed = receipts.flatMap(({ checks }) => checks.filter(({ status }) => status === 'fail'));
    expect([receipts.length, failed]).toEqual([3, []]);
    const links = await Promise.all(receipts.map(({ reply_id: id }) => fetchLink(id)));
    expect(links.map(({ request }) => [request.first_step, request.last_step, request.latent])).toEqual([
      [0, 2, undefined],
      [2, 5, toReference(crypto, links[0]?.response as Uint8Array)],
      [5, 8, toReference(crypto, links[1]?.response as Uint8Array)],
    ]);
    const pixels = readPixels(body.data[0]?.b64_json as string);
    expect(pixels.equals(links[2]?.response as Uint8Array)).toBe(true);

    const { requestHash, modelRoot } = orders[0] as (typeof orders)[number];
    const key = computeDrawKey(crypto, { mode: 'seed', seed: 5n, requestHash, modelRoot, choice: 0 });
    const engine = createFakeTrajectoryEngine();
    const asked = { prompt: 'a small fox', negativePrompt: '', width: 32, height: 32, steps: 8, guidance: 3 };
    let final = new Float32Array();
    for await (const { latent } of engine.generate(
      { ...asked, sampler: 'flow-match' },
      { noise: createLatentNoise(crypto, key, 256) },
    ))
      final = latent.slice();
    expect(pixels.equals(await engine.decode(final, { width: 32, height: 32 }))).toBe(true);
    await engine.close();
  });

  it('counts the steps over all links, and finds each of several pictures by its number', async () => {
    const response = await ask({ steps: 6, n: 2, stream: true, partial_images: 1, seed: 1 });
    const events = [...(await response.text()).matchAll(/event: (.+)\ndata: (.+)\n\n/g)].map(
      ([, , data]) =>
        JSON.parse(data as string) as { type: string; step: number; steps: number; ogong: { choice: number } },
    );
    for (const choice of [0, 1]) {
      const own = events.filter(({ ogong }) => ogong.choice === choice);
      const steps = own.filter(({ type }) => type === 'image_generation.progress');
      expect(steps.map(({ step, steps: of }) => [step, of])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, 6]));
      expect(own.filter(({ type }) => type === 'image_generation.partial_image')).toHaveLength(1);
    }
    const done = events.filter(({ type }) => type === 'image_generation.completed');
    expect(done.map(({ ogong }) => (ogong as unknown as PictureBody['ogong']).receipts.length)).toEqual([2, 2]);
    const id = (response.headers.get('x-ogong-receipt') as string).split('/').at(-1);
    const found = await Promise.all(
      [0, 1, 2, 3].map(async (at) => (await fetch(`${open.url}/v1/trajectory/${id}?choice=${at}`)).json()),
    );
    expect(found).toMatchObject([
      { range: { first_step: 0, last_step: 3 } },
      { range: { first_step: 3, last_step: 6, latent_hash: expect.any(String) } },
      { range: { first_step: 0, last_step: 3 } },
      { range: { first_step: 3, last_step: 6, latent_hash: expect.any(String) } },
    ]);
  });

  it('buys a failed link again from the same latent', async () => {
    // The first order of the second link brings other blobs than the committed ones.
    const bendBlob = (bytes: Uint8Array): Uint8Array =>
      failing.network.orders.length === 2 ? bytes.map((byte) => byte ^ 1) : bytes;
    const failing = await createGatewayFixture({ longestOrderMs: 150, providers: [{ bendBlob }, { bendBlob }] });
    try {
      const body = (await (await ask({ steps: 6, seed: 2 }, failing)).json()) as PictureBody;
      expect(body.ogong.receipts).toHaveLength(2);
      const [first, second, third] = failing.network.orders.map(({ requestHash }) => toHex(requestHash));
      expect(failing.network.orders).toHaveLength(3);
      expect([second === third, first === second]).toEqual([true, false]);
      await expect.poll(() => failing.network.complaints.map(({ reason }) => reason)).toEqual(['blob-withheld']);
    } finally {
      await failing.close();
    }
  });
});

describe('a part of a picture', () => {
  it('is answered by its latent, which the next part begins with', async () => {
    const first = (await (await ask({ steps: 2, last_step: 1, seed: 3 })).json()) as PictureBody;
    const latent = first.data[0]?.latent as string;
    expect(latent).toMatch(/^data:application\/octet-stream;base64,/);
    const second = (await (await ask({ steps: 2, first_step: 1, latent, seed: 3 })).json()) as PictureBody;
    expect(readPixels(second.data[0]?.b64_json as string)).toHaveLength(32 * 32 * 3);
  });

  it.each([
    ['no steps', { last_step: 1 }, 'steps'],
    ['no latent', { steps: 4, first_step: 1 }, 'latent'],
    ['a latent for the noise', { steps: 4, last_step: 2, latent: 'data:,' }, 'latent'],
    ['more steps than there are', { steps: 4, last_step: 5 }, 'last_step'],
    ['an end before its beginning', { steps: 4, first_step: 2, last_step: 2 }, 'first_step'],
  ])('is refused with %s', async (_what, fields, param) => {
    const response = await ask(fields);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
  });
});
