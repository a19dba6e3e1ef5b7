import {
  type RecordedImageOptions,
  type RecordedImageServer,
  startRecordedImageServer,
} from '@ogong/testing/upstream/recorded-image-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import { openImageUpstreamModels } from './open-upstream.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  options: RecordedImageOptions = {},
): Promise<{ readonly fixture: LocalFixture; readonly server: RecordedImageServer }> {
  const server = await startRecordedImageServer(options);
  closing.push(() => server.close());
  const { shelf, loaded, library, names } = await openImageUpstreamModels('ogong-provider local', {
    ...{ imageUpstream: server.address, imageServer: 'vllm-omni', imageSteps: 20 },
    ...{ imageSize: { width: 32, height: 32 }, model: [], modelsDir: '/nonexistent' },
  });
  expect(names).toEqual(['painter']);
  const fixture = await createLocalFixture({ shelf, loaded, library });
  closing.push(() => fixture.close());
  return { fixture, server };
}

describe('local mode in front of a server of pictures', () => {
  it('answers with pictures in the wanted size, without a receipt', async () => {
    const { fixture, server } = await open();
    const asked = { model: 'painter', prompt: 'a red ship', n: 2, size: '48x32', steps: 5, seed: 3 };
    const response = await fixture.post('/v1/images/generations', asked);
    expect(response.status).toBe(200);
    expect(response.headers.has('x-ogong-receipt')).toBe(false);
    const answer = (await response.json()) as { readonly data: readonly object[] };
    expect(answer).toMatchObject({ size: '48x32', usage: { output_tokens: 20 } });
    expect(answer).not.toHaveProperty('ogong');
    expect(answer.data).toHaveLength(2);
    expect(server.asked.map(({ num_inference_steps: steps }) => steps)).toEqual([5, 5]);
    // The pictures of a request differ by their seeds.
    expect(server.asked[0]?.seed).not.toBe(server.asked[1]?.seed);
  });

  it('answers a stream with one event a picture', async () => {
    const { fixture } = await open();
    const response = await fixture.post('/v1/images/generations', { model: 'painter', prompt: 'a', stream: true });
    const text = await response.text();
    expect(text.match(/^event: .*/gm)).toEqual(['event: image_generation.completed']);
  });

  it.each<[what: string, path: string, body: object, words: RegExp]>([
    ['a chat', '/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }] }, /makes pictures/],
    ['a sampler', '/v1/images/generations', { prompt: 'a', sampler: 'euler' }, /takes no sampler/],
    [
      'a picture to change',
      '/v1/images/edits',
      { prompt: 'a', image: 'data:image/png;base64,iVBORw0KGgo=' },
      /changes no pictures/,
    ],
  ])('refuses %s', async (_what, path, body, words) => {
    const { fixture } = await open();
    const response = await fixture.post(path, { model: 'painter', ...body });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(words);
  });
});
