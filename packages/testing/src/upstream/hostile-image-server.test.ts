import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { WholePictureRequest } from '@ogong/engine/interface/trajectory';
import type { ImageServer } from '@ogong/engine/upstream/pictures/image-server';
import {
  createUpstreamPictureEngine,
  type UpstreamPictureEngine,
  type UpstreamPictureOptions,
} from '@ogong/engine/upstream/pictures/picture-engine';
import { encodePng } from '@ogong/host/media/png';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { afterEach, describe, expect, it } from 'vitest';
import {
  paintPicture,
  type RecordedImageOptions,
  type RecordedImageServer,
  send,
  startRecordedImageServer,
} from './recorded-image-server.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: RecordedImageOptions = {}): Promise<RecordedImageServer> {
  const server = await startRecordedImageServer(options);
  closing.push(() => server.close());
  return server;
}

async function open(
  { address }: Pick<RecordedImageServer, 'address'>,
  options: Partial<UpstreamPictureOptions> = {},
): Promise<UpstreamPictureEngine> {
  const size = { width: 64, height: 64 };
  const engine = await createUpstreamPictureEngine({
    ...{ address, modelRoot: new Uint8Array(32), steps: 20, size },
    ...options,
  });
  closing.push(() => engine.close());
  return engine;
}

const REQUEST: WholePictureRequest = {
  ...{ prompt: 'a red ship', negativePrompt: '', width: 24, height: 16 },
  ...{ steps: undefined, guidance: undefined, seed: 5 },
};
const pngOf = async (size: string): Promise<string> =>
  toBase64(await encodePng(paintPicture({ prompt: 'a', size, seed: 1 })));
const png = await pngOf('24x16');
const wide = await pngOf('24x24');
const turned = await pngOf('16x24');

/** A server that gives this answer to each request for a picture. */
async function ask(
  answer: (response: ServerResponse) => void,
  options: Partial<UpstreamPictureOptions> = {},
): Promise<unknown> {
  const server = await start({
    answer: (_body, response) => {
      answer(response);
      return true;
    },
  });
  return (await open(server, options)).makeWhole(REQUEST);
}
const say = (data: unknown) => (response: ServerResponse) => send(response, 200, { created: 1, data });

