import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { ProviderService, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { expectLinkError } from '@ogong/testing/link/link-compliance';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLinkClient } from './link-client.ts';
import { LINK_HOST, type LinkIdentity } from './link-identity.ts';
import { createLinkServer, type LinkServer } from './link-server.ts';
import { createTlsOptions } from './link-tls.ts';

describe('attacks of a stranger on a link server', () => {
  let server: LinkServer;
  let identity: LinkIdentity;
  let calls: string[];

  /** @param timeoutMs of a handshake, and of a request; only tests of the timeout use a short one. */
  async function serve(timeoutMs: number): Promise<void> {
    server = createLinkServer({
      identity,
      bind: { host: '127.0.0.1', port: 0 },
      routes: (router) => router.service(RouterService, { route: () => ({}) }),
      authorize: (_peer, method) => calls.push(method) > 0,
      limits: { handshakeTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs },
    });
    await server.start();
  }

  beforeEach(async () => {
    calls = [];
    identity = await makeIdentity(1);
  });
  afterEach(() => server.stop(0));

  async function openTls(options: ConnectionOptions): Promise<TLSSocket> {
    const { port } = server.address();
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...options,
    });
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed')));
    });
  }

  async function postRaw(
    socket: TLSSocket,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<number | string> {
    const session = connectHttp2(`https://${LINK_HOST}`, { createConnection: () => socket });
    try {
      return await new Promise((resolve) => {
        session.on('error', () => resolve('closed'));
        session.on('close', () => resolve('closed'));
        const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
        stream.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? 'error'));
        stream.on('response', (response) => resolve(response[':status'] as number));
        stream.end();
      });
    } finally {
      session.destroy();
    }
  }

  const route = '/ogong.v1.RouterService/Route';
  const proto = { 'content-type': 'application/proto' };

  it('is reached with a certificate', async () => {
    await serve(30_000);
    const socket = await openTls(createTlsOptions(await makeIdentity(2)));
    expect(await postRaw(socket, route, proto)).toBe(200);
    expect(calls).toEqual(['ogong.v1.RouterService/Route']);
  });

  it('answers nobody without a certificate', async () => {
    await serve(30_000);
    const socket = await openTls({ minVersion: 'TLSv1.3' });
    expect(await postRaw(socket, route, proto)).toMatch(/closed|ERR_HTTP2/);
    expect(calls).toEqual([]);
  });

  it('agrees on a key that a quantum computer cannot recover', async () => {
    await serve(30_000);
    const socket = await openTls(createTlsOptions(await makeIdentity(2)));
    expect(socket.getEphemeralKeyInfo()).toMatchObject({ name: 'X25519MLKEM768' });
    socket.destroy();
  });

  it('speaks nothing older than TLS 1.3', async () => {
    await serve(30_000);
    const { cert, key } = createTlsOptions(await makeIdentity(2));
    await expect(openTls({ cert, key, maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  it('speaks nothing but HTTP/2', async () => {
    await serve(30_000);
    await expect(
      openTls({ ...createTlsOptions(await makeIdentity(2)), ALPNProtocols: ['http/1.1'] }),
    ).rejects.toThrow();
  });

  it('resumes no session', async () => {
    await serve(30_000);
    const options = { ...createTlsOptions(await makeIdentity(2)), secureOptions: 0 };
    const first = await openTls(options);
    const tickets: Buffer[] = [];
    first.on('session', (ticket) => tickets.push(ticket));
    expect(await postRaw(first, route, proto)).toBe(200);
    await sleep(50);
    const session = tickets[0] ?? first.getSession();
    const second = await openTls(session ? { ...options, session } : options);
    expect(second.isSessionReused()).toBe(false);
    expect(await postRaw(second, route, proto)).toBe(200);
  });

  it('knows no other path, method or encoding', async () => {
    await serve(30_000);
    const { ...options } = createTlsOptions(await makeIdentity(2));
    expect(await postRaw(await openTls(options), '/ogong.v1.RouterService/Nothing', proto)).toBe(404);
    expect(await postRaw(await openTls(options), route, { 'content-type': 'text/plain' })).toBe(415);
    expect(await postRaw(await openTls(options), route, { ...proto, 'content-encoding': 'gzip' })).not.toBe(200);
  });

  it('refuses headers without end', async () => {
    await serve(30_000);
    const socket = await openTls(createTlsOptions(await makeIdentity(2)));
    const headers = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x-${i}`, 'y'.repeat(1000)]));
    expect(await postRaw(socket, route, { ...proto, ...headers })).toBe(431);
    expect(calls).toEqual([]);
  });

  it('waits for no request without end', async () => {
    await serve(1_000);
    const socket = await openTls(createTlsOptions(await makeIdentity(2)));
    const session = connectHttp2(`https://${LINK_HOST}`, { createConnection: () => socket });
    const stream = session.request({ ':method': 'POST', ':path': route, ...proto });
    stream.on('error', () => {});
    stream.write('half');
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    session.destroy();
  });

  it('hangs up on a peer that does not start a handshake', async () => {
    await serve(1_000);
    const socket = connectTcp({ port: server.address().port, host: '127.0.0.1' });
    await new Promise((resolve) => socket.once('close', resolve));
  });

  it('survives bytes that are no handshake', async () => {
    await serve(30_000);
    const socket = connectTcp({ port: server.address().port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(await postRaw(await openTls(createTlsOptions(await makeIdentity(2))), route, proto)).toBe(200);
  });
});

describe('the life of a link server', () => {
  const bind = { host: '127.0.0.1', port: 0 };

  it('lets running calls end when it stops', async () => {
    const identity = await makeIdentity(1);
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const server = createLinkServer({
      identity,
      bind,
      authorize: () => true,
      routes: (router) =>
        router.service(RouterService, {
          async route() {
            arrived.resolve();
            await released.promise;
            return { candidates: Uint8Array.of(1) };
          },
        }),
    });
    await server.start();
    const endpoint = server.address();
    const client = createLinkClient({ endpoint, certHash: identity.id, identity: await makeIdentity(2) });
    const call = client.service(RouterService).route({});
    await arrived.promise;
    const stopped = server.stop();
    released.resolve();
    expect((await call).candidates).toEqual(Uint8Array.of(1));
    await stopped;
    await expectLinkError(client.service(RouterService).route({}), 'unreachable');
    client.close();
  });

  it('may end under a stream, and be found again on its return', async () => {
    const script = fileURLToPath(new URL('link-server-child-fixture.ts', import.meta.url));
    const launch = async (port: number) => {
      const child = spawn(process.execPath, [script, `${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      return { child, port: Number(line.toString()) };
    };
    const [free = 0] = await findFreePorts(1);
    const first = await launch(free);
    const { id } = await makeIdentity(1);
    const endpoint = { host: '127.0.0.1', port: first.port };
    const client = createLinkClient({ endpoint, certHash: id, identity: await makeIdentity(2) });
    const provider = client.service(ProviderService);
    const call = (async () => {
      for await (const _ of provider.generate({})) first.child.kill('SIGKILL');
    })();
    expect((await expectLinkError(call, 'unreachable')).retryable).toBe(true);
    const second = await launch(first.port);
    try {
      for await (const _ of provider.generate({})) break;
    } finally {
      second.child.kill('SIGKILL');
      client.close();
    }
  });

  it('does not wait for a handshake when it stops', async () => {
    const server = createLinkServer({ identity: await makeIdentity(1), bind, authorize: () => true, routes: () => {} });
    await server.start();
    const socket = connectTcp(server.address());
    await once(socket, 'connect');
    await sleep(20);
    const closed = once(socket, 'close');
    socket.on('error', () => {});
    await server.stop();
    await closed;
  });

  it('says that its port is taken', async () => {
    const identity = await makeIdentity(1);
    const options = { identity, authorize: () => true, routes: () => {} };
    const first = createLinkServer({ ...options, bind });
    await first.start();
    const second = createLinkServer({ ...options, bind: first.address() });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.stop();
    await first.stop();
  });
});
