import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ProviderService, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLinkClient } from './link-client.ts';
import { LINK_HOST, type LinkIdentity } from './link-identity.ts';
import { createLinkServer, type LinkServer } from './link-server.ts';
import { createTlsOptions } from './link-tls.ts';

let server: LinkServer;
let identity: LinkIdentity;
let stranger: LinkIdentity;

beforeAll(async () => {
  [identity, stranger] = await Promise.all([makeIdentity(1), makeIdentity(2)]);
  server = createLinkServer({
    identity,
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    limits: { maxMessageBytes: 2048, callRate: { perSecond: 1e6, burst: 1e6 } },
    routes: (router) =>
      router
        .service(RouterService, { route: (request) => ({ candidates: request.replyId }) })
        .service(ProviderService, {
          async *generate() {
            yield {};
          },
        }),
  });
  await server.start();
});
afterAll(() => server.stop(0));

async function openTls(): Promise<TLSSocket> {
  const { port } = server.address();
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...createTlsOptions(stranger) });
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return socket;
}

function post(session: ClientHttp2Session, path: string, type: string, body: Uint8Array): Promise<number | undefined> {
  return new Promise((resolve) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type });
    let status: number | undefined;
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('error', () => {});
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.end(body);
  });
}

async function expectAlive(): Promise<void> {
  const client = createLinkClient({ endpoint: server.address(), certHash: identity.id, identity });
  expect((await client.service(RouterService).route({ replyId: Uint8Array.of(7) })).candidates).toEqual(
    Uint8Array.of(7),
  );
  client.close();
}

it('answers any body of any type, and lives', async () => {
  const socket = await openTls();
  const session = connectHttp2(`https://${LINK_HOST}`, { createConnection: () => socket });
  const paths = [
    '/ogong.v1.RouterService/Route',
    '/ogong.v1.ProviderService/Generate',
    '/',
    '/ogong.v1.RouterService/',
  ];
  const types = [
    'application/proto',
    'application/json',
    'application/connect+proto',
    'application/grpc',
    'text/plain',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.constantFrom(...types),
      fc.uint8Array({ maxLength: 4096 }),
      async (path, type, body) => {
        // 500 is how Connect calls bytes that are no protobuf message.
        expect([200, 400, 404, 405, 415, 429, 500]).toContain(await post(session, path, type, body));
      },
    ),
    { numRuns: 300, seed: 1 },
  );
  session.destroy();
  await expectAlive();
});

it('survives bytes that are no HTTP/2', async () => {
  const preface = new TextEncoder().encode('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 300 }), async (hasPreface, bytes) => {
      const socket = await openTls();
      socket.write(hasPreface ? Buffer.concat([preface, bytes]) : bytes);
      socket.end();
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
    }),
    { numRuns: 60, seed: 2 },
  );
  await expectAlive();
});
