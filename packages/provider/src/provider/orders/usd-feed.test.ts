import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { parseNanoUsd } from '@ogong/host/feed/feed-text';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, describe, expect, it } from 'vitest';
import { parseUsdRate, readUsdFeed } from './usd-feed.ts';

const GOOD = '{"usd_per_token": "0.051", "at": 1764000000}';
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function writeFeed(text: string): string {
  const directory = createTestDirectory('feed');
  closing.push(directory.remove);
  const path = join(directory.path, 'rate.json');
  writeFileSync(path, text);
  return path;
}

async function serve(text: string, status = 200): Promise<string> {
  const server: Server = createServer((_, response) => response.writeHead(status, { location: '/' }).end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => void server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

const read = (place: string) => readUsdFeed(place, new AbortController().signal);

describe('a feed of the dollar', () => {
  it('is a file or an address', async () => {
    const rate = { nanoUsd: 51_000_000n, atMs: 1_764_000_000_000 };
    expect(await read(writeFeed(GOOD))).toEqual(rate);
    expect(await read(await serve(GOOD))).toEqual(rate);
  });

  it.each([
    ['no JSON', 'null and void', 'no JSON'],
    ['no object', '7', 'no usd_per_token'],
    ['a number without quotes', '{"usd_per_token": 0.051, "at": 1764000000}', 'no usd_per_token'],
    ['nothing', '{"usd_per_token": "0", "at": 1764000000}', 'no usd_per_token'],
    ['less than nothing', '{"usd_per_token": "-1", "at": 1764000000}', 'no usd_per_token'],
    ['more digits than count', '{"usd_per_token": "0.0000000001", "at": 1764000000}', 'no usd_per_token'],
    ['a power of ten', '{"usd_per_token": "1e3", "at": 1764000000}', 'no usd_per_token'],
    ['no time', '{"usd_per_token": "1"}', 'no at'],
    ['half a second', '{"usd_per_token": "1", "at": 0.5}', 'no at'],
  ])('is refused with %s', (_what, text, message) => {
    expect(() => parseUsdRate(text)).toThrow(message);
  });

  it('is refused where it is long, in either place', async () => {
    const long = `${GOOD}${' '.repeat(5_000)}`;
    await expect(read(writeFeed(long))).rejects.toThrow('longer than');
    await expect(read(await serve(long))).rejects.toThrow('longer than');
  });

  it('is refused where it is not there, or sends elsewhere', async () => {
    await expect(read('/nowhere/rate.json')).rejects.toThrow('ENOENT');
    await expect(read(await serve('', 404))).rejects.toThrow('status 404');
    await expect(read(await serve('', 302))).rejects.toThrow();
  });

  it('counts billionths', () => {
    expect(parseNanoUsd('12')).toBe(12_000_000_000n);
    expect(parseNanoUsd('0.000000001')).toBe(1n);
    expect(parseNanoUsd('.5')).toBeUndefined();
    expect(parseNanoUsd('1.')).toBeUndefined();
  });
});
