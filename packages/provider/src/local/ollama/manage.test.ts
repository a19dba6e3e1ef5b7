import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelError } from '@ogong/models/model-error';
import type { Quantizer, ResolvedModel } from '@ogong/models/resolve';
import { createModelStore } from '@ogong/models/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from '../local-fixture.ts';
import type { PullOptions } from '../model-library.ts';
import { createStoreLibrary } from '../store-library.ts';
import { createStoreShelf, shelveResolved } from '../store-shelf.ts';
import { DOCUMENTED } from './documented-fields-fixture.ts';
import { COPY_RULES, CREATE_RULES, DELETE_RULES, PULL_RULES, PUSH_RULES, SHOW_RULES } from './manage-rules.ts';

const FILE = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const BYTES = readFileSync(FILE);
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const DIGEST = `sha256:${SHA256}`;

/** Writes another valid file: the real conversion has tests of its own. */
const quantizer: Quantizer = {
  quants: ['q8_0', 'q4_0'],
  async quantize(source, target, quant) {
    if (quant === 'q4_0') throw new ModelError('corrupt', 'no');
    await writeFile(target, Buffer.concat([await readFile(source), Buffer.alloc(32)]));
  },
};

let folder: string;
let fixture: LocalFixture;
let resolve: (reference: string, options: PullOptions) => Promise<ResolvedModel>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-manage-'));
  const store = createModelStore(folder);
  const pinned = shelveResolved(FILE, { name: 'stories260K', path: FILE, modelRoot: fromHex('05'.repeat(32)) });
  fixture = await createLocalFixture({
    shelf: createStoreShelf(store, [pinned]),
    library: createStoreLibrary(store, (reference, options) => resolve(reference, options), { quantizer }),
  });
});
afterEach(async () => {
  await fixture.close();
  rmSync(folder, { recursive: true });
});

