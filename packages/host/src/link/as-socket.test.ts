import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it } from 'vitest';
import { asDrainedSocket } from './as-socket.ts';
import { createLinkClient } from './link-client.ts';
import { createLinkServer } from './link-server.ts';

it('keeps the groups of streams apart that a server was given', async () => {
  const groups: (string | undefined)[] = [];
  const identity = await makeIdentity(73);
  const server = createLinkServer({
    identity,
    authorize: (_peer, _method, group) => groups.push(group) > 0,
    routes: (router) => router.service(RouterService, { listModels: () => ({ models: [] }) }),
  });
  const open = async (seed: number, group: string) => {
    const client = createLinkClient({
      ...{ endpoint: { host: 'stream.invalid', port: 1 }, certHash: identity.id, identity: await makeIdentity(seed) },
      createConnection() {
        const [near, far] = duplexPair();
        server.accept(far, group);
        return near;
      },
    });
    return { ask: () => client.service(RouterService).listModels({}), close: () => client.close() };
  };
  const clients = [await open(74, 'first'), await open(75, 'second')];
  // Their handshakes go on at the same time.
  await Promise.all(clients.map(({ ask }) => ask()));
  for (const { close } of clients) close();
  await server.stop(0);
  expect(groups.toSorted()).toEqual(['first', 'second']);
});

it('reads what the other end sent to a socket that is closed here', async () => {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const socket = connect((listener.address() as { port: number }).port, '127.0.0.1');
  const [[other]] = (await Promise.all([once(listener, 'connection'), once(socket, 'connect')])) as [[Socket], unknown];
  const near = await asDrainedSocket(socket);
  near.on('error', () => {});
  other.write('begun');
  await once(near, 'data');
  near.destroy();
  const sizeBytes = 3 << 20;
  other.on('data', () => {});
  other.write(new Uint8Array(sizeBytes));
  // The other end learns that this side has ended, and ends, too.
  await Promise.all([once(other, 'end'), once(socket, 'close')]);
  listener.close();
  expect(socket.bytesRead).toBe('begun'.length + sizeBytes);
});
