import { get } from 'node:http';
import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import { ModelError } from '@ogong/models/model-error';
import { resolveShortName } from '@ogong/models/short-names';
import { createModelStore } from '@ogong/models/store';
import { testReportedCases } from '@ogong/testing/clients/expected-answers';
import { AGENT_BODIES, missingReportedCases, readReportedCase, whySkipped } from '@ogong/testing/clients/reported-case';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';
import { createStoreLibrary } from './store-library.ts';

let fixture: LocalFixture;
const pulled: string[] = [];

beforeAll(async () => {
  const catalogue = readCatalogue(OWN_CATALOGUE);
  const contexts: Readonly<Record<string, number>> = { large: 131_072, 'tiny-shapes-vision': 1_024 };
  fixture = await createLocalFixture({
    models: ['fake', 'large', 'embedder', 'tiny-shapes-vision', 'tiny-shapes-flow-dit'].map((name) => shelve(name)),
    open(reference) {
      if (reference.endsWith('embedder')) return createFakeEmbeddingEngine();
      if (reference.endsWith('flow-dit')) return createFakeTrajectoryEngine({ hasFixedSize: true });
      const contextSize = contexts[reference.replace('file:/', '')] ?? 512;
      return createFakeEngine({ contextSize, readsPictures: reference.endsWith('vision') });
    },
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

  const models = { text: 'fake', large: 'large', embedder: 'embedder', seer: 'tiny-shapes-vision' };
  testReportedCases('local', { url: () => fixture.base, models });

  it('has a repetition penalty, which is applied (Ollama)', async () => {
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

  it('has a format beside a pattern: the answer keeps both', async () => {
    const { status, ignored, body } = await send('schema-format-beside-pattern', 'large');
    expect([status, ignored]).toEqual([200, 'response_format.format']);
    expect(JSON.parse(body.choices[0].message.content)).toEqual({ v: expect.stringMatching(/^[0-9a-f]{8}-/) });
  });

  it('pulls a model by the name that the catalogue lists', async () => {
    expect((await send('pull-names')).status).toBe(503);
    expect(pulled).toEqual(['hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m']);
  });

  it('names a host that proxies send; no name of a web site is answered', async () => {
    const host = (readReportedCase('host-local-and-lan', 'fake').init.headers as Record<string, string>).Host ?? '';
    expect([await statusFor(host), await statusFor('192.168.1.5')]).toEqual([200, 200]);
    expect([await statusFor('rebound.example'), await statusFor('evil.local')]).toEqual([403, 403]);
    const page = { origin: `http://${host}` };
    expect((await fixture.post('/api/chat', { model: 'fake' }, page)).status).toBe(403);
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
