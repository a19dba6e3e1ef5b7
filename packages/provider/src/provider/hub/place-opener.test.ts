import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCheckedFetch, toCheckedFetch } from '@ogong/host/http/checked-fetch';
import type { OpenPlace } from '@ogong/hub/named/open-place';
import type { HubPlace } from '@ogong/hub/place';
import type { FetchAddress } from '@ogong/models/remote';
import { afterEach, expect, it } from 'vitest';
import { createPlaceOpener } from './place-opener.ts';

const HASH = 'ab'.repeat(32);
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done).closeAllConnections());
});

/** Starts a server on an address of this machine, which counts its requests. */
async function serve(host: string, answer: RequestListener) {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((done) => void server.listen(0, host, done));
  return { url: `http://${host}:${(server.address() as AddressInfo).port}/`, asked };
}

const readManifest = (address: string, opener: OpenPlace): Promise<string> => {
  const place = opener({ kind: 'http', address });
  const limits = { maxBytes: 100, signal: AbortSignal.timeout(5_000) };
  return (place as NonNullable<typeof place>).readManifest(HASH, limits).then((bytes) => Buffer.from(bytes).toString());
};

const open = (fetch: FetchAddress | undefined, own: readonly HubPlace[] = []): OpenPlace =>
  createPlaceOpener({ own, services: {}, fetch });

/** Stands for the public internet. */
const outside = { isAllowed: (address: string) => address === '127.0.0.1' };

it('a place of the registry that leads into the own network is not called, and one of the operator is', async () => {
  const inside = await serve('127.0.0.1', (_request, response) => void response.end('secret'));
  const fetch = toCheckedFetch('public');
  await expect(readManifest(inside.url, open(fetch))).rejects.toThrow('network that is not called');
  expect(inside.asked).toEqual([]);
  const own = [{ kind: 'http', address: inside.url } as const];
  expect(await readManifest(inside.url, open(fetch, own))).toBe('secret');
});

it('a place of the registry is read, but not behind a redirect into the own network', async () => {
  const place = await serve('127.0.0.1', ({ url }, response) =>
    url === `/manifests/${HASH}` && place.asked.length < 2
      ? void response.end('found')
      : void response.writeHead(302, { location: 'http://10.0.0.7:9/admin' }).end(),
  );
  const opener = open(createCheckedFetch(outside));
  expect(await readManifest(place.url, opener)).toBe('found');
  await expect(readManifest(place.url, opener)).rejects.toThrow('network that is not called');
  expect(place.asked).toHaveLength(2);
});

it('a name is looked up for each connection, and one inner address among its addresses refuses it', async () => {
  const answers = [['127.0.0.1', '10.0.0.7'], ['10.0.0.7'], []];
  const fetch = createCheckedFetch({
    ...outside,
    find: async () => (answers.shift() ?? []).map((address) => ({ address, family: 4 })),
  });
  for (let i = 0; i < 3; i++)
    await expect(fetch('http://rebinding.example:9/', {})).rejects.toMatchObject({ cause: { code: 'EACCES' } });
  expect(answers).toEqual([]);
});

it('a body without end is cut, and its connection ends', async () => {
  const ended = Promise.withResolvers<void>();
  const place = await serve('127.0.0.1', (_request, response) => {
    const send = (): void => void response.write('x'.repeat(65_536), (error) => !error && setImmediate(send));
    response.on('close', ended.resolve);
    send();
  });
  const text = await readManifest(place.url, open(createCheckedFetch(outside)));
  expect(text.length).toBeGreaterThan(100);
  await ended.promise;
});
