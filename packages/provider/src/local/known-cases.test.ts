import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import { ModelError } from '@ogong/models/model-error';
import { resolveShortName } from '@ogong/models/short-names';
import { createModelStore } from '@ogong/models/store';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';
import { createStoreLibrary } from './store-library.ts';

/** Requests of programs that people use, as they were recorded. */
const CASES = new URL('../../../../../shared/vectors/cases/', import.meta.url);

interface Case {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: object;
  };
}

const readCase = (name: string): Case['request'] =>
  (
    JSON.parse(
      readFileSync(new URL(`${name}.json`, CASES), 'utf8')
        .replaceAll('$MODEL', 'fake')
        .replaceAll('$EMBED', 'embedder'),
    ) as Case
  ).request;

let fixture: LocalFixture;
const pulled: string[] = [];

beforeAll(async () => {
  const catalogue = readCatalogue(OWN_CATALOGUE);
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('embedder')],
    open: (reference) =>
      reference.includes('embedder') ? createFakeEmbeddingEngine() : createFakeEngine({ contextSize: 2048 }),
    hosts: ['lan'],
    library: createStoreLibrary(createModelStore('/nonexistent'), async (reference) => {
      pulled.push(resolveShortName(catalogue, reference)?.reference ?? reference);
      throw new ModelError('network', 'no network here');
    }),
  });
});
afterAll(() => fixture.close());

async function send(name: string): Promise<Response> {
  const { method, path, headers = {}, body } = readCase(name);
  return fetch(`${fixture.base}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** `fetch` sets the host itself. */
const statusFor = (host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(fixture.base);
    get({ host: '127.0.0.1', port, path: '/api/tags', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

describe.skipIf(!existsSync(CASES))('a request of a known program (the vectors lie beside the repository)', () => {
  it('by the name that the catalogue lists pulls its model', async () => {
    expect((await send('pull-names')).status).toBe(503);
    expect(pulled).toEqual(['hf:MaziyarPanahi/Qwen3-0.6B-GGUF:q4_k_m']);
  });

  it('for the list of models gets names with a tag', async () => {
    const { models } = (await (await send('ollama-tags-without-tag')).json()) as { models: { name: string }[] };
    for (const { name } of models) expect(name).toMatch(/:latest$/);
  });

  it('with a format beside a pattern gets JSON of both', async () => {
    const response = await send('schema-format-beside-pattern');
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([200, 'response_format.format']);
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ v: expect.stringMatching(/^[0-9a-f]{8}-/) });
  });

  it('for vectors of a long text gets one of its beginning', async () => {
    const response = await send('ollama-embed-truncate');
    expect([response.status, response.headers.get('x-ogong-clamped')]).toEqual([200, 'input=256']);
  });

  it('for vectors of token ids gets one for each list', async () => {
    const response = await send('openai-embed-token-arrays');
    expect([response.status, ((await response.json()) as { data: unknown[] }).data.length]).toEqual([200, 2]);
  });

  it('of Anthropic gets the length of its prompt when the stream begins, and no citations', async () => {
    const text = await (await send('anthropic-stream-no-input-tokens')).text();
    const start = JSON.parse(/^data: (.*message_start.*)$/m.exec(text)?.[1] ?? '{}');
    expect(start.message.usage.input_tokens).toBeGreaterThan(0);
    expect(await (await send('anthropic-citations-null')).text()).not.toContain('citations');
  });

  it('to a name of the LAN is answered if that is allowed, and to any other name never', async () => {
    const { Host: host = '' } = readCase('host-local-and-lan').headers ?? {};
    expect([await statusFor(host), await statusFor('192.168.1.5')]).toEqual([200, 200]);
    expect(await statusFor('rebound.example')).toBe(403);
  });
});