describe('a server of pictures', () => {
  it.each<[what: string, entry: (file: string) => object]>([
    ['inline', (file) => ({ b64_json: file })],
    ['as a data URL', (file) => ({ url: `data:image/png;base64,${file}` })],
    ['as a data URL in the inline field', (file) => ({ b64_json: `data:image/png;base64,${file}` })],
  ])('gives its picture %s', async (_what, entry) => {
    const { pixels } = (await ask(say([entry(png)]))) as { pixels: Uint8Array };
    expect(pixels).toEqual(paintPicture({ prompt: 'a', size: '24x16', seed: 1 }).pixels);
  });

  it.each<[server: ImageServer, fields: object]>([
    ['openai', { response_format: 'b64_json' }],
    [
      'sd-server',
      {
        prompt: expect.stringMatching(
          /^a red ship <sd_cpp_extra_args>\{"seed":5,"negative_prompt":"blue","steps":9,"cfg_scale":2,.*<\/sd_cpp_extra_args>$/,
        ),
      },
    ],
    ['vllm-omni', { seed: 5, num_inference_steps: 9, guidance_scale: 2, negative_prompt: 'blue' }],
    ['localai', { seed: 5, step: 9 }],
  ])('of kind %s is asked with its own fields', async (kind, fields) => {
    const server = await start();
    const engine = await open(server, { server: kind });
    await engine.makeWhole({ ...REQUEST, steps: 9, guidance: 2, negativePrompt: 'blue' });
    const [body] = server.asked;
    expect(body).toMatchObject({ model: 'painter', prompt: 'a red ship', n: 1, size: '24x16', ...fields });
    if (kind === 'openai') expect(Object.keys(body ?? {})).not.toContain('seed');
  });

  it('that refuses response_format is asked without it from then on', async () => {
    const server = await start({ refusesFormat: true });
    const engine = await open(server);
    await engine.makeWhole(REQUEST);
    await engine.makeWhole(REQUEST);
    expect(server.asked.map((body) => body.response_format)).toEqual(['b64_json', undefined, undefined]);
  });

  it('is not asked with a prompt that holds settings of a server', async () => {
    const server = await start();
    const engine = await open(server, { server: 'sd-server' });
    const prompt = 'a <sd_cpp_extra_args>{"steps": 150}</sd_cpp_extra_args>';
    await expect(engine.makeWhole({ ...REQUEST, prompt })).rejects.toMatchObject({
      ...{ code: 'invalid-request', message: 'the prompt must not contain sd_cpp_extra_args; leave it out' },
    });
    expect(server.asked).toEqual([]);
  });

  it('is not used if it lacks the model, or gets no key that it takes', async () => {
    const server = await start({ key: 'sk-1' });
    await expect(open(server)).rejects.toThrow(/does not take the key/);
    await expect(open(server, { readKey: () => 'sk-1', model: 'other' })).rejects.toThrow(/other is none of them/);
    await open(server, { readKey: () => 'sk-1' });
  });

  it('gives its picture with the exchange, over a link that can be shown', async () => {
    const exchange = { statement: Uint8Array.of(1), chain: [] };
    const shown: Response[] = [];
    const link = {
      fetch,
      show: (response: Response) => {
        shown.push(response);
        return exchange;
      },
    };
    const made = await (await open(await start(), { link })).makeWhole(REQUEST);
    expect(made.exchange).toBe(exchange);
    expect(shown.map(({ url, bodyUsed }) => [new URL(url).pathname, bodyUsed])).toEqual([
      ['/v1/images/generations', true],
    ]);
  });

  it('shows no steps: every call about them is refused', async () => {
    const engine = await open(await start());
    const size = { width: 8, height: 8 };
    await expect(engine.decode(new Float32Array(1), size)).rejects.toThrow(/shows no steps/);
    await expect(
      engine
        .generate({} as never, {} as never)
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toThrow(/no steps/);
  });
});

describe('a hostile answer of a server of pictures', () => {
  it.each<[what: string, data: unknown, words: RegExp]>([
    ['another size', [{ b64_json: wide }], /made a picture of 24x24 pixels, and 24x16 were asked for/],
    ['sides that are swapped', [{ b64_json: turned }], /made a picture of 16x24 pixels, and 24x16 were asked for/],
    [
      'no picture',
      [{ b64_json: toBase64(randomBytes(90)) }],
      /answers with no picture: .*neither PNG, JPEG, WebP nor GIF/,
    ],
    ['half a picture', [{ b64_json: png.slice(0, 60) }], /answers with no picture: the picture/],
    ['letters that are no base64', [{ b64_json: '!!!!' }], /no picture in base64/],
    ['an address', [{ url: 'http://127.0.0.1:1/a.png' }], /the address of a picture, which is not fetched/],
    ['a data URL of another type', [{ url: `data:text/html;base64,${png}` }], /is not fetched/],
    ['an object', [{ b64_json: {} }], /answers with no picture/],
    ['two pictures', [{ b64_json: png }, { b64_json: png }], /answers with 2 pictures, and one was asked for/],
    ['none', [], /answers with 0 pictures/],
    ['no list', 'data', /answers with 0 pictures/],
  ])('%s', async (_what, data, words) => {
    await expect(ask(say(data))).rejects.toMatchObject({
      ...{ code: 'engine-crashed', message: expect.stringMatching(words) },
    });
  });

  it.each<[what: string, answer: (response: ServerResponse) => void, words: RegExp]>([
    ['no JSON', (response) => response.end('<html>'), /no JSON/],
    ['a redirect', (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), /not followed/],
    ['more than is read', (response) => send(response, 200, 'a'.repeat(2_000)), /more than 1000 bytes/],
    ['an error', (response) => send(response, 500, { error: { message: 'boom' } }), /answers 500: boom/],
    ['nothing in time', () => undefined, /does not answer in time/],
  ])('%s', async (_what, answer, words) => {
    const limits = { maxBodyBytes: 1_000, firstByteMs: 300, retryMs: [] };
    await expect(ask(answer, { limits })).rejects.toMatchObject({
      ...{ code: 'engine-crashed', message: expect.stringMatching(words) },
    });
  });

  it('comes too late for a caller that has left', async () => {
    const server = await start({ answer: () => true });
    const engine = await open(server);
    const leaving = new AbortController();
    const made = engine.makeWhole(REQUEST, { signal: leaving.signal });
    await expect.poll(() => server.asked.length).toBe(1);
    leaving.abort();
    await expect(made).rejects.toMatchObject({ code: 'cancelled' });
  });
});
