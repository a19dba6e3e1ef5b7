import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createPictureFetcher } from '@ogong/host/http/picture-fetch';
import { fromBase64, toBase64 } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
let encoded = 0;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [shelve('seer'), shelve('blind')],
    pictures: createPictureFetcher({
      async fetch(address) {
        if (address.endsWith('gone')) throw new TypeError('fetch failed');
        return new Response(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4));
      },
    }),
    open: (reference) => {
      if (reference.includes('blind')) return createFakeEngine({ contextSize: 512 });
      const engine = createFakeEngine({ contextSize: 512, readsPictures: true, fills: true });
      const encodePicture: typeof engine.encodePicture = (...given) => {
        encoded++;
        return engine.encodePicture(...given);
      };
      return { ...engine, encodePicture };
    },
  });
});
afterAll(() => fixture.close());

const [CIRCLE, SQUARE] = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
const question = 'What is shown?';
const urlOf = (file: Uint8Array): string => `data:image/png;base64,${toBase64(file)}`;
const bareOf = (file: Uint8Array): string => toBase64(file);

/** A body of each API that shows a picture before a question. */
const BODIES: readonly (readonly [path: string, show: (file: Uint8Array) => object])[] = [
  [
    '/v1/chat/completions',
    (file) => {
      const content = [
        { type: 'image_url', image_url: { url: urlOf(file) } },
        { type: 'text', text: question },
      ];
      return { max_tokens: 8, temperature: 0, messages: [{ role: 'user', content }] };
    },
  ],
  [
    '/v1/responses',
    (file) => {
      const content = [
        { type: 'input_image', image_url: urlOf(file) },
        { type: 'input_text', text: question },
      ];
      return { max_output_tokens: 8, temperature: 0, input: [{ role: 'user', content }] };
    },
  ],
  [
    '/v1/messages',
    (file) => {
      const source = { type: 'base64', media_type: 'image/png', data: bareOf(file) };
      const content = [
        { type: 'image', source },
        { type: 'text', text: question },
      ];
      return { max_tokens: 8, temperature: 0, messages: [{ role: 'user', content }] };
    },
  ],
  [
    '/api/chat',
    (file) => ({
      ...{ stream: false, options: { num_predict: 8, temperature: 0, num_ctx: 256 } },
      messages: [{ role: 'user', content: question, images: [bareOf(file)] }],
    }),
  ],
  [
    '/api/generate',
    (file) => ({
      ...{ stream: false, options: { num_predict: 8, temperature: 0 } },
      ...{ prompt: question, images: [bareOf(file)] },
    }),
  ],
];
const [[, showInChat]] = BODIES as [(typeof BODIES)[0]];

async function send(path: string, body: object) {
  const response = await fixture.post(path, { model: 'seer', ...body }, { 'anthropic-version': '2023-06-01' });
  const text = await response.text();
  return { status: response.status, text, receipt: response.headers.get('x-ogong-receipt') ?? '' };
}

interface ShownReceipt {
  readonly checks: readonly Check[];
  readonly request: string;
  readonly response: string;
  readonly media: readonly string[];
  readonly blobs: Readonly<Record<string, string>>;
}

async function readReceipt(path: string) {
  const text = await (await fetch(`${fixture.base}${path}`)).text();
  const shown = JSON.parse(text) as ShownReceipt;
  const receipt = parseAnyReceipt(text) as LocalReceipt;
  const { pictures } = parseHeader(parseOpening(receipt.opening.bytes).header);
  const decode = (base64: string): string => new TextDecoder().decode(fromBase64(base64));
  return { ...shown, pictures, asked: JSON.parse(decode(shown.request)), answer: decode(shown.response) };
}

describe.each(BODIES)('a picture in %s', (path, show) => {
  it('is read once, answered, and stands in the receipt with its rows', async () => {
    const before = encoded;
    const { status, text, receipt } = await send(path, show(CIRCLE));
    expect([status, status === 200 ? '' : text]).toEqual([200, '']);
    expect(encoded).toBe(before + 1);
    const { checks, asked, answer, pictures, media, blobs } = await readReceipt(receipt);
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(asked.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: toReference(crypto, CIRCLE) } },
          { type: 'text', text: question },
        ],
      },
    ]);
    expect(pictures.map(({ rows }) => rows)).toEqual([3]);
    expect(media).toEqual([toBase64(CIRCLE)]);
    expect(Object.keys(blobs)).toHaveLength(1);
    const same = await readReceipt((await send('/v1/chat/completions', showInChat(CIRCLE))).receipt);
    const other = await readReceipt((await send(path, show(SQUARE))).receipt);
    expect([same.answer, other.answer === answer]).toEqual([answer, false]);
  });

  it('is refused by a model without an encoder, with the reason', async () => {
    const { status, text } = await send(path, { ...show(CIRCLE), model: 'blind' });
    expect([status, text]).toEqual([400, expect.stringContaining('this model reads no pictures')]);
  });
});

