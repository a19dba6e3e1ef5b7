import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DownloadProgress, downloadFile } from './download.ts';
import { makeGguf } from './gguf-fixture.ts';
import { pickModelFiles } from './hub.ts';
import { computeModelRoot } from './model-root.ts';
import { extractFromTar } from './npm-package.ts';
import { parseRetryAfter, readNextPage } from './remote.ts';
import { bringModel } from './resolve.ts';
import { parseModelSource } from './source.ts';
import { createModelStore } from './store.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const PAYLOAD = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const CONTENT = makeGguf(PAYLOAD);
const BACKOFF = { backoffMs: 1 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Behaves like a model hub: a file list, and files that redirect to a content server which knows ranges. */
class Hub {
  readonly requests: { path: string; range: string | undefined; authorization: string | undefined }[] = [];
  /** Taken before the ordinary answer, one per request to the content server. */
  readonly faults: Handler[] = [];
  listedHash = sha256(CONTENT);
  /** The commit that the branch names. */
  head = 'a'.repeat(40);
  /** Entries of a page of the list; each page names the next one under another host. */
  pageSize = 1_000;
  /** Replaces a page of the list. */
  page: string | undefined;
  files = ['model-q4_0.gguf', 'model-q8_0.gguf', 'README.md'];
  readonly #server: Server;
  readonly #content: Server;
  endpoint = '';
  contentUrl = '';

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#content = createServer((request, response) => {
      this.#log(request);
      const fault = this.faults.shift();
      if (fault !== undefined) fault(request, response);
      else serveRange(request, response);
    });
  }
  #log(request: IncomingMessage): void {
    this.requests.push({
      path: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
    });
  }
  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#log(request);
    if (request.url === '/api/models/maker/tiny-GGUF/revision/main') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ sha: this.head }));
    } else if (/^\/api\/models\/maker\/tiny-GGUF\/tree\/[0-9a-f]{40}\?/.test(request.url ?? '')) {
      if (this.page !== undefined) return void response.end(this.page);
      const files = this.files.map((path) => ({
        type: 'file',
        path,
        size: CONTENT.length,
        lfs: { oid: this.listedHash },
      }));
      const query = new URL(request.url ?? '', 'http://hub').searchParams;
      const from = Number(query.get('cursor') ?? 0);
      const next = `<https://elsewhere.example/api/models/maker/tiny-GGUF/tree/${this.head}?cursor=${from + this.pageSize}>`;
      if (from + this.pageSize < files.length)
        response.setHeader('link', `<https://a.example>; rel="first", ${next}; rel="next"`);
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(files.slice(from, from + this.pageSize)));
    } else if (request.url?.startsWith('/api/models/maker/gated') === true) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end();
    } else if (request.url?.startsWith('/api/models/maker/secret') === true) response.writeHead(401).end();
    else if (/^\/maker\/tiny-GGUF\/resolve\/[0-9a-f]{40}\//.test(request.url ?? '')) {
      response.writeHead(302, { location: `${this.contentUrl}${request.url}` }).end();
    } else response.writeHead(404).end();
  }
  async start(): Promise<void> {
    const listen = (server: Server) =>
      new Promise<string>((done) =>
        server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
      );
    this.endpoint = await listen(this.#server);
    this.contentUrl = await listen(this.#content);
  }
  async stop(): Promise<void> {
    for (const server of [this.#server, this.#content]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }
}

const serveRange: Handler = (request, response) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const isPartial = first !== undefined && request.headers['if-range'] === '"v1"';
  const body = isPartial ? CONTENT.subarray(Number(first), Number(last) + 1) : CONTENT;
  const range = isPartial ? { 'content-range': `bytes ${first}-${last}/${CONTENT.length}` } : {};
  response.writeHead(isPartial ? 206 : 200, { etag: '"v1"', 'content-length': body.length, ...range }).end(body);
};

const cutAfter =
  (bytes: number): Handler =>
  (_request, response) => {
    response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, bytes), () => {
      // Cut once something is on the disk: bytes that a slow client has not read yet are lost with the connection.
      const wait = setInterval(() => {
        if (countPartialBytes() === 0) return;
        clearInterval(wait);
        response.destroy();
      }, 5);
    });
  };

function countPartialBytes(): number {
  const files = readdirSync(storeDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .filter(
      ({ parentPath, name }) => (parentPath.endsWith('partial') || name === 'file.part') && !name.endsWith('.json'),
    )
    .reduce(
      (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

let hub: Hub;
let storeDir: string;
beforeEach(async () => {
  hub = new Hub();
  await hub.start();
  storeDir = await mkdtemp(join(tmpdir(), 'ogong-models-'));
});
afterEach(async () => {
  await hub.stop();
  await rm(storeDir, { recursive: true, force: true });
});

const resolveTiny = (quant = 'q8_0', onProgress?: (progress: DownloadProgress) => void) =>
  bringModel(`hf:maker/tiny-GGUF:${quant}`, {
    storeDir,
    hub: { endpoint: hub.endpoint, token: 'secret' },
    ...BACKOFF,
    ...(onProgress && { onProgress }),
  });

describe('models from a hub', () => {
  it('follows the redirect, checks the hash, reports progress, and keeps the result', async () => {
    const progress: DownloadProgress[] = [];
    const model = await resolveTiny('q8_0', (p) => progress.push(p));
    expect(await readFile(model.path)).toEqual(CONTENT);
    expect(model.path).toBe(join(storeDir, 'blobs', `sha256-${sha256(CONTENT)}`));
    expect(model.modelRoot).toEqual(computeModelRoot([Buffer.from(sha256(CONTENT), 'hex')]));
    expect(progress.at(-1)).toEqual({
      file: 'model-q8_0.gguf',
      receivedBytes: CONTENT.length,
      totalBytes: CONTENT.length,
      sha256: sha256(CONTENT),
    });
    const asked = hub.requests.length;
    expect((await resolveTiny()).path).toBe(model.path);
    expect(hub.requests).toHaveLength(asked);
  });

  it('sends its token to the hub and never to the content server', async () => {
    await resolveTiny();
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual([
      'Bearer secret',
      'Bearer secret',
      'Bearer secret',
      undefined,
    ]);
  });

  it('goes on where a cut connection stopped', async () => {
    hub.faults.push(cutAfter(100_000));
    expect(await readFile((await resolveTiny()).path)).toEqual(CONTENT);
    const ranges = hub.requests.map(({ range }) => range).filter((range) => range !== undefined);
    expect(ranges).toHaveLength(2); // the hub and, redirected, the content server
    expect(ranges[0]).toMatch(new RegExp(`^bytes=[1-9]\\d*-${CONTENT.length - 1}$`));
  });

  it('starts over when the file changed in between', async () => {
    hub.faults.push(cutAfter(100_000), (_request, response) =>
      response.writeHead(200, { etag: '"v2"', 'content-length': CONTENT.length }).end(CONTENT),
    );
    expect(await readFile((await resolveTiny()).path)).toEqual(CONTENT);
  });

  it('waits and tries again on 429 and 503', async () => {
    hub.faults.push(
      (_request, response) => response.writeHead(429, { 'retry-after': '0' }).end(),
      (_request, response) => response.writeHead(503).end(),
    );
    expect(await readFile((await resolveTiny()).path)).toEqual(CONTENT);
  });

  it('throws a file with the wrong hash away', async () => {
    hub.listedHash = sha256(Buffer.from('something else'));
    await expect(resolveTiny()).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(await readdir(join(storeDir, 'partial'))).toEqual([]);
    await expect(readdir(join(storeDir, 'blobs'))).rejects.toThrow();
    expect(createModelStore(storeDir).find('maker/tiny-GGUF-q8_0')).toBeUndefined();
  });

  const pathsAsked = () => hub.requests.map(({ path }) => path);

  it('reads a branch as the commit that it names, and keeps the commit', async () => {
    const model = await resolveTiny();
    expect(model.commit).toBe(hub.head);
    expect(createModelStore(storeDir).find(model.name)?.manifest.commit).toBe(hub.head);
    const [revision, ...rest] = pathsAsked();
    expect(revision).toBe('/api/models/maker/tiny-GGUF/revision/main');
    for (const path of rest) expect(path).toContain(hub.head);
  });

  it('keeps what was brought when the branch moves, and brings the other commit where it is named', async () => {
    const first = await resolveTiny();
    const moved = makeGguf(PAYLOAD.toReversed());
    hub.head = 'b'.repeat(40);
    hub.listedHash = sha256(moved);
    expect(await resolveTiny()).toEqual(first);
    hub.faults.push((_request, response) => response.writeHead(200, { 'content-length': moved.length }).end(moved));
    const options = { storeDir, hub: { endpoint: hub.endpoint }, ...BACKOFF };
    const second = await bringModel(`hf:maker/tiny-GGUF@${hub.head}:q8_0`, options);
    expect(second).toMatchObject({ commit: hub.head, name: `maker/tiny-GGUF@${hub.head}-q8_0` });
    expect(await readFile(second.path)).toEqual(moved);
    expect(await readFile((await resolveTiny()).path)).toEqual(CONTENT);
  });

  it('does not fetch again under a commit what it has under the branch', async () => {
    const first = await resolveTiny();
    const asked = hub.requests.length;
    const options = { storeDir, hub: { endpoint: hub.endpoint }, ...BACKOFF };
    const pinned = await bringModel(`hf:maker/tiny-GGUF@${hub.head}:q8_0`, options);
    expect(pinned.path).toBe(first.path);
    expect(pathsAsked().slice(asked)).toEqual([`/api/models/maker/tiny-GGUF/tree/${hub.head}?recursive=true`]);
  });

  it.each(['main', '../x', 'a'.repeat(41), ''])('refuses a hub that names %j as a commit', async (head) => {
    hub.head = head;
    await expect(resolveTiny()).rejects.toMatchObject({ code: 'network' });
    expect(hub.requests).toHaveLength(1);
  });

  it('stops listening to a server that sends more than the hub listed', async () => {
    const longer = Buffer.concat([CONTENT, Buffer.alloc(1)]);
    hub.faults.push((_request, response) => response.writeHead(200).end(longer));
    await expect(resolveTiny()).rejects.toThrow(`longer than the ${CONTENT.length} bytes`);
    expect(await readdir(join(storeDir, 'partial'))).toEqual([]);
  });

  it('reads all pages of a list of files, at the hub alone', async () => {
    hub.pageSize = 2;
    hub.files = ['a.md', 'b.md', 'c.md', 'd.md', 'model-q8_0.gguf'];
    expect(await readFile((await resolveTiny()).path)).toEqual(CONTENT);
    const lists = hub.requests.filter(({ path }) => path.includes('/tree/'));
    expect(lists.map(({ path }) => path.split('?')[1])).toEqual(['recursive=true', 'cursor=2', 'cursor=4']);
    expect(new Set(lists.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret']));
  });

  it('refuses a page with more files than a repository has', async () => {
    hub.page = `[${'1,'.repeat(1_000_000)}1]`;
    await expect(resolveTiny()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('10000 files'),
    });
  });

  it('ends a list that has no end', async () => {
    hub.pageSize = 1;
    hub.files = Array.from({ length: 200 }, (_, i) => `${i}.md`);
    await expect(resolveTiny()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('100 pages'),
    });
    expect(hub.requests.length).toBeLessThan(110);
  });

  it.each([
    ['maker/secret', /was not found or is private \(401\): check the name, or set HF_TOKEN/],
    ['maker/gated', /needs permission \(401\): accept the model's terms on its page, and set HF_TOKEN/],
  ])('says what to do about a repository that it may not read: %s', async (repository, message) => {
    const brought = bringModel(`hf:${repository}`, { storeDir, hub: { endpoint: hub.endpoint }, ...BACKOFF });
    await expect(brought).rejects.toMatchObject({ code: 'not-found', message: expect.stringMatching(message) });
  });

  it.each([
    [null, undefined],
    ['', undefined],
    ['</b?c=1>; rel="next"', 'https://hub.example/b?c=1'],
    ['<https://other.example/b?c=1>;rel=next', 'https://hub.example/b?c=1'],
    ['</a>; rel="prev", </b>; title="x"; rel="last next"', 'https://hub.example/b'],
    ['</a>; rel="nextish"', undefined],
    ['</a>; rel="prev"; title="next"', undefined],
    ['<http://[>; rel="next"', undefined],
  ])('reads %j', (link, next) => {
    expect(readNextPage(link, 'https://hub.example/a')).toBe(next);
  });

  it('names what there is when a quantisation is missing', async () => {
    await expect(resolveTiny('q2_k')).rejects.toThrow(/no q2_k quantisation; it has model-q4_0\.gguf/);
    await expect(
      bringModel('hf:maker/none', { storeDir, hub: { endpoint: hub.endpoint }, ...BACKOFF }),
    ).rejects.toMatchObject({ code: 'not-found' });
  });

  it.each([
    [['m-UD-Q4_K_XL.gguf', 'm-Q4_K_M.gguf'], 'ud-q4_k_xl', 'm-UD-Q4_K_XL.gguf'],
    [['mtp-m-Q4_K_M.gguf', 'a-model-Q4_K_M.gguf'], 'q4_k_m', 'a-model-Q4_K_M.gguf'],
  ])('picks the file of a quantisation among %j', (paths, quant, picked) => {
    const files = paths.map((path) => ({ path, url: '', sizeBytes: 1, sha256: undefined, gitHash: undefined }));
    expect(pickModelFiles(files, { repository: 'o/r', quant }).map(({ path }) => path)).toEqual([picked]);
  });

  it('refuses a split model that lacks a shard', () => {
    const files = ['m-q8_0-00001-of-00003.gguf', 'm-q8_0-00003-of-00003.gguf'].map((path) => ({
      ...{ path, url: '', sizeBytes: 1, sha256: undefined, gitHash: undefined },
    }));
    expect(() => pickModelFiles(files, { repository: 'o/r', quant: 'q8_0' })).toThrow(/one of 3 files.*has 2/);
  });

  it('fetches the shards of a split model in order', async () => {
    hub.files = ['m-q8_0-00002-of-00002.gguf', 'm-q8_0-00001-of-00002.gguf'];
    const model = await resolveTiny();
    expect(model.path.endsWith('m-q8_0-00001-of-00002.gguf')).toBe(true);
    const hash = Buffer.from(sha256(CONTENT), 'hex');
    expect(model.modelRoot).toEqual(computeModelRoot([hash, hash]));
  });

  it('keeps a file whose bytes come again under another name, and replaces a damaged one', async () => {
    const store = createModelStore(storeDir);
    const adopt = async (name: string) => {
      const temporary = await store.temporary(name);
      await writeFile(temporary, CONTENT);
      return store.adopt(temporary, { name, expected: sha256(CONTENT) });
    };
    await adopt('one');
    const blob = join(storeDir, 'blobs', `sha256-${sha256(CONTENT)}`);
    const { ino, ctimeMs } = statSync(blob);
    expect(await adopt('two')).toMatchObject({ name: 'two', sha256: sha256(CONTENT), sizeBytes: CONTENT.length });
    expect(statSync(blob)).toMatchObject({ ino, ctimeMs });
    await writeFile(blob, 'damaged');
    await adopt('three');
    expect(await readFile(blob)).toEqual(CONTENT);
  });

  it('never takes the model of another name that makes the same file name', async () => {
    await resolveTiny();
    const store = createModelStore(storeDir);
    expect(store.find('maker/tiny-GGUF-q8_0')).toBeDefined();
    expect(store.find('maker_tiny-GGUF-q8_0')).toBeUndefined();
  });

  it('fetches once what is asked for under two names at once', async () => {
    const slow: Handler = (request, response) => void setTimeout(() => serveRange(request, response), 200);
    hub.faults.push(slow, slow);
    const options = { storeDir, hub: { endpoint: hub.endpoint }, ...BACKOFF };
    const [named, usual] = await Promise.all([resolveTiny(), bringModel('hf:maker/tiny-GGUF', options)]);
    expect(usual.modelRoot).toEqual(named.modelRoot);
    // Once at the hub, which redirects, and once where the content is.
    expect(hub.requests.filter(({ path }) => path.endsWith('.gguf')).length).toBe(2);
  });

  it('lets two callers at once fetch once', async () => {
    const [a, b] = await Promise.all([resolveTiny(), resolveTiny()]);
    expect(a.path).toBe(b.path);
    expect(hub.requests.filter(({ path }) => path.includes('resolve'))).toHaveLength(2);
  });
});

describe('files that are no model', () => {
  const bring = () => bringModel(`${hub.contentUrl}/model.gguf`, { storeDir, ...BACKOFF });
  const page = '<!doctype html><title>Sign in</title>';

  it('is not kept when it was downloaded, and the next attempt begins anew', async () => {
    hub.faults.push((_request, response) => response.writeHead(200, { etag: '"page"' }).end(page));
    await expect(bring()).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('not a GGUF file'),
    });
    expect(await createModelStore(storeDir).list()).toEqual([]);
    expect(await readdir(join(storeDir, 'partial'))).toEqual([]);
    expect(await readFile((await bring()).path)).toEqual(CONTENT);
  });

  it('is refused before it is read in full', async () => {
    const path = join(storeDir, 'cut.gguf');
    await writeFile(path, CONTENT.subarray(0, 200_000));
    const hashes = {
      hash: () => Promise.reject(new Error('it was read')),
      restamp: () => Promise.resolve(),
    };
    await expect(bringModel(path, { storeDir, hashes })).rejects.toThrow(
      /cut\.gguf is no whole model: the file is cut short/,
    );
    await writeFile(path, CONTENT);
    const inspect = () => {
      throw new Error('too large');
    };
    await expect(bringModel(path, { storeDir, hashes, inspect })).rejects.toThrow('too large');
    await expect(bringModel(path, { storeDir, hashes })).rejects.toThrow('it was read');
  });
});

describe('a model that is removed', () => {
  it('goes with the files that no other model has', async () => {
    const store = createModelStore(storeDir);
    const publish = async (name: string, payloads: readonly number[]) => {
      const files = [];
      for (const payload of payloads) {
        const temporary = await store.temporary(`${name}-${payload}`);
        await writeFile(temporary, `${payload}`);
        files.push(await store.adopt(temporary, { name: `${name}-${payload}.gguf` }));
      }
      return store.publish({ name, source: `file:${name}`, files });
    };
    await publish('one', [1, 2]);
    const two = await publish('two', [2]);
    expect(await store.remove('one')).toBe(true);
    expect(store.find('one')).toBeUndefined();
    expect(await readdir(join(storeDir, 'blobs'))).toEqual([basename(two.path)]);
    expect(await readdir(join(storeDir, 'shards'))).toEqual([]);
    expect(await store.remove('one')).toBe(false);
    expect(await store.remove('two')).toBe(true);
    expect([await store.list(), await readdir(join(storeDir, 'blobs'))]).toEqual([[], []]);
  });
});

describe('a model from a URL', () => {
  const bring = (pin = '') => bringModel(`${hub.contentUrl}/model.gguf${pin}`, { storeDir, ...BACKOFF });

  it('is not what was brought without its pin, or under another one', async () => {
    await bring();
    await expect(bring(`#sha256=${'ab'.repeat(32)}`)).rejects.toMatchObject({ code: 'wrong-hash' });
    const pinned = await bring(`#sha256=${sha256(CONTENT)}`);
    expect(pinned.modelRoot).toEqual((await bring()).modelRoot);
  });
});

describe('downloads', () => {
  const target = () => join(storeDir, 'file.part');

  it('says before each pause why it waits', async () => {
    const notices: object[] = [];
    const onRetry = (notice: object) => void notices.push(notice);
    hub.faults.push((_request, response) => response.writeHead(503).end());
    await bringModel(`${hub.contentUrl}/model.gguf`, { storeDir, ...BACKOFF, onRetry });
    expect(notices).toEqual([
      { file: 'model.gguf', reason: expect.stringContaining('answered 503'), pauseMs: expect.any(Number) },
    ]);
    await hub.stop();
    const stopping = new AbortController();
    const stopped = bringModel('hf:maker/tiny-GGUF', {
      storeDir,
      hub: { endpoint: hub.endpoint },
      signal: stopping.signal,
      onRetry(notice) {
        onRetry(notice);
        stopping.abort();
      },
    });
    // The pauses would take seconds; a waiting caller may stop it within one.
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    expect(notices.at(1)).toMatchObject({ file: 'maker/tiny-GGUF' });
    await hub.start();
  });

  it('gives up after its attempts and keeps what arrived', async () => {
    hub.faults.push(...Array.from({ length: 6 }, () => cutAfter(50_000)));
    const attempt = downloadFile(`${hub.contentUrl}/x`, target(), { file: 'x', maxAttempts: 3, ...BACKOFF });
    await expect(attempt).rejects.toMatchObject({ code: 'network', retryable: true });
    expect((await readFile(target())).length).toBeGreaterThan(0);
  });

  it('stops at endless redirects', async () => {
    hub.faults.push(
      ...Array.from(
        { length: 9 },
        (): Handler => (_request, response) => response.writeHead(302, { location: '/x' }).end(),
      ),
    );
    await expect(downloadFile(`${hub.contentUrl}/x`, target(), { file: 'x', ...BACKOFF })).rejects.toMatchObject({
      code: 'too-many-redirects',
    });
  });

  it('refuses a file larger than the disk before it begins', async () => {
    hub.faults.push((_request, response) => response.writeHead(200, { 'content-length': 2 ** 50 }).flushHeaders());
    await expect(downloadFile(`${hub.contentUrl}/x`, target(), { file: 'x', ...BACKOFF })).rejects.toThrow(
      /no room on the disk/,
    );
  });

  it('can be cancelled', async () => {
    hub.faults.push((_request, response) =>
      response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000)),
    );
    const controller = new AbortController();
    const attempt = downloadFile(`${hub.contentUrl}/x`, target(), { file: 'x', signal: controller.signal, ...BACKOFF });
    setTimeout(() => controller.abort(), 50);
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('reads Retry-After as seconds or a date', () => {
    expect(parseRetryAfter('7')).toBe(7000);
    expect(parseRetryAfter('Fri, 20 Nov 2026 08:00:10 GMT', Date.UTC(2026, 10, 20, 8))).toBe(10_000);
    expect(parseRetryAfter('soon')).toBe(0);
    expect(parseRetryAfter(null)).toBe(0);
  });
});

describe('model references', () => {
  it.each([
    ['hf:maker/model', { kind: 'hub', repository: 'maker/model', commit: undefined, quant: undefined }],
    [
      `hf:maker/model@${'0a'.repeat(20)}:q8_0`,
      { kind: 'hub', repository: 'maker/model', commit: '0a'.repeat(20), quant: 'q8_0' },
    ],
    ['hf:maker/model-GGUF:Q4_K_M', { kind: 'hub', repository: 'maker/model-GGUF', commit: undefined, quant: 'q4_k_m' }],
    ['hf:o/ud-GGUF:UD-Q4_K_XL', { kind: 'hub', repository: 'o/ud-GGUF', commit: undefined, quant: 'ud-q4_k_xl' }],
    ['npm:@a/b@1.2.3#dist/x.gguf', { kind: 'npm', name: '@a/b', version: '1.2.3', path: 'dist/x.gguf' }],
    ['file:/models/x.gguf', { kind: 'file', path: '/models/x.gguf' }],
    ['./x.gguf', { kind: 'file', path: './x.gguf' }],
    // So that it is said what is wrong with that file.
    ['/etc/hosts', { kind: 'file', path: '/etc/hosts' }],
    ['../x', { kind: 'file', path: '../x' }],
    ['stories15M', { kind: 'builtin', name: 'stories15M', quant: undefined }],
    ['stories15m:q4_0', { kind: 'builtin', name: 'stories15M', quant: 'q4_0' }],
    ['https://example.com/x.gguf', { kind: 'url', url: 'https://example.com/x.gguf', sha256: undefined }],
  ])('reads %s', (reference, source) => expect(parseModelSource(reference)).toEqual(source));

  it.each([
    '',
    'gpt',
    'hf:one',
    'hf:a/b/c',
    'hf:a/b@main',
    `hf:a/b@${'a'.repeat(39)}`,
    `hf:a/b@${'A'.repeat(40)}`,
    'npm:a@latest#x',
    'npm:a@1.0.0#../x',
    'http://example.com/x.gguf',
    'ftp://a/x.gguf',
  ])('rejects %s', (reference) =>
    expect(() => parseModelSource(reference)).toThrow(expect.objectContaining({ code: 'bad-reference' })),
  );

  it.each(['./x.gguf', 'stories260K', 'https://example.com/x.gguf', 'npm:a@1.0.0#x.gguf'])(
    'rejects another type of weights of %s, which has one',
    async (reference) => {
      await expect(bringModel(reference, { storeDir, quant: 'q8_0' })).rejects.toThrow(
        expect.objectContaining({ code: 'bad-reference', message: expect.stringContaining('ask for it without q8_0') }),
      );
    },
  );

  it('finds a file in a package archive', () => {
    const header = Buffer.alloc(512);
    header.write('package/a.txt', 0);
    header.write('00000000003 ', 124);
    const tar = Buffer.concat([header, Buffer.from('abc'), Buffer.alloc(509), Buffer.alloc(1024)]);
    expect(extractFromTar(tar, 'package/a.txt').toString()).toBe('abc');
    expect(() => extractFromTar(tar, 'package/b.txt')).toThrow(/no file b\.txt/);
  });
});
