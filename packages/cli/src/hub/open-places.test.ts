import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { expect, it } from 'vitest';
import { askPlaces, readPlaces } from './open-places.ts';

it('a command calls a place of the own network if the user names it, or on a local chain', async () => {
  const directory = createTestDirectory('open-places');
  const server = createServer((_request, response) => void response.end('found'));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const store = openFolderStore(directory.path);
  const limits = { maxBytes: 9, signal: AbortSignal.timeout(10_000) };
  const read = (chainId: bigint, from: readonly string[]) =>
    askPlaces({ store, registry: { chainId }, ownPlaces: readPlaces('test', 'from', from) }, async ({ openPlace }) => {
      const place = openPlace?.({ kind: 'http', address: url });
      return Buffer.from((await place?.readManifest('ab'.repeat(32), limits)) ?? []).toString();
    });
  await expect(read(8_453n, [])).rejects.toThrow('network that is not called');
  expect([await read(8_453n, [url]), await read(31_337n, [])]).toEqual(['found', 'found']);
  await new Promise((done) => server.close(done).closeAllConnections());
  directory.remove();
});
