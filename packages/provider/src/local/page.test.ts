import { readdirSync, readFileSync } from 'node:fs';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { writeRandomBert } from '@ogong/testing/models/random-bert';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';
import { PAGE_ROUTES } from './page.ts';

/** A file that names how it pools. */
const directory = createTestDirectory('page');
const EMBEDDER = { path: `${directory.path}/embedder.gguf`, modelRoot: '08'.repeat(32) };
writeRandomBert(EMBEDDER.path, { embedding: 32, layers: 1, heads: 2, feedForward: 32, context: 64, poolingCode: 1 });
afterAll(directory.remove);

const open = (): Promise<LocalFixture> =>
  createLocalFixture({
    models: [shelve('fake'), shelve('embedder', EMBEDDER), shelve('idle')],
    open: (reference) =>
      reference.includes('embedder') ? createFakeEmbeddingEngine() : createFakeEngine({ contextSize: 512 }),
  });

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await open();
});
afterAll(() => fixture.close());

const ask = (path: string, accept?: string, method = 'GET') =>
  fetch(`${fixture.base}${path}`, { method, ...(accept && { headers: { accept } }) });
/** The header of a browser that loads a page. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const FOLDER = new URL('../../page/', import.meta.url);

describe('the answer at /', () => {
  it.each([undefined, '*/*', 'application/json', 'text/plain'])(
    'is a word to a client that takes %s',
    async (accept) => {
      for (const method of ['GET', 'HEAD']) {
        const response = await ask('/', accept, method);
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
        expect(response.headers.get('vary')).toMatch(/accept/);
        expect(await response.text()).toBe(method === 'GET' ? 'Ollama is running' : '');
      }
    },
  );

  it('is a page to a browser, under a policy that lets nothing else in', async () => {
    const response = await ask('/', BROWSER);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('vary')).toMatch(/accept/);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    for (const rule of ["frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"])
      expect(policy).toContain(rule);
    expect(await response.text()).toContain('local mode');
  });

  it('is answered to this machine alone', async () => {
    const response = await ask('/', BROWSER, 'POST');
    expect(response.status).toBe(405);
    const other = await fetch(`${fixture.base}/machine`, { headers: { origin: 'https://evil.example' } });
    expect(other.status).toBe(403);
  });
});

describe('the files of the page', () => {
  it('are all served, and no others, and name nothing of another place', async () => {
    const served = await Promise.all(Object.values(PAGE_ROUTES).map(({ path }) => ask(path)));
    expect(served.map(({ status }) => status)).toEqual(served.map(() => 200));
    for (const { headers } of served) expect(headers.get('x-content-type-options')).toBe('nosniff');
    const files = readdirSync(FOLDER, { withFileTypes: true }).flatMap((one) => (one.isFile() ? [one.name] : []));
    expect(files.sort()).toEqual([
      'icon.svg',
      'index.html',
      'page.css',
      'page.js',
      'pictures.js',
      'pull.js',
      'view.js',
    ]);
    const generated = new URL('generated/', FOLDER);
    const shared = readdirSync(generated).sort();
    expect(shared).toEqual(['design.css', 'markdown.js', 'pictures.js', 'talk.css']);
    for (const name of shared)
      expect(readFileSync(new URL(name, generated), 'utf8'), name).not.toMatch(
        /innerHTML|\b(?:document|fetch|eval|XMLHttpRequest|Function)\b|\bimport\b/,
      );
    expect((await ask('/page/../package.json')).status).toBe(404);
    expect((await ask('/page/%2e%2e%2fpackage.json')).status).toBe(404);
    for (const file of files) {
      const text = readFileSync(new URL(file, FOLDER), 'utf8').replaceAll('http://www.w3.org/2000/svg', '');
      expect(text).not.toMatch(/https?:\/\/|\/\/cdn|@import|innerHTML|eval\(|\son[a-z]+=|<style|style=/);
    }
    const html = readFileSync(new URL('index.html', FOLDER), 'utf8');
    expect(html.match(/<script[^>]*>[^<]*/g)).toEqual(['<script type="module" src="/page/page.js">']);
  });
});

describe('GET /machine', () => {
  const read = async ({ base } = fixture) =>
    (await (await fetch(`${base}/machine`)).json()) as { memory: object; models: object[] };

  it('says what lies here, what is loaded, and how fast it wrote', async () => {
    const own = await open();
    onTestFinished(own.close);
    const idle = { size_bytes: 7, running: null };
    expect(await read(own)).toEqual({
      memory: { total_bytes: expect.any(Number), free_bytes: expect.any(Number) },
      models: ['fake', 'embedder', 'idle'].map((name) => ({
        name,
        writes: name !== 'embedder',
        makes_pictures: false,
        reads_pictures: false,
        ...idle,
      })),
    });
    await own.post('/api/embed', { model: 'embedder', input: 'a' });
    await (await own.post('/api/generate', { model: 'fake', prompt: 'a', options: { num_predict: 9 } })).text();
    const [fake, embedder, unused] = (await read(own)).models;
    expect(fake).toMatchObject({
      writes: true,
      running: { slots: 8, busy: 0, context_size: 512, exact: true, tokens_per_second: expect.any(Number) },
    });
    expect(embedder).toMatchObject({ writes: false, running: { busy: 0, tokens_per_second: null } });
    expect(unused).toMatchObject({ running: null });
  });

  it('counts who asks now', async () => {
    const leaving = new AbortController();
    const body = JSON.stringify({ model: 'fake', prompt: 'a', options: { num_predict: 480 } });
    const response = await fetch(`${fixture.base}/api/generate`, { method: 'POST', body, signal: leaving.signal });
    await response.body?.getReader().read();
    const [fake] = (await read()).models;
    expect(fake).toMatchObject({ running: { busy: 1 } });
    leaving.abort();
  });
});
