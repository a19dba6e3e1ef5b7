import { get } from 'node:http';
import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import { ModelError } from '@ogong/models/model-error';
import { resolveShortName } from '@ogong/models/short-names';
import { createModelStore } from '@ogong/models/store';
import { AGENT_BODIES, missingReportedCases, readReportedCase, whySkipped } from '@ogong/testing/clients/reported-case';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';
import { createStoreLibrary } from './store-library.ts';

let fixture: LocalFixture;
const pulled: string[] = [];

beforeAll(async () => {
  const catalogue = readCatalogue(OWN_CATALOGUE);
  fixture = await createLocalFixture({
    models: ['fake', 'large', 'embedder'].map((name) => shelve(name)),
    open: (reference) =>
      reference.endsWith('embedder')
        ? createFakeEmbeddingEngine()
        : createFakeEngine({ contextSize: reference.endsWith('large') ? 131_072 : 512 }),
    hosts: ['lan'],
    library: createStoreLibrary(createModelStore('/nonexistent'), async (reference) => {
      pulled.push(resolveShortName(catalogue, reference)?.reference ?? reference);
      throw new ModelError('network', 'no network here');
    }),
  });
});
afterAll(() => fixture.close());

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
type Body = any;

/** `fetch` sets the host itself. */
const statusFor = (host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(fixture.base);
    get({ host: '127.0.0.1', port, path: '/api/tags', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

describe.skipIf(missingReportedCases !== undefined)(`a request that failed once, with local mode${whySkipped}`, () => {
  const call = (name: string, model: string): Promise<Response> => {
    const { path, init } = readReportedCase(name, model);
    return fetch(`${fixture.base}${path}`, init);
  };

  async function send(name: string, model = 'fake') {
    const response = await call(name, model);
    const [ignored, clamped] = ['ignored', 'clamped'].map((one) => response.headers.get(`x-ogong-${one}`));
    return { status: response.status, ignored, clamped, body: (await response.json()) as Body };
  }

  it('has no citations in its answer (Anthropic)', async () => {
    const { status, body } = await send('anthropic-citations-null');
    expect([status, body.content[0].type, 'citations' in body.content[0]]).toEqual([200, 'text', false]);
  });

  it('has the length of its prompt when its stream begins (Anthropic)', async () => {
    const text = await (await call('anthropic-stream-no-input-tokens', 'fake')).text();
    const start = JSON.parse(/^data: (.*message_start.*)$/m.exec(text)?.[1] ?? '{}') as Body;
    expect(start.message.usage.input_tokens).toBeGreaterThan(0);
  });

  it.each([
    ['anthropic-thread', 'thread'],
    ['ollama-unknown-top-level', 'temperature, max_output_tokens'],
    ['responses-built-in-and-custom-tools', 'tools[1], tools[2]'],
  ])('is answered, and what is left out is named: %s', async (name, ignored) => {
    expect(await send(name)).toMatchObject({ status: 200, ignored });
  });

  it('has a repetition penalty, which is applied (Ollama)', async () => {
    const { status, ignored, body } = await send('ollama-repeat-penalty');
    expect([status, ignored, body.eval_count]).toEqual([200, null, 2]);
    const { init } = readReportedCase('ollama-repeat-penalty', 'fake');
    const { options, ...rest } = JSON.parse(init.body as string) as Body;
    const answer = async (more: object): Promise<string> => {
      const given = { ...options, ...more, num_predict: 40, seed: 1, temperature: 0 };
      const response = await fixture.post('/api/chat', { ...rest, options: given });
      return ((await response.json()) as Body).message.content;
    };
    const plain = await answer({ repeat_penalty: 1 });
    expect(await answer({ repeat_penalty: 2 })).not.toBe(plain);
    expect(await answer({ repeat_penalty: 2, repeat_last_n: 0 })).toBe(plain);
  });

  it('has a prompt that is too long', async () => {
    const { status, body } = await send('openai-prompt-too-long');
    expect([status, body.error.code]).toEqual([400, 'context_length_exceeded']);
  });

  it('has a format beside a pattern: the answer keeps both', async () => {
    const { status, ignored, body } = await send('schema-format-beside-pattern', 'large');
    expect([status, ignored]).toEqual([200, 'response_format.format']);
    expect(JSON.parse(body.choices[0].message.content)).toEqual({ v: expect.stringMatching(/^[0-9a-f]{8}-/) });
  });

  it('asks for the vector of a long text, and gets one of its beginning', async () => {
    expect(await send('ollama-embed-truncate', 'embedder')).toMatchObject({ status: 200, clamped: 'input=256' });
  });

  it('asks for vectors of token ids, and gets one for each list', async () => {
    const { status, body } = await send('openai-embed-token-arrays', 'embedder');
    expect([status, body.data.length]).toEqual([200, 2]);
  });

  it('pulls a model by the name that the catalogue lists', async () => {
    expect((await send('pull-names')).status).toBe(503);
    expect(pulled).toEqual(['hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m']);
  });

  it('lists models: each name has a tag', async () => {
    const { body } = await send('ollama-tags-without-tag');
    expect(body.models.map(({ name }: { name: string }) => /:latest$/.test(name))).toEqual([true, true, true]);
  });

  it('names a host of the LAN, which is allowed; no other name is answered', async () => {
    const host = (readReportedCase('host-local-and-lan', 'fake').init.headers as Record<string, string>).Host ?? '';
    expect([await statusFor(host), await statusFor('192.168.1.5')]).toEqual([200, 200]);
    expect(await statusFor('rebound.example')).toBe(403);
  });
});

describe('the first request of a coding agent', () => {
  it.each(Object.keys(AGENT_BODIES))('is answered at %s by a model whose context holds it', async (path) => {
    const body = { model: 'large', seed: 1, temperature: 0, stream: true, ...AGENT_BODIES[path] };
    // Only the begin of the answer is awaited.
    const call = new AbortController();
    const response = await fetch(`${fixture.base}${path}`, {
      ...{ method: 'POST', body: JSON.stringify(body), signal: call.signal },
    });
    call.abort();
    expect(response.status).toBe(200);
  });

  it.each(Object.keys(AGENT_BODIES))('has the error of the context at %s by a smaller one', async (path) => {
    const response = await fixture.post(path, { model: 'fake', ...AGENT_BODIES[path] });
    const { error } = (await response.json()) as { error: { message: string } };
    expect([response.status, error.message]).toEqual([
      400,
      expect.stringMatching(/maximum context length is 512 tokens|prompt is too long: \d+ tokens > 511 maximum/),
    ]);
  });
});
