import { inflateSync } from 'node:zlib';
import type { Check } from '@ogong/protocol/base/checks';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  const open = (reference: string) =>
    reference.includes('painter') ? createFakeTrajectoryEngine({ hasFixedSize: true }) : createFakeEngine();
  fixture = await createLocalFixture({ models: [shelve('painter'), shelve('writer')], open });
});
afterAll(() => fixture.close());

interface Answer {
  readonly created: number;
  readonly data: readonly { readonly b64_json?: string; readonly url?: string }[];
  readonly size: string;
  readonly output_format: string;
  readonly ogong: { readonly receipts: readonly { readonly reply_id: string; readonly url: string }[] };
}

const STEPS = { 'x-ogong-steps': '1' };

async function send(fields: object, path = '/v1/images/generations', headers: Record<string, string> = {}) {
  const response = await fixture.post(path, { model: 'painter', prompt: 'a red ship', ...fields }, headers);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function ask(fields: object): Promise<Answer> {
  const { status, text } = await send(fields);
  expect([status, status === 200 ? '' : text]).toEqual([200, '']);
  return JSON.parse(text) as Answer;
}

async function refusalOf(fields: object, path?: string): Promise<string> {
  const { status, text } = await send(fields, path);
  expect(status).toBe(400);
  return (JSON.parse(text) as { error: { message: string } }).error.message;
}

/** Reads width and pixels of a PNG that has no filters. */
function decodePng(base64: string): { readonly width: number; readonly pixels: number[] } {
  const file = Buffer.from(base64, 'base64');
  const width = file.readUInt32BE(16);
  const rows = inflateSync(file.subarray(41, 41 + file.readUInt32BE(33)));
  return { width, pixels: [...rows].filter((_, i) => i % (1 + 3 * width) !== 0) };
}

interface ShownReceipt {
  readonly checks: readonly Check[];
  readonly response: string;
  readonly media?: readonly string[];
  readonly blobs?: Readonly<Record<string, string>>;
}

const readReceipt = async (url: string): Promise<ShownReceipt> =>
  (await (await fetch(`${fixture.base}${url}`)).json()) as ShownReceipt;

const listFailed = ({ checks }: ShownReceipt): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('POST /v1/images/generations of local mode', () => {
  it('answers with up to ten pictures, each with a receipt and its own noise', async () => {
    const { data, ogong } = await ask({ n: 10, seed: 5, steps: 1 });
    expect(new Set(data.map(({ b64_json: png }) => png)).size).toBe(10);
    expect(new Set(ogong.receipts.map(({ url }) => url)).size).toBe(10);
    const last = await readReceipt(ogong.receipts[9]?.url as string);
    expect(listFailed(last)).toEqual([]);
    expect([...Buffer.from(last.response, 'base64')]).toEqual(decodePng(data[9]?.b64_json as string).pixels);
    const again = await ask({ n: 8, seed: 5, steps: 1 });
    expect(again.data).toEqual(data.slice(0, 8));
    expect(await refusalOf({ n: 11 })).toContain('n must be a number between 1 and 10');
  });

  it('numbers the steps of a stream over all its orders', async () => {
    const { text } = await send({ stream: true, n: 10, steps: 1 }, undefined, STEPS);
    const events = text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []));
    const steps = events.filter(({ type }) => type === 'image_generation.progress');
    expect(steps.map(({ ogong }) => ogong.choice)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const ends = events.filter(({ type }) => type === 'image_generation.completed');
    expect(new Set(ends.map(({ ogong }) => ogong.receipts[0].url)).size).toBe(10);
  });

  it('answers with a PNG whose pixels have a receipt, with all links replayed', async () => {
    const answer = await ask({ steps: 3 });
    expect(answer).toMatchObject({ size: '32x32', output_format: 'png', created: expect.any(Number) });
    expect(answer).toMatchObject({ usage: { output_tokens: 3 } });
    const { width, pixels } = decodePng(answer.data[0]?.b64_json as string);
    expect([width, answer.data.length]).toEqual([32, 1]);
    const receipt = await readReceipt(answer.ogong.receipts[0]?.url as string);
    expect([...Buffer.from(receipt.response, 'base64')]).toEqual(pixels);
    expect(listFailed(receipt)).toEqual([]);
    expect(receipt.blobs).toBeUndefined();
    const { blobs = {} } = await readReceipt(`${answer.ogong.receipts[0]?.url}?blobs=1`);
    expect(Object.values(blobs).map((output) => Buffer.from(output, 'base64').length)).toEqual([1024, 1024, 1024]);
    const passed = receipt.checks.filter(({ status }) => status === 'pass').map(({ id }) => id);
    expect(passed).toEqual(
      expect.arrayContaining(['links', 'projections', 'pixels', 'draw-key', 'choices', 'sketch-bank']),
    );
  });

  it('makes a part of a picture, and goes on with its latent', async () => {
    const first = await ask({ steps: 3, last_step: 2 });
    const { latent } = first.data[0] as { readonly latent: string };
    const second = await ask({ steps: 3, first_step: 2, latent });
    expect(decodePng(second.data[0]?.b64_json as string).width).toBe(32);
    for (const { ogong } of [first, second]) {
      const receipt = await readReceipt(ogong.receipts[0]?.url as string);
      expect(receipt.checks.find(({ id }) => id === 'links')?.status).toBe('pass');
      expect(listFailed(receipt)).toEqual([]);
    }
    expect(await refusalOf({ steps: 3, first_step: 2 })).toContain('latent must be a data URL');
    const short = `data:application/octet-stream;base64,${Buffer.alloc(8).toString('base64')}`;
    expect(await refusalOf({ steps: 3, first_step: 2, latent: short })).toContain('8 bytes are not 256 values');
  });

  it('makes n different pictures, each with its receipt, and the same ones under a seed', async () => {
    const [first, again] = [await ask({ n: 2, seed: 5, steps: 2 }), await ask({ n: 2, seed: 5, steps: 2 })];
    expect(first.data).toEqual(again.data);
    expect(first.data[0]).not.toEqual(first.data[1]);
    const { receipts } = first.ogong;
    expect(receipts).toHaveLength(2);
    for (const { url } of receipts) expect(listFailed(await readReceipt(url))).toEqual([]);
    const [one] = (await ask({ steps: 2 })).data;
    expect(one).not.toEqual(first.data[0]);
  });

  it('streams events of OpenAI alone where a caller asks for no steps', async () => {
    const { text } = await send({ stream: true, partial_images: 1, steps: 2 });
    const names = [...text.matchAll(/^event: image_generation\.(.+)$/gm)].map(([, name]) => name);
    expect(names).toEqual(['partial_image', 'completed']);
  });

  it('answers with a data URL, or with an event for each picture', async () => {
    const [{ url } = {}] = (await ask({ response_format: 'url', seed: 1 })).data;
    const [{ b64_json: shown } = {}] = (await ask({ seed: 1 })).data;
    expect(url).toBe(`data:image/png;base64,${shown}`);
    const [{ b64_json: whole } = {}] = (await ask({ seed: 1, steps: 2 })).data;
    const { text, headers } = await send(
      { stream: true, seed: 1, n: 2, partial_images: 1, steps: 2 },
      undefined,
      STEPS,
    );
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = text.trim().split('\n\n');
    const onTheWay = ['progress', 'partial_image', 'progress'];
    expect(events.map((event) => event.split('\n')[0])).toEqual(
      [...onTheWay, ...onTheWay, 'completed', 'completed'].map((name) => `event: image_generation.${name}`),
    );
    const parsed = events.map((event) => JSON.parse(event.split('\ndata: ')[1] as string) as Answer & object);
    const [first, last] = parsed.slice(-2);
    expect(parsed[4]).toMatchObject({ partial_image_index: 0, ogong: { choice: 1, checked: false } });
    expect(first).toMatchObject({ type: 'image_generation.completed', b64_json: whole, size: '32x32' });
    for (const event of [first, last]) expect(event?.ogong.receipts).toHaveLength(1);
    expect(first?.ogong).not.toEqual(last?.ogong);
  });

  it('changes a picture, and tells the strength and the picture from another one', async () => {
    const [{ b64_json: first } = {}] = (await ask({ seed: 1, steps: 2 })).data;
    const change = async (fields: object) => {
      const { status, text } = await send({ image: `data:image/png;base64,${first}`, ...fields }, '/v1/images/edits');
      expect([status, status === 200 ? '' : text]).toEqual([200, '']);
      return JSON.parse(text) as Answer;
    };
    const half = await change({ seed: 2, steps: 4, strength: 0.5 });
    expect(half).toMatchObject({ usage: { output_tokens: 2 } });
    const receipt = await readReceipt(half.ogong.receipts[0]?.url as string);
    expect(listFailed(receipt)).toEqual([]);
    expect(receipt.media).toEqual([first]);
    const most = await change({ seed: 2, steps: 4, strength: 1 });
    expect(most.data).not.toEqual(half.data);
    expect(await refusalOf({ image: 'data:image/png;base64,AAAA' }, '/v1/images/edits')).toContain(
      'is neither PNG, JPEG, WebP nor GIF',
    );
  });

  it('refuses what the model cannot make, and says what to do', async () => {
    expect(await refusalOf({ size: '64x64' })).toBe(
      'this model makes pictures of 32x32; leave size out or send size 32x32',
    );
    expect(await refusalOf({ stream: true, sampler: 'euler' })).toContain('send sampler flow-match');
    expect(await refusalOf({ prompt: '' })).toContain('prompt');
  });
});

it('a chat to a model of pictures names the endpoint, and a picture of a model that writes is refused', async () => {
  const messages = [{ role: 'user', content: 'hi' }];
  expect(await refusalOf({ messages, prompt: undefined }, '/v1/chat/completions')).toBe(
    '"painter" does not support chat: it makes pictures; send the prompt to POST /v1/images/generations',
  );
  expect(await refusalOf({ model: 'writer' })).toBe('"writer" does not support pictures');
});