async function send(method: string, path: string, body?: object | Uint8Array<ArrayBuffer>) {
  const sent = body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${fixture.base}${path}`, { method, ...(body === undefined ? {} : { body: sent }) });
  const text = await response.text();
  const lines = text === '' ? [] : text.trim().split('\n');
  const parsed = lines.map((line) => (line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : line));
  return { status: response.status, body: parsed[0], lines: parsed };
}
const post = (path: string, body: object) => send('POST', path, body);
const names = async (): Promise<string[]> => {
  const { body } = await send('GET', '/api/tags');
  return (body as { models: { name: string }[] }).models.map(({ name }) => name.replace(/:latest$/, '')).sort();
};
const SUCCESS = { status: 'success' };

describe('a model of files that are sent', () => {
  it('is made of blobs, shown, asked and deleted', async () => {
    expect((await send('HEAD', `/api/blobs/${DIGEST}`)).status).toBe(404);
    expect((await post('/api/create', { model: 'tiny', files: { 'tiny.gguf': DIGEST } })).status).toBe(400);
    expect((await send('POST', `/api/blobs/${DIGEST}`, new Uint8Array(BYTES))).status).toBe(201);
    expect((await send('HEAD', `/api/blobs/${DIGEST}`)).status).toBe(200);
    expect((await send('POST', `/api/blobs/${DIGEST}`, new Uint8Array(BYTES))).status).toBe(200);
    const made = await post('/api/create', { model: 'tiny', files: { 'tiny.gguf': DIGEST }, system: 'Be brief.' });
    expect([made.status, made.lines.at(-1)]).toEqual([200, SUCCESS]);
    expect(await names()).toEqual(['stories260K', 'tiny']);
    const asked = { model: 'tiny:latest', prompt: 'Hi', stream: false, options: { num_predict: 2 } };
    expect((await post('/api/generate', asked)).body).toMatchObject({ done: true, eval_count: 2 });
    expect((await post('/api/show', { model: 'tiny' })).body).toMatchObject({ system: 'Be brief.' });
    expect(await send('DELETE', '/api/delete', { model: 'tiny' })).toMatchObject({ status: 200, lines: [] });
    expect([await names(), readdirSync(join(folder, 'blobs')), fixture.loaded.list()]).toEqual([
      ['stories260K'],
      [],
      [],
    ]);
    expect((await send('DELETE', '/api/delete', { model: 'tiny' })).status).toBe(404);
  });

  it.each([
    ['a body of another hash', `/api/blobs/sha256:${'0'.repeat(64)}`, 'digest mismatch'],
    ['what is no digest', '/api/blobs/sha256:../x', 'Unknown request URL'],
    ['what is no hash', '/api/blobs/sha256:123', 'a digest is'],
  ])('is not made of %s', async (_name, path, words) => {
    const { status, body } = await send('POST', path, new Uint8Array([1, 2, 3]));
    expect([status >= 400, body]).toEqual([true, { error: expect.stringContaining(words) }]);
    expect(readdirSync(folder).includes('blobs')).toBe(false);
  });

  it('is refused where the blob is no model', async () => {
    const page = new TextEncoder().encode('<!doctype html>');
    const digest = `sha256:${createHash('sha256').update(page).digest('hex')}`;
    await send('POST', `/api/blobs/${digest}`, page);
    for (const stream of [false, true]) {
      const { status, body } = await post('/api/create', { model: 'page', files: { 'page.gguf': digest }, stream });
      // A client repeats what failed with 5xx; this fails each time.
      if (!stream) expect(status).toBe(400);
      expect(body).toEqual({ error: expect.stringMatching(/^page\.gguf.*not a GGUF file/) });
    }
    expect(await names()).toEqual(['stories260K']);
  });
});

describe('a model that is made of another', () => {
  const mario = {
    model: 'mario:v1',
    from: 'stories260K',
    system: 'You are Mario.',
    parameters: { temperature: 0.5, stop: ['a', 'b'] },
    messages: [{ role: 'user', content: 'Who?' }],
    license: ['MIT'],
    stream: false,
  };

  it('keeps what it was given, and hands it on', async () => {
    expect((await post('/api/create', mario)).body).toEqual(SUCCESS);
    const luigi = {
      model: 'luigi',
      from: 'mario:v1',
      system: 'You are Luigi.',
      parameters: { seed: 7 },
      stream: false,
    };
    expect((await post('/api/create', luigi)).body).toEqual(SUCCESS);
    const shown = (await post('/api/show', { model: 'luigi' })).body;
    expect(shown).toMatchObject({
      system: 'You are Luigi.',
      license: 'MIT',
      parameters: 'temperature 0.5\nstop "a"\nstop "b"\nseed 7',
      messages: mario.messages,
      details: { parent_model: 'mario:v1', family: 'llama' },
      capabilities: ['completion'],
      model_info: { 'general.architecture': 'llama', 'tokenizer.ggml.tokens': null },
    });
    const verbose = (await post('/api/show', { name: 'luigi', verbose: true })).body;
    expect(verbose).toMatchObject({ model_info: { 'tokenizer.ggml.tokens': expect.arrayContaining(['<s>']) } });
    expect(await names()).toEqual(['luigi', 'mario:v1', 'stories260K']);
  });

  it('may take the name of the one that was named at the start', async () => {
    await post('/api/create', { ...mario, model: 'stories260K' });
    expect(await names()).toEqual(['stories260K']);
    expect((await post('/api/show', { model: 'stories260K' })).body).toMatchObject({ system: 'You are Mario.' });
  });

  it('is copied under another name, which outlives it', async () => {
    await post('/api/create', mario);
    expect(await post('/api/copy', { source: 'mario:v1', destination: 'backup' })).toMatchObject({
      status: 200,
      lines: [],
    });
    await send('DELETE', '/api/delete', { name: 'mario:v1' });
    expect((await post('/api/show', { model: 'backup' })).body).toMatchObject({ system: 'You are Mario.' });
    expect((await post('/api/copy', { source: 'other', destination: 'x' })).status).toBe(404);
  });

  it.each([
    ['a bad parameter', { parameters: { mirostat: 2 } }, 'options.mirostat'],
    ['a bad message', { messages: [{ role: 'wizard', content: '' }] }, 'role'],
    ['a bad name', { model: '../x' }, 'invalid model name'],
    ['no model', { from: 'other' }, 'not found'],
    ['neither source', { from: null }, 'name either'],
    ['two sources', { files: { 'x.gguf': DIGEST } }, 'name either'],
    ['a template', { template: '{{ .Prompt }}' }, 'template'],
    ['an unknown quantisation', { quantize: 'q9_9' }, 'files are converted to q8_0, q4_0'],
    ['a quantisation that fails', { quantize: 'Q4_0' }, 'llama.cpp cannot convert'],
  ])('is refused with %s', async (_name, fields, words) => {
    const { status, body } = await post('/api/create', { ...mario, ...fields });
    expect([status >= 400, body]).toEqual([true, { error: expect.stringContaining(words) }]);
    expect(await names()).toEqual(['stories260K']);
  });

  it('keeps a parameter that is not known here, names it, and answers without it', async () => {
    const parameters = { mood: 1, repeat_penalty: 1.1, num_predict: 2 };
    const created = await fetch(`${fixture.base}/api/create`, {
      method: 'POST',
      body: JSON.stringify({ ...mario, parameters, stream: false }),
    });
    expect([created.status, created.headers.get('x-ogong-ignored')]).toEqual([200, 'options.mood']);
    const answer = await post('/api/generate', { model: 'mario:v1', prompt: 'Hi', stream: false });
    expect(answer).toMatchObject({ status: 200, body: { eval_count: 2 } });
  });

  it('is converted to another type of weights', async () => {
    expect(
      (await post('/api/create', { model: 'small', from: 'stories260K', quantize: 'Q8_0', stream: false })).body,
    ).toEqual(SUCCESS);
    await send('POST', `/api/blobs/${DIGEST}`, new Uint8Array(BYTES));
    const files = { 'tiny.gguf': DIGEST };
    const { lines } = await post('/api/create', { model: 'tiny', files, quantize: 'q8_0' });
    expect(lines).toEqual([
      { status: 'quantizing model to q8_0' },
      { status: 'parsing GGUF' },
      { status: 'writing manifest' },
      SUCCESS,
    ]);
    const { models } = (await send('GET', '/api/tags')).body as { models: { name: string; size: number }[] };
    const sizes = Object.fromEntries(models.map(({ name, size }) => [name, size]));
    expect(sizes).toMatchObject({ 'small:latest': BYTES.length + 32, 'tiny:latest': BYTES.length + 32 });
  });

  it('takes an adapter, which makes other weights of it', async () => {
    const path = join(folder, 'pirate.gguf');
    writeRandomAdapter(path, { model: FILE, seed: 1, strength: 0.3 });
    const bytes = new Uint8Array(readFileSync(path));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const pirate = { ...mario, model: 'pirate', adapters: { 'pirate.gguf': digest } };
    expect((await post('/api/create', pirate)).body).toEqual({ error: expect.stringContaining('is not here') });
    await send('POST', `/api/blobs/${digest}`, bytes);
    expect((await post('/api/create', pirate)).body).toEqual(SUCCESS);
    expect((await post('/api/create', { ...mario, stream: false })).body).toEqual(SUCCESS);
    const { models } = (await send('GET', '/api/tags')).body as {
      models: { name: string; digest: string; size: number }[];
    };
    const [made, plain] = ['pirate', 'mario:v1'].map((name) =>
      models.find((model) => model.name.replace(/:latest$/, '') === name),
    );
    expect(made?.size).toBe((plain?.size ?? 0) + bytes.length);
    expect(made?.digest).not.toBe(plain?.digest);
    await post('/api/generate', { model: 'pirate', prompt: 'Hi', stream: false, options: { num_predict: 1 } });
    expect(fixture.loads.at(-1)).toBe(
      ['file:', '+file:']
        .map((mark, i) => `${mark}${join(folder, 'blobs', `sha256-${[SHA256, digest.slice(7)][i]}`)}`)
        .join(''),
    );
    const twice = { ...pirate, model: 'twice', from: 'pirate' };
    expect((await post('/api/create', twice)).body).toEqual(SUCCESS);
    await send('DELETE', '/api/delete', { model: 'pirate' });
    expect(readdirSync(join(folder, 'blobs'))).toHaveLength(2);
    for (const model of ['twice', 'mario:v1']) await send('DELETE', '/api/delete', { model });
    expect(readdirSync(join(folder, 'blobs'))).toEqual([]);
  });

  it('is refused with an adapter that is none', async () => {
    await send('POST', `/api/blobs/${DIGEST}`, new Uint8Array(BYTES));
    const { body } = await post('/api/create', { ...mario, adapters: { 'x.gguf': DIGEST } });
    expect(body).toEqual({ error: expect.stringContaining('is no LoRA adapter') });
    expect(await names()).toEqual(['stories260K']);
  });

  it('is refused under a name that another one has on the disk', async () => {
    await post('/api/create', mario);
    const { body } = await post('/api/create', { ...mario, model: 'mario_v1' });
    expect(body).toEqual({ error: expect.stringContaining('too much like') });
  });
});

describe('a pull', () => {
  const steps = { file: 'x.gguf', totalBytes: 10, sha256: SHA256 };

  it('tells how far it is, and comes whole without a stream', async () => {
    const asked: string[] = [];
    resolve = async (reference, { onProgress }) => {
      asked.push(reference);
      onProgress({ ...steps, receivedBytes: 3 });
      onProgress({ ...steps, receivedBytes: 10 });
      return { name: 'x', path: FILE, modelRoot: new Uint8Array(32) };
    };
    const { lines } = await post('/api/pull', { model: 'hf.co/maker/tiny-GGUF:Q8_0' });
    const status = `pulling ${SHA256.slice(0, 12)}`;
    expect(lines).toEqual([
      { status: 'pulling manifest' },
      { status, digest: DIGEST, total: 10, completed: 3 },
      { status, digest: DIGEST, total: 10, completed: 10 },
      { status: 'verifying sha256 digest' },
      { status: 'writing manifest' },
      SUCCESS,
    ]);
    expect((await post('/api/pull', { name: 'stories15M:latest', stream: false })).body).toEqual(SUCCESS);
    expect(asked).toEqual(['hf:maker/tiny-GGUF:Q8_0', 'stories15M']);
  });

  it('that fails says why: before its first line by its status, after it in its last line', async () => {
    resolve = async () => {
      throw new ModelError('bad-reference', "'llama9.9' names no model");
    };
    expect(await post('/api/pull', { model: 'llama9.9' })).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining('names no model') },
    });
    resolve = async (_reference, { onProgress }) => {
      onProgress({ ...steps, receivedBytes: 3 });
      throw new ModelError('network', 'the line is cut', { retryable: true });
    };
    const { status, lines } = await post('/api/pull', { model: 'hf:maker/tiny-GGUF' });
    expect([status, lines.at(-1)]).toEqual([200, { error: 'the line is cut' }]);
  });

  it.each([
    ...[{ model: '/etc/passwd.gguf' }, { model: 'file:/etc/passwd' }, { model: 'x', insecure: true }, {}],
    ...[{ model: 'stories260K+file:/etc/passwd' }, { model: 'stories260K+/etc/passwd.gguf' }],
    ...[
      { model: 'http://127.0.0.1:1/a.gguf' },
      { model: 'https://[::1]/a.gguf' },
      { model: 'https://10.0.0.1/a.gguf' },
    ],
    ...[{ model: 'stories260K+http://localhost:1/a.gguf' }, { model: 'https://169.254.169.254/a.gguf' }],
  ])('of %j is refused', async (body) => {
    resolve = () => Promise.reject(new Error('asked for'));
    expect((await post('/api/pull', body)).status).toBe(400);
  });
});

it('lists a name once where a file was named so and the store has it, too', async () => {
  resolve = async () => ({ name: 'stories260K', path: FILE, modelRoot: new Uint8Array(32) });
  expect((await post('/api/pull', { model: 'stories260K', stream: false })).body).toEqual(SUCCESS);
  expect(await names()).toEqual(['stories260K']);
});

it('pushes nothing, and deletes no file that is not its own', async () => {
  const pushed = await post('/api/push', { model: 'stories260K' });
  expect([pushed.status, pushed.body]).toEqual([400, { error: expect.stringContaining('not pushed') }]);
  const { status, body } = await send('DELETE', '/api/delete', { model: 'stories260K' });
  expect([status, body]).toEqual([400, { error: expect.stringContaining(FILE) }]);
});

it('knows every field that Ollama documents', () => {
  const rules: Readonly<Record<string, FieldRules>> = {
    ...{ CreateRequest: CREATE_RULES, CopyRequest: COPY_RULES, DeleteRequest: DELETE_RULES },
    ...{ PullRequest: PULL_RULES, PushRequest: PUSH_RULES, ShowRequest: SHOW_RULES },
  };
  for (const [schema, known] of Object.entries(rules))
    for (const field of DOCUMENTED[schema as keyof typeof DOCUMENTED]) expect(known, schema).toHaveProperty(field);
});

it('lists a model that was pulled by a short name under it, and finds it by other spellings', async () => {
  const store = createModelStore(folder);
  const { path } = shelveResolved(FILE, { name: 'x', path: FILE, modelRoot: fromHex('05'.repeat(32)) });
  const file = await store.receive(createReadStream(path), { name: 'q.gguf' });
  const name = 'hugging-quants/Llama-3.2-3B-Instruct-Q4_K_M-GGUF-q4_k_m';
  await store.publish({ name, source: 'llama3.2', files: [file] });
  expect((await names()).sort()).toEqual(['llama3.2', 'stories260K']);
  for (const model of ['llama3.2', 'llama3.2:latest', 'llama3.2:3b', 'llama-3.2-3b-instruct', `hf.co/${name}`])
    expect((await post('/api/show', { model })).status, model).toBe(200);
  expect(await post('/api/show', { model: 'qwen3:0.7b' })).toMatchObject({
    status: 404,
    body: { error: expect.stringMatching(/not found.*the nearest names are qwen3:\S+, \S+, \S+/) },
  });
  expect((await send('DELETE', '/api/delete', { model: 'llama3.2:3b' })).status).toBe(200);
  expect(await names()).toEqual(['stories260K']);
});