/** A body of each API in which a tool has shown a picture. */
const TOOL_BODIES: readonly (readonly [path: string, body: object])[] = [
  [
    '/v1/chat/completions',
    {
      max_tokens: 4,
      messages: [
        { role: 'user', content: question },
        { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: { url: urlOf(CIRCLE) } }] },
      ],
    },
  ],
  [
    '/v1/responses',
    {
      max_output_tokens: 4,
      input: [
        { role: 'user', content: question },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: urlOf(CIRCLE) }] },
      ],
    },
  ],
  [
    '/v1/messages',
    {
      max_tokens: 4,
      messages: [
        { role: 'user', content: question },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [
            {
              ...{ type: 'tool_result', tool_use_id: 'c' },
              content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: bareOf(CIRCLE) } }],
            },
          ],
        },
      ],
    },
  ],
  [
    '/api/chat',
    {
      ...{ stream: false, options: { num_predict: 4 } },
      messages: [
        { role: 'user', content: question },
        { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: {} } }] },
        { role: 'tool', tool_name: 'f', content: '', images: [bareOf(CIRCLE)] },
      ],
    },
  ],
];

it.each(TOOL_BODIES)('a picture that a tool shows in %s is read by a model that reads pictures', async (path, body) => {
  const before = encoded;
  const { status, text, receipt } = await send(path, body);
  expect([status, status === 200 ? '' : text]).toEqual([200, '']);
  expect(encoded).toBe(before + 1);
  const { checks, pictures } = await readReceipt(receipt);
  expect([pictures.length, checks.filter((check) => check.status === 'fail')]).toEqual([1, []]);
  expect((await send(path, { ...body, model: 'blind' })).status).toBe(400);
});

it('is read once for all choices of a chat, and each has its receipt', async () => {
  const before = encoded;
  const { receipt } = await send('/v1/chat/completions', { ...showInChat(CIRCLE), n: 3 });
  expect(encoded).toBe(before + 1);
  const last = await readReceipt(`${receipt}?choice=2`);
  expect(last.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  expect(last.pictures).toHaveLength(1);
});

it.each(['/v1/messages', '/v1/responses'])('counts with the tokens of %s', async (path) => {
  const show = BODIES.find(([each]) => each === path)?.[1] as (typeof BODIES)[0][1];
  const { max_tokens: _, max_output_tokens: __, temperature: ___, ...body } = show(CIRCLE) as Record<string, unknown>;
  const counting = path === '/v1/messages' ? `${path}/count_tokens` : `${path}/input_tokens`;
  const counted = JSON.parse((await send(counting, body)).text) as { readonly input_tokens: number };
  const { usage } = JSON.parse((await send('/v1/chat/completions', showInChat(CIRCLE))).text) as {
    readonly usage: { readonly prompt_tokens: number };
  };
  expect(counted.input_tokens).toBe(usage.prompt_tokens);
  expect((await send(counting, { ...body, model: 'blind' })).status).toBe(400);
});

describe("pictures of Ollama's API", () => {
  const asked = { prompt: question, images: [bareOf(CIRCLE)], options: { num_predict: 4 }, stream: false };

  it.each([
    ['raw', { raw: true }],
    ['template', { template: '{{ .Prompt }}' }],
    ['suffix', { suffix: 'end' }],
    ['context', { context: [1, 2] }],
  ])('are refused beside %s', async (field, other) => {
    const { status, text } = await send('/api/generate', { ...asked, ...other });
    const message = `images: only the model's own template shows pictures; leave ${field} out`;
    expect([status, JSON.parse(text)]).toEqual([400, { error: message }]);
  });

  it('need no prompt', async () => {
    const { status, receipt } = await send('/api/generate', { ...asked, prompt: '' });
    expect(status).toBe(200);
    expect((await readReceipt(receipt)).asked.messages[0].content).toHaveLength(1);
  });

  it.each([
    ['no list', 'AA=='],
    ['no text', [5]],
    ['an address', ['https://example.com/a.png']],
  ])('are refused as %s', async (_, images) => {
    expect((await send('/api/generate', { ...asked, images })).status).toBe(400);
    const messages = [{ role: 'user', content: question, images }];
    expect((await send('/api/chat', { messages, stream: false })).status).toBe(400);
  });
});

describe.each(BODIES.slice(0, 3))('the address of a picture in %s', (path, show) => {
  const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4);
  const PLACE = 'https://pictures.example/a.png';
  const showAddress = (url: string) =>
    JSON.parse(
      JSON.stringify(show(PNG))
        .replace(
          JSON.stringify({ type: 'base64', media_type: 'image/png', data: bareOf(PNG) }),
          JSON.stringify({ type: 'url', url }),
        )
        .replace(urlOf(PNG), url),
    ) as object;

  it('is answered as the same picture in the request, and its receipt names the bytes', async () => {
    const inData = await readReceipt((await send(path, show(PNG))).receipt);
    const inPlace = await readReceipt((await send(path, showAddress(PLACE))).receipt);
    expect([inPlace.request, inPlace.media, inPlace.answer]).toEqual([inData.request, inData.media, inData.answer]);
    expect(inPlace.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  it('is refused without its picture, with the place and a cure', async () => {
    const { status, text } = await send(path, showAddress(`${PLACE}?gone`));
    expect([status, text]).toEqual([400, expect.stringContaining('send the file itself as data:')]);
    expect(text).toContain('[0].content[0]');
  });
});
