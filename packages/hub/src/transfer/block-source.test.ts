import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { encodeBlockList } from '../blocks.ts';
import type { ManifestFile } from '../manifest.ts';
import { createHttpSource } from './block-source.ts';

const blob = createTestBlob(2 * BLOCK_BYTES + 9);
const content = Buffer.from(await collect(blob.stream()));
const [any] = createTestManifest(crypto).files as [ManifestFile];
const file: ManifestFile = { ...any, sizeBytes: blob.bytes, blockRoot: blob.root };

let server: Server;
let address: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: IncomingMessage[];

/** Answers as a mirror does. */
function serve({ url, headers }: IncomingMessage, response: ServerResponse): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (url === '/list') response.end(encodeBlockList(blob.hashes));
  else if (from === undefined || to === undefined) response.end(content);
  else {
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${content.length}` });
    response.end(content.subarray(Number(from), Number(to) + 1));
  }
}

beforeEach(async () => {
  answer = serve;
  asked = [];
  server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const create = () =>
  createHttpSource({
    urlOf: ({ path }) => `${address}/${path}`,
    listUrlOf: () => `${address}/list`,
    headers: { 'x-key': 'k' },
  });
const { signal } = new AbortController();
const read = (from: number, to: number) => collect(create().read(file, { from, to }, signal));

describe('a server of ranges', () => {
  it('sends parts of a file, and its list of blocks', async () => {
    const [from, to] = [BLOCK_BYTES - 3, BLOCK_BYTES + 3];
    expect(Buffer.from(await read(from, to)).equals(content.subarray(from, to))).toBe(true);
    expect(asked[0]?.headers).toMatchObject({ range: `bytes=${from}-${to - 1}`, 'x-key': 'k' });
    expect(asked[0]?.url).toBe(`/${file.path}`);
    const list = await create().listBlocks(file, { maxBytes: 96, signal });
    expect(Buffer.from(list).equals(encodeBlockList(blob.hashes))).toBe(true);
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['the whole file', (_request, response) => void response.end(content)],
    [
      'another range',
      (_request, response) => void response.writeHead(206, { 'content-range': 'bytes 1-6/9' }).end('abcdef'),
    ],
    ['a range without its place', (_request, response) => void response.writeHead(206).end('abcdef')],
    ['an empty range', (_request, response) => void response.writeHead(416).end()],
  ])('is refused if it sends %s', async (_name, wrong) => {
    answer = wrong;
    await expect(read(0, 6)).rejects.toThrow('answered bytes 0 to 5 with status');
  });

  it('may redirect, and is asked by fetch alone from then on', async () => {
    answer = (request, response) => {
      if (request.url === '/moved') serve(request, response);
      else response.writeHead(307, { location: '/moved' }).end();
    };
    const source = create();
    for (const range of [
      { from: 3, to: 9 },
      { from: 0, to: BLOCK_BYTES },
    ]) {
      const bytes = await collect(source.read(file, range, signal));
      expect(Buffer.from(bytes).equals(content.subarray(range.from, range.to))).toBe(true);
    }
    expect(asked.map(({ url }) => url)).toEqual([
      `/${file.path}`,
      ...Array(2)
        .fill([`/${file.path}`, '/moved'])
        .flat(),
    ]);
  });

  it('is read no further than the list can be', async () => {
    answer = (_request, response) => void response.end(Buffer.alloc(4 * BLOCK_BYTES));
    const list = await create().listBlocks(file, { maxBytes: 96, signal });
    expect(list.length).toBeGreaterThan(96);
    expect(list.length).toBeLessThan(BLOCK_BYTES);
  });

  it('has https, or is on this machine', async () => {
    const far = createHttpSource({ urlOf: () => 'http://example.com/a' });
    await expect(collect(far.read(file, { from: 0, to: 1 }, signal))).rejects.toThrow('no https address');
    await expect(far.listBlocks(file, { maxBytes: 1, signal })).rejects.toThrow('no lists of blocks');
    const odd = createHttpSource({ urlOf: () => 'file:///etc/passwd' });
    await expect(collect(odd.read(file, { from: 0, to: 1 }, signal))).rejects.toThrow('no https address');
  });

  it('is left when the signal fires', async () => {
    const ended = new AbortController();
    answer = () => ended.abort();
    await expect(collect(create().read(file, { from: 0, to: 9 }, ended.signal))).rejects.toThrow();
  });
});
