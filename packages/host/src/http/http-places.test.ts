import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer, type HttpServer } from './http-server.ts';

const open: { destroy(): void }[] = [];
let server: HttpServer;
let holding = 0;
let release = (): void => {};
afterEach(async () => {
  release();
  for (const one of open.splice(0)) one.destroy();
  await server.stop();
});

/** Answers at once; on /hold when the test is over; a caller that says `key` has shown one. */
async function serve(limits: { maxConnections: number; maxConnectionsPerAddress?: number }): Promise<void> {
  holding = 0;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  server = createHttpServer(
    {
      async fetch({ url, headers }, { welcome }) {
        if (headers.get('authorization') === 'key') welcome?.();
        if (url.endsWith('/hold')) {
          holding++;
          await released;
        }
        return new Response('here');
      },
    },
    { bind: { host: '127.0.0.1', port: 0 }, headersTimeoutMs: 60_000, ...limits },
  );
  await server.start();
}

async function openRaw(localAddress: string): Promise<Socket> {
  const socket = connect({ ...server.address(), localAddress });
  socket.on('error', () => {});
  socket.resume();
  open.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Opens one lasting connection, and asks over it. @returns the status. */
function createCaller(localAddress: string, headers = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  open.push(agent);
  return async (path = '/'): Promise<number | undefined> => {
    const sent = request({ ...server.address(), path, agent, localAddress, headers });
    sent.end();
    const [answer] = await once(sent, 'response');
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  };
}

const countOpen = (sockets: readonly Socket[]): number => sockets.filter((socket) => !socket.closed).length;

describe.skipIf(process.platform !== 'linux')('the connections of an HTTP server', () => {
  it('have a quota for one address: the idlest makes room, and no other address notices', async () => {
    await serve({ maxConnections: 40, maxConnectionsPerAddress: 4 });
    const other = createCaller('127.0.2.1');
    await other();
    const flood: Socket[] = [];
    for (let i = 0; i < 40; i++) flood.push(await openRaw('127.0.1.1'));
    await expect.poll(() => countOpen(flood)).toBe(4);
    expect(await createCaller('127.0.1.1')()).toBe(200);
    expect(await other()).toBe(200);
  });

  it('are refused if all of an address have a request running', async () => {
    await serve({ maxConnections: 40, maxConnectionsPerAddress: 4 });
    const held = await Promise.all(Array.from({ length: 4 }, () => openRaw('127.0.1.1')));
    for (const socket of held) socket.write('GET /hold HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => holding).toBe(4);
    await expect(createCaller('127.0.1.1')()).rejects.toThrow();
    expect(countOpen(held)).toBe(4);
    expect(await createCaller('127.0.1.2')()).toBe(200);
  });

  it('keep their places after a key was shown, for any number of strangers and addresses', async () => {
    await serve({ maxConnections: 16, maxConnectionsPerAddress: 4 });
    const keyed = createCaller('127.0.2.1', { authorization: 'key' });
    await keyed();
    const flood: Socket[] = [];
    for (let i = 0; i < 160; i++) flood.push(await openRaw(`127.0.1.${1 + (i % 40)}`));
    // A quarter of the places is reserved for clients with a key.
    await expect.poll(() => countOpen(flood)).toBe(12);
    expect(await keyed()).toBe(200);
    expect(await createCaller('127.0.2.2', { authorization: 'key' })()).toBe(200);
  });
});
