import { inflateSync } from 'node:zlib';
import { encodePng } from '@ogong/host/media/png';
import { fromBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseStepLeaves } from '@ogong/protocol/modality/trajectory/leaf';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let open: GatewayFixture;
beforeAll(async () => {
  open = await createGatewayFixture();
});
afterAll(() => open.close());

const PATH = '/v1/images/generations';
const ask = (body: object, { url } = open) =>
  fetch(`${url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline', 'x-ogong-steps': '1' },
    body: JSON.stringify({ model: FAKE_MODEL, prompt: 'a small fox', ...body }),
  });

interface PictureBody {
  readonly data: readonly { readonly b64_json: string; readonly url?: string }[];
  readonly ogong: { readonly receipts: readonly { readonly reply_id: string; readonly checks: readonly Check[] }[] };
  readonly usage?: { readonly output_tokens: number };
}

/** Pixels of a PNG whose rows have filter 0. */
function readPng(base64: string) {
  const png = Buffer.from(base64, 'base64');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const rows = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const rowBytes = 1 + 3 * width;
  const pixels = Array.from({ length: height }, (_, y) => rows.subarray(y * rowBytes + 1, (y + 1) * rowBytes));
  return { width, height, pixels: Buffer.concat(pixels) };
}

interface Replayed {
  readonly opening: { readonly bytes: string };
  readonly order: { readonly bytes: string };
  readonly request: string;
}

const parseTrajectoryOpening = (opening: Uint8Array) => parseStepLeaves(parseOpening(opening).windows).steps;

/** The response that the gateway keeps with the receipt: the bytes that the record signs. */
async function fetchSigned(replyId: string): Promise<Buffer> {
  const stored = (await (await fetch(`${open.url}/v1/receipts/${replyId}`)).json()) as { response: string };
  return Buffer.from(fromBase64(stored.response));
}

interface StreamEvent extends Pick<PictureBody, 'ogong'> {
  readonly type: string;
  readonly b64_json: string;
  readonly step?: number;
  readonly steps?: number;
}

/** Events of a stream, each named by its type. */
function readEvents(stream: string): StreamEvent[] {
  return [...stream.matchAll(/event: (.+)\ndata: (.+)\n\n/g)].map(([, name, data]) => {
    const event = JSON.parse(data as string) as StreamEvent;
    expect(event.type).toBe(name);
    return event;
  });
}

describe(`POST ${PATH}`, () => {
  it('answers with the signed pixels as PNG, in base64 or as a data URL, and a receipt whose links hold', async () => {
    const response = await ask({ size: '40x24', steps: 5 });
    expect(response.status).toBe(200);
    const body = (await response.json()) as PictureBody;
    const units = 5;
    expect(body).toMatchObject({
      ...{ created: expect.any(Number), output_format: 'png', background: 'opaque', size: '40x24' },
      usage: { input_tokens: 0, output_tokens: units, total_tokens: units },
    });
    expect(response.headers.get('x-ogong-receipt')).toMatch(/^\/v1\/receipts\/img-/);
    const { width, height, pixels } = readPng(body.data[0]?.b64_json as string);
    expect([width, height]).toEqual([40, 24]);
    const [receipt] = body.ogong.receipts;
    expect(pixels.equals(await fetchSigned(receipt?.reply_id as string))).toBe(true);
    const byId = Object.fromEntries((receipt?.checks ?? []).map(({ id, status }) => [id, status]));
    expect(byId).toMatchObject({ links: 'pass', projections: 'pass', pixels: 'pass', choices: 'pass' });
    expect(Object.values(byId)).not.toContain('fail');

    const shown = (await (await ask({ response_format: 'url' })).json()) as PictureBody;
    const [, base64] = /^data:image\/png;base64,(.+)$/.exec(shown.data[0]?.url as string) ?? [];
    const signed = await fetchSigned(shown.ogong.receipts[0]?.reply_id as string);
    expect(readPng(base64 as string).pixels.equals(signed)).toBe(true);
  });

  it('answers with up to ten pictures of two requests, under one list of receipts', async () => {
    const before = open.network.orders.length;
    const response = await ask({ n: 10, seed: 1, steps: 1, size: '32x32' });
    const body = (await response.json()) as PictureBody;
    expect(body.usage?.output_tokens).toBe(10);
    const pictures = body.data.map(({ b64_json: base64 }) => readPng(base64).pixels);
    expect(new Set(pictures.map((pixels) => pixels.toString('hex'))).size).toBe(10);
    const ids = body.ogong.receipts.map(({ reply_id: id }) => id);
    expect(new Set(ids).size).toBe(10);
    for (const [i, id] of ids.entries()) expect(pictures[i]?.equals(await fetchSigned(id))).toBe(true);
    const choices = open.network.orders.slice(before).map(({ choice }) => choice);
    expect(choices.sort()).toEqual([0, 0, 1, 1, 2, 3, 4, 5, 6, 7]);
    const kept = `${open.url}${response.headers.get('x-ogong-receipt')}?choice=9`;
    expect(await (await fetch(kept)).json()).toMatchObject({ reply_id: ids[9] });
  });

  it('numbers the steps of a stream over both requests', async () => {
    const events = readEvents(await (await ask({ n: 10, steps: 1, size: '32x32', stream: true })).text());
    const steps = events.filter(({ type }) => type === 'image_generation.progress');
    const numbers = steps.map(({ ogong }) => (ogong as unknown as { readonly choice: number }).choice);
    expect(numbers.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(events.filter(({ type }) => type === 'image_generation.completed')).toHaveLength(10);
  });

  it('refuses more pictures before it buys any', async () => {
    const before = open.network.orders.length;
    const refused = await ask({ n: 11 });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'n' } }]);
    expect(open.network.orders).toHaveLength(before);
  });

  it.each(['1536x1024', '1024x1792'])('makes a picture of %s pixels', async (size) => {
    const body = (await (await ask({ size, steps: 1 })).json()) as PictureBody;
    expect(body).toMatchObject({ size });
    const { width, height, pixels } = readPng(body.data[0]?.b64_json as string);
    expect(`${width}x${height}`).toBe(size);
    const [receipt] = body.ogong.receipts;
    expect(pixels.equals(await fetchSigned(receipt?.reply_id as string))).toBe(true);
    expect(receipt?.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  it('makes each of several pictures in an order of its own', async () => {
    const body = (await (await ask({ n: 2, seed: 1 })).json()) as PictureBody;
    const [first, second] = body.data.map(({ b64_json: base64 }) => readPng(base64).pixels);
    expect(first?.equals(second as Buffer)).toBe(false);
    const [one, two] = body.ogong.receipts.map(({ reply_id: id }) => id);
    expect(first?.equals(await fetchSigned(one as string))).toBe(true);
    expect(second?.equals(await fetchSigned(two as string))).toBe(true);
    expect(
      open.network.orders
        .slice(-2)
        .map(({ choice }) => choice)
        .sort(),
    ).toEqual([0, 1]);
  });

  it('streams events of OpenAI alone where a caller asks for no steps', async () => {
    const response = await fetch(`${open.url}${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: FAKE_MODEL,
        prompt: 'a',
        stream: true,
        partial_images: 1,
        steps: 4,
        size: '32x32',
      }),
    });
    const types = readEvents(await response.text()).map(({ type }) => type);
    expect(types).toEqual(['image_generation.partial_image', 'image_generation.completed']);
  });

  it('streams the steps and the wanted previews, and each picture once it is checked', async () => {
    const response = await ask({ stream: true, partial_images: 2, seed: 1, steps: 6 });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = readEvents(await response.text());
    const steps = events.filter(({ type }) => type === 'image_generation.progress');
    expect(steps.map(({ step, steps: of }) => [step, of])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, 6]));
    const previews = events.filter(({ type }) => type === 'image_generation.partial_image');
    expect(previews).toMatchObject(
      [0, 1].map((partial_image_index) => ({ partial_image_index, size: '32x32', ogong: { checked: false } })),
    );
    expect(events.indexOf(previews[0] as StreamEvent)).toBe(events.indexOf(steps[1] as StreamEvent) + 1);
    expect(readPng(previews[1]?.b64_json as string)).toMatchObject({ width: 32, height: 32 });
    const event = events.at(-1) as StreamEvent;
    expect(events).toHaveLength(9);
    expect(event).toMatchObject({ type: 'image_generation.completed', created_at: expect.any(Number), size: '32x32' });
    const id = event.ogong.receipts[0]?.reply_id as string;
    expect(readPng(event.b64_json).pixels.equals(await fetchSigned(id))).toBe(true);
  });

  it('shows the committed steps, and what a replay reads, to the key that ordered the picture', async () => {
    const response = await ask({ steps: 3, seed: 1 });
    const body = (await response.json()) as PictureBody;
    const id = (response.headers.get('x-ogong-receipt') as string).split('/').at(-1);
    const shown = (await (await fetch(`${open.url}/v1/trajectory/${id}`)).json()) as Record<string, unknown[]>;
    const replyId = body.ogong.receipts[0]?.reply_id;
    expect(shown).toMatchObject({
      ...{ reply_id: replyId, choices: { width: 32, height: 32, steps: 3, guidance: 3, sampler: 'flow-match' } },
      ...{ latent: { values: 256, channels: 4, scale: 4 }, final_root: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(shown.steps).toHaveLength(3);
    expect(shown.steps?.[1]).toMatchObject({ step: 1, projection: { length: 61 } });

    const { opening, order, request } = (await (await fetch(`${open.url}/v1/replay/${replyId}`)).json()) as Replayed;
    const opened = await (await fetch(`${open.url}/v1/receipts/${replyId}/opening`)).bytes();
    expect(fromBase64(opening.bytes)).toEqual(opened);
    expect(fromBase64(request)).toEqual(open.network.requests.at(-1));
    const leaves = parseTrajectoryOpening(opened);
    expect(shown.steps).toEqual(
      leaves.map((leaf, step) => expect.objectContaining({ step, output_root: toHex(leaf.outputRoot) })),
    );
    expect(parseOrder(fromBase64(order.bytes)).choice).toBe(0);

    const text = await fetch(`${open.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, input: 'a' }),
    });
    const other = text.headers.get('x-ogong-receipt')?.replace('/v1/receipts/', '/v1/trajectory/');
    const refused = await fetch(`${open.url}${other}`);
    expect([refused.status, await refused.json()]).toMatchObject([404, { error: { code: 'no_trajectory' } }]);
    expect((await fetch(`${open.url}/v1/replay/img-none`)).status).toBe(404);
  });

  it('fetches and replays both answers of the steps with momentum', async () => {
    const fields = { guidance_start: 0.2, guidance_end: 0.8, guidance_momentum: -0.5 };
    const response = await ask({ steps: 5, seed: 1, ...fields });
    const body = (await response.json()) as PictureBody;
    expect([response.status, body.usage]).toMatchObject([200, { output_tokens: 5 }]);
    const statuses = body.ogong.receipts[0]?.checks.map(({ id, status }) => [id, status]);
    expect(statuses).toEqual(
      expect.arrayContaining([
        ['links', 'pass'],
        ['projections', 'pass'],
      ]),
    );
    const id = (response.headers.get('x-ogong-receipt') as string).split('/').at(-1);
    const shown = (await (await fetch(`${open.url}/v1/trajectory/${id}`)).json()) as {
      readonly choices: object;
      readonly steps: readonly { readonly momentum_root?: string }[];
    };
    expect(shown.choices).toMatchObject({ guidance_momentum: -0.5 });
    expect(shown.steps.map((step) => step.momentum_root !== undefined)).toEqual([false, true, true, true, false]);
  });

  it.each([
    ['no prompt', { prompt: undefined }, 'prompt'],
    ['a size that is none', { size: 'large' }, 'size'],
    ['too many pixels', { size: '2049x1024' }, 'size'],
    ['two names of the steps', { steps: 4, num_inference_steps: 4 }, 'num_inference_steps'],
    ['a guidance window that is empty', { guidance_start: 0.5, guidance_end: 0.5 }, 'guidance_end'],
    ['an unknown sampler', { sampler: 'lcm' }, 'sampler'],
    ['another format', { output_format: 'webp' }, 'output_format'],
  ])('refuses %s and names the parameter', async (_what, fields, param) => {
    const response = await ask(fields);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
  });

  it('names the fields that it leaves out', async () => {
    const response = await ask({ quality: 'high', style: 'vivid', made_up: 2, user: 'x' });
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([200, 'quality, style, made_up']);
  });

  const png = async () => {
    const pixels = Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) => (i * 5) % 256);
    return Buffer.from(await encodePng({ width: 24, height: 24, pixels }));
  };

  it('changes a picture of a form or of JSON, with a mask and without', async () => {
    const file = await png();
    const form = new FormData();
    for (const [name, value] of Object.entries({ model: FAKE_MODEL, prompt: 'a fox', seed: '5', steps: '4' }))
      form.append(name, value);
    form.append('image[]', new Blob([file], { type: 'image/png' }), 'a.png');
    form.append('mask', new Blob([file], { type: 'image/png' }), 'b.png');
    const headers = { 'x-ogong-receipt': 'inline', 'x-ogong-steps': '1' };
    const posted = await fetch(`${open.url}/v1/images/edits`, { method: 'POST', headers, body: form });
    const body = (await posted.json()) as PictureBody;
    expect([posted.status, body]).toMatchObject([200, { size: '32x32', usage: { output_tokens: 4 } }]);
    const failed = body.ogong.receipts[0]?.checks.filter(({ status }) => status === 'fail');
    expect(failed).toEqual([]);

    const url = `data:image/png;base64,${file.toString('base64')}`;
    const response = await fetch(`${open.url}/v1/images/variations`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, image: url, steps: 4, strength: 0.5, stream: true }),
    });
    const events = readEvents(await response.text());
    expect(events.map(({ type }) => type)).toEqual([
      'image_edit.progress',
      'image_edit.progress',
      'image_edit.completed',
    ]);
    const [receipt] = (events.at(-1) as StreamEvent).ogong.receipts;
    const shown = await (await fetch(`${open.url}/v1/trajectory/${receipt?.reply_id}`)).json();
    expect(shown).toMatchObject({ source: { strength: 0.5, first_step: 2 }, choices: { steps: 4 } });
  });

  it('refuses a form of a web page, which no preflight request announces', async () => {
    const form = new FormData();
    form.append('model', FAKE_MODEL);
    const headers = { origin: 'https://example.org' };
    const response = await fetch(`${open.url}/v1/images/edits`, { method: 'POST', headers, body: form });
    expect(response.status).toBe(415);
  });

  const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
  it.each<[what: string, behaviour: ProviderBehaviour, reason: string]>([
    ['pixels that are not signed', { bendResponse: flip }, 'response-hash'],
    ['an output that is not the committed one', { bendBlob: flip }, 'blob-withheld'],
    ['no outputs', { withholdBlobs: true }, 'blob-withheld'],
    [
      'a step that does not follow from its output',
      { bendOutput: (output, step) => (step === 2 ? output.map((v) => v * 1.01) : output) },
      'links',
    ],
  ])('pays for no picture with %s, and informs the validators', async (_what, behaviour, reason) => {
    const cheated = await createGatewayFixture({ providers: [behaviour] });
    try {
      const response = await ask({}, cheated);
      expect([response.status, await response.json()]).toMatchObject([502, { error: { code: 'ogong_check_failed' } }]);
      await expect.poll(() => cheated.network.complaints.map((one) => one.reason)).toEqual([reason]);
    } finally {
      await cheated.close();
    }
  });
});
