import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DownloadOptions, type DownloadProgress, downloadFile } from './download.ts';
import { makeGguf } from './gguf-fixture.ts';
import { readNote } from './partial-file.ts';
import { bringModel } from './resolve.ts';
import { createModelStore } from './store.ts';

const CONTENT = makeGguf(Uint8Array.from({ length: 400_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
/** Four segments. */
const SEGMENT_BYTES = 100_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const readRange = ({ headers: { range } }: IncomingMessage): readonly [number, number] | undefined => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  return first === undefined ? undefined : [Number(first), Number(last)];
};

/** A server that does as it should. */
const serve: Handler = (request, response) => {
  const range = readRange(request);
  const [first, last] = range ?? [0, CONTENT.length - 1];
  const body = CONTENT.subarray(first, last + 1);
  response
    .writeHead(range ? 206 : 200, {
      ...{ etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': body.length },
      ...(range && { 'content-range': `bytes ${first}-${last}/${CONTENT.length}` }),
    })
    .end(body);
};

let handler: Handler;
let requests: { range: readonly [number, number] | undefined; encoding: string | undefined }[];
let folder: string;
let target: string;
let url: string;
let stop: () => Promise<void>;

beforeEach(async () => {
  handler = serve;
  requests = [];
  folder = await mkdtemp(join(tmpdir(), 'ogong-download-'));
  target = join(folder, 'file.part');
  const server = createServer((request, response) => {
    requests.push({ range: readRange(request), encoding: request.headers['accept-encoding'] });
    handler(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
  stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
});

afterEach(async () => {
  vi.restoreAllMocks();
  await stop();
  await rm(folder, { recursive: true });
});

const download = (options: Partial<DownloadOptions> = {}) =>
  downloadFile(url, target, { file: 'model.gguf', segmentBytes: SEGMENT_BYTES, backoffMs: 1, ...options });

const bring = (pin = '') =>
  bringModel(`${url}${pin}`, { storeDir: join(folder, 'store'), segmentBytes: SEGMENT_BYTES, backoffMs: 1 });

const isWhole = async (): Promise<boolean> => CONTENT.equals(await readFile(target));

describe('a download', () => {
  it('leaves no timer behind, whether it works or not', async () => {
    const idleMs = 54_321;
    const set = vi.spyOn(globalThis, 'setTimeout');
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    let ranges = 0;
    handler = (request, response) => {
      // The whole file has its first segment; another one is refused.
      if (readRange(request) !== undefined && ++ranges === 2) response.writeHead(404).end();
      else serve(request, response);
    };
    await expect(download({ idleMs })).rejects.toMatchObject({ code: 'not-found' });
    handler = serve;
    await download({ idleMs });
    const timers = set.mock.results.filter((_, i) => set.mock.calls[i]?.[1] === idleMs).map(({ value }) => value);
    expect(timers.length).toBeGreaterThan(4);
    expect(cleared.mock.calls.map(([timer]) => timer)).toEqual(expect.arrayContaining(timers));
  });

  it('comes over several connections, each with its stretch', async () => {
    const progress: DownloadProgress[] = [];
    expect(await download({ onProgress: (each) => progress.push(each) })).toEqual({ inRanges: true });
    expect(await isWhole()).toBe(true);
    expect(requests.map(({ range }) => range?.[0] ?? 0).sort((a, b) => a - b)).toHaveLength(4);
    expect(new Set(requests.map(({ encoding }) => encoding))).toEqual(new Set(['identity']));
    expect(progress.at(-1)).toEqual({ file: 'model.gguf', receivedBytes: CONTENT.length, totalBytes: CONTENT.length });
  });

  it.each([
    ['names no ranges', { 'accept-ranges': 'none' }],
    ['has no strong ETag', { etag: 'W/"v1"' }],
  ])('comes over one from a server that %s', async (_, headers) => {
    handler = (_request, response) =>
      response
        .writeHead(200, { etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': CONTENT.length, ...headers })
        .end(CONTENT);
    expect(await download()).toEqual({ inRanges: false });
    expect([await isWhole(), requests.length]).toEqual([true, 1]);
  });

  it('goes on in every stretch where it stopped, also in another process', async () => {
    // Each answer breaks off in its middle.
    handler = (request, response) => {
      const [first, last] = readRange(request) ?? [0, CONTENT.length - 1];
      const length = last + 1 - first;
      const range = { 'content-range': `bytes ${first}-${last}/${CONTENT.length}` };
      response.writeHead(readRange(request) ? 206 : 200, {
        ...{ etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': length },
        ...(readRange(request) && range),
      });
      response.write(CONTENT.subarray(first, first + Math.min(50_000, length / 2)), () =>
        setImmediate(() => response.destroy()),
      );
    };
    await expect(download({ maxAttempts: 1 })).rejects.toMatchObject({ code: 'network', retryable: true });
    const note = await readNote(target);
    const before = note?.segments.map(({ start, received }) => start + received) ?? [];
    expect(note?.segments).toHaveLength(4);
    requests.length = 0;
    handler = serve;
    await download();
    expect(await isWhole()).toBe(true);
    expect(requests.map(({ range }) => range?.[0]).sort((a, b) => Number(a) - Number(b))).toEqual(before);
  });

  it('begins anew where the file changed meanwhile', async () => {
    handler = (request, response) => {
      if (readRange(request)) return void response.destroy();
      serve(request, response);
    };
    await expect(download({ maxAttempts: 1 })).rejects.toMatchObject({ code: 'network' });
    expect(existsSync(`${target}.json`)).toBe(true);
    handler = (_request, response) =>
      response
        .writeHead(200, { etag: '"v2"', 'accept-ranges': 'bytes', 'content-length': CONTENT.length })
        .end(CONTENT);
    expect(await download()).toEqual({ inRanges: false });
    expect(await isWhole()).toBe(true);
  });

  it('counts its failures anew once it came further', async () => {
    const large = Buffer.alloc(12 << 20, 'GGUF');
    handler = (request, response) => {
      const [first, last] = readRange(request) ?? [0, large.length - 1];
      response.writeHead(readRange(request) ? 206 : 200, {
        ...{ etag: '"v1"', 'content-length': last + 1 - first },
        ...(readRange(request) && { 'content-range': `bytes ${first}-${last}/${large.length}` }),
      });
      if (last - first < 2 << 20) response.end(large.subarray(first));
      // Cut once it has been read.
      else response.write(large.subarray(first, first + (2 << 20)), () => setTimeout(() => response.destroy(), 20));
    };
    await download({ maxAttempts: 2 });
    expect(large.equals(await readFile(target))).toBe(true);
    expect(requests.length).toBeGreaterThan(2);
  });

  it('that brings nothing any more is cut and goes on', async () => {
    handler = (request, response) => {
      if (requests.length > 1) return serve(request, response);
      response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000));
    };
    const reasons: string[] = [];
    await download({ idleMs: 1_000, onRetry: ({ reason }) => reasons.push(reason) });
    expect([await isWhole(), reasons]).toEqual([true, [expect.stringContaining('nothing came')]]);
  });
});

describe('a server that lies about ranges', () => {
  const lie =
    (answer: (first: number, last: number) => { readonly range?: string; readonly body: Buffer }): Handler =>
    (request, response) => {
      const range = readRange(request);
      if (range === undefined) return serve(request, response);
      const { range: shown = `bytes ${range[0]}-${range[1]}/${CONTENT.length}`, body } = answer(...range);
      response.writeHead(206, { etag: '"v1"', 'content-range': shown }).end(body);
    };

  it.each([
    [
      'by naming another stretch',
      lie((first, last) => ({ range: `bytes 0-${last - first}/1`, body: CONTENT.subarray(first, last + 1) })),
    ],
    ['by naming none', lie((first, last) => ({ range: 'none', body: CONTENT.subarray(first, last + 1) }))],
    ['by sending more', lie((first) => ({ body: CONTENT.subarray(first) }))],
    [
      'by sending the whole file',
      ((_, response) =>
        response
          .writeHead(200, { etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': CONTENT.length })
          .end(CONTENT)) as Handler,
    ],
  ])('%s is asked for the whole file', async (_, liar) => {
    handler = liar;
    expect(await download()).toEqual({ inRanges: false });
    expect(await isWhole()).toBe(true);
  });

  it('by sending other bytes is found out by the hash', async () => {
    handler = lie((first, last) => ({ body: Buffer.alloc(last + 1 - first) }));
    const { path } = await bring(`#sha256=${SHA256}`);
    expect(CONTENT.equals(await readFile(path))).toBe(true);
    expect(await readdir(join(folder, 'store', 'partial'))).toEqual([]);
  });
});

describe('files that are no model, or have no room', () => {
  it('garbage is refused with its first bytes, and nothing of it is kept', async () => {
    const sent = vi.fn();
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      // The rest never comes.
      response.write('<!doctype html>', sent);
    };
    await expect(bring()).rejects.toMatchObject({
      ...{ code: 'corrupt', message: expect.stringContaining('it begins with "<!do"') },
    });
    expect(requests).toHaveLength(1);
    expect(await readdir(join(folder, 'store', 'partial'))).toEqual([]);
    expect(existsSync(join(folder, 'store', 'blobs'))).toBe(false);
  });

  it('a file that is cut short at its source is refused, with the reason', async () => {
    const short = CONTENT.subarray(0, 300_000);
    handler = (_request, response) => response.writeHead(200, { 'content-length': short.length }).end(short);
    await expect(bring()).rejects.toThrow(
      /model\.gguf is no whole model: the file is cut short: its tensors end at byte/,
    );
    expect(await readdir(join(folder, 'store', 'partial'))).toEqual([]);
  });

  it('the wrong hash is refused after one more try as a whole, and nothing is kept', async () => {
    await expect(bring(`#sha256=${'ab'.repeat(32)}`)).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(requests.filter(({ range }) => range === undefined)).toHaveLength(2);
    expect(await readdir(join(folder, 'store', 'partial'))).toEqual([]);
  });

  it('a disk that fills up ends the download, which goes on once there is room', async () => {
    const probe = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const write = prototype.write as (...given: unknown[]) => Promise<unknown>;
    let room = 150_000;
    vi.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...given: unknown[]) {
      room -= Number(given[2]);
      if (room >= 0) return write.apply(this, given) as never;
      return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    });
    await expect(download()).rejects.toMatchObject({
      ...{ code: 'disk-full', retryable: true, message: expect.stringContaining('free some space and run again') },
    });
    const received = (await readNote(target))?.segments.reduce((sum, each) => sum + each.received, 0) ?? 0;
    expect(received).toBeGreaterThan(0);
    room = Number.POSITIVE_INFINITY;
    await download();
    expect(await isWhole()).toBe(true);
  });
});

describe('leftovers of a download', () => {
  const begin = async () => {
    handler = (request, response) => {
      if (readRange(request)) return void response.destroy();
      serve(request, response);
    };
    const options = { storeDir: join(folder, 'store'), segmentBytes: SEGMENT_BYTES, backoffMs: 1 };
    await expect(bringModel(url, options)).rejects.toMatchObject({ code: 'network' });
    return createModelStore(options.storeDir);
  };

  it('is listed, and deleted on request', async () => {
    const store = await begin();
    expect(await store.listUnfinished()).toMatchObject([{ file: 'model.gguf', totalBytes: CONTENT.length }]);
    expect(await store.removeUnfinished()).toHaveLength(1);
    expect([await store.listUnfinished(), await readdir(join(folder, 'store', 'partial'))]).toEqual([[], []]);
  });

  it('stays while somebody is at it, and while it is young', async () => {
    const store = await begin();
    expect(await store.removeUnfinished(60_000)).toEqual([]);
    const [{ path } = { path: '' }] = await store.listUnfinished();
    await store.withLock(basename(path), async () => expect(await store.removeUnfinished()).toEqual([]));
    expect(await store.removeUnfinished()).toHaveLength(1);
  });

  it('goes with the next pull of anything once it is old', async () => {
    const store = await begin();
    const [{ path } = { path: '' }] = await store.listUnfinished();
    const longAgo = new Date(Date.now() - 15 * 86_400_000);
    await utimes(path, longAgo, longAgo);
    handler = (_request, response) => response.writeHead(404).end();
    await expect(bringModel(`${url}2`, { storeDir: join(folder, 'store') })).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await store.listUnfinished()).toEqual([]);
  });
});

it('without a network it is over within three attempts, and says so', async () => {
  await stop();
  const reasons: string[] = [];
  await expect(download({ onRetry: ({ reason }) => reasons.push(reason) })).rejects.toMatchObject({
    ...{ code: 'network', message: expect.stringContaining('after 3 attempts: 127.0.0.1:') },
  });
  expect(reasons).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('no program listens there')));
  stop = async () => undefined;
});
