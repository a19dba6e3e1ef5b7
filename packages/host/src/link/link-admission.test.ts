import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { expectLinkError } from '@ogong/testing/link/link-compliance';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { createLinkClient, type LinkClient } from './link-client.ts';
import { Refusal } from './link-error.ts';
import { createLinkServer, type LinkServer, type LinkServerOptions } from './link-server.ts';
import { computeAddressGroup } from './places.ts';

const KIB = 1024;
const open: { close(): void }[] = [];
let server: LinkServer;
afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await server.stop(0);
});

async function serve(options: Partial<LinkServerOptions> = {}): Promise<Uint8Array> {
  const identity = await makeIdentity(1);
  server = createLinkServer({
    identity,
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    routes: (router) => router.service(RouterService, { route: () => ({}) }),
    ...options,
  });
  await server.start();
  return identity.id;
}

/** Strangers come from addresses of their own: all of 127.0.0.0/8 is this machine. */
async function connect(certHash: Uint8Array, seed: number, localAddress = `127.0.0.${seed}`): Promise<LinkClient> {
  const client = createLinkClient({
    endpoint: server.address(),
    certHash,
    identity: await makeIdentity(seed),
    async createConnection() {
      const socket = connectTcp({ ...server.address(), localAddress, noDelay: true });
      await once(socket, 'connect');
      return socket;
    },
  });
  open.push(client);
  return client;
}

async function openRaw(localAddress: string, at: { host?: string; port: number } = server.address()): Promise<Socket> {
  const socket = connectTcp({ ...at, localAddress });
  socket.on('error', () => {});
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

describe.skipIf(process.platform !== 'linux')('the admission of a link server', () => {
  it('admit a peer that shakes hands while others hold silent connections', async () => {
    const id = await serve({ limits: { maxHandshakes: 8, maxHandshakesPerGroup: 4 } });
    const flood: Socket[] = [];
    for (let i = 0; i < 80; i++) flood.push(await openRaw(`127.0.1.${1 + (i % 4)}`));
    await (await connect(id, 2)).service(RouterService).route({});
    await expect.poll(() => flood.filter((socket) => !socket.closed).length).toBeLessThanOrEqual(8);
  });

  it('hold few silent connections that a relay or a hole brings, and none of others', async () => {
    const id = await serve({ limits: { maxHandshakes: 8, maxHandshakesPerGroup: 4, handshakeTimeoutMs: 600_000 } });
    let groups = 0;
    const carrier = createServer((socket) => server.accept(socket, `punched 192.0.2.${groups++ % 4}`));
    open.push({ close: () => carrier.close() });
    carrier.listen(0, '127.0.0.1');
    await once(carrier, 'listening');
    const flood: Socket[] = [];
    for (let i = 0; i < 40; i++)
      flood.push(await openRaw('127.0.0.1', { ...(carrier.address() as AddressInfo), host: '127.0.0.1' }));
    await expect.poll(() => flood.filter((socket) => !socket.closed).length).toBe(8);
    await (await connect(id, 2)).service(RouterService).route({});
    expect(flood.filter((socket) => !socket.closed)).toHaveLength(8);
  });

  it('begin few handshakes of one address and of all strangers, and those of addresses of known parties', async () => {
    const known = await makeIdentity(9);
    const slow = 0.001;
    const id = await serve({
      limits: { groupHandshakeRate: { perSecond: slow, burst: 5 }, handshakeRate: { perSecond: slow, burst: 8 } },
      isKnown: (peer) => Buffer.from(peer).equals(known.id),
    });
    await (await connect(id, 9, '127.0.3.1')).service(RouterService).route({});
    // Of its address one was taken, and of all strangers.
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      const call = (await connect(id, 100 + i, `127.0.1.${1 + (i % 3)}`)).service(RouterService).route({});
      await call.catch(() => refused++);
    }
    expect(refused).toBe(60 - 7);
    await expectLinkError((await connect(id, 2)).service(RouterService).route({}), 'unreachable');
    for (let i = 0; i < 4; i++) await (await connect(id, 9, '127.0.3.1')).service(RouterService).route({});
    await expectLinkError((await connect(id, 9, '127.0.3.1')).service(RouterService).route({}), 'unreachable');
  });

  it('have a quota of links for one address, for any certificates', async () => {
    const limits = { maxConnectionsPerGroup: 3, maxConnections: 12 };
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let running = 0;
    const id = await serve({
      limits,
      routes: (router) =>
        router.service(RouterService, {
          async route({ replyId }) {
            running++;
            if (replyId.length > 0) await released;
            return {};
          },
        }),
    });
    const held: Promise<unknown>[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await connect(id, 100 + i, '127.0.1.1');
      held.push(client.service(RouterService).route({ replyId: Uint8Array.of(1) }));
    }
    await expect.poll(() => running).toBe(3);
    await expectLinkError((await connect(id, 110, '127.0.1.1')).service(RouterService).route({}), 'unreachable');
    await (await connect(id, 2)).service(RouterService).route({});
    release();
    await Promise.all(held);
  });

  it('have quotas of calls for one address, for any certificates', async () => {
    const id = await serve({ limits: { groupCallRate: { perSecond: 0.001, burst: 4 } } });
    for (let i = 0; i < 4; i++) await (await connect(id, 100 + i, '127.0.1.1')).service(RouterService).route({});
    const fifth = (await connect(id, 110, '127.0.1.1')).service(RouterService).route({});
    expect((await expectLinkError(fifth, 'rate-limited')).message).toMatch(/slow down/);
    await (await connect(id, 2)).service(RouterService).route({});
  });

  it('allow more calls after useful ones, for their address and up to a limit', async () => {
    const never = { perSecond: 0.001, burst: 1 };
    const id = await serve({
      limits: { callRate: never, groupCallRate: never, earnedCallRate: { ...never, burst: 3 } },
    });
    const earn = (calls: number) =>
      server.earn({ peer: new Uint8Array(32), group: computeAddressGroup('127.0.1.1') }, calls);
    const call = async (seed: number, address: string) =>
      (await connect(id, seed, address)).service(RouterService).route({});
    await call(2, '127.0.1.1');
    await expectLinkError(call(2, '127.0.1.1'), 'rate-limited');
    earn(2);
    // Any certificate of that address, and nobody at another address.
    await call(2, '127.0.1.1');
    await call(3, '127.0.1.1');
    await expectLinkError(call(3, '127.0.1.1'), 'rate-limited');
    await call(4, '127.0.1.2');
    await expectLinkError(call(4, '127.0.1.2'), 'rate-limited');
    earn(1_000);
    await call(2, '127.0.1.1');
    await expectLinkError(call(2, '127.0.1.1'), 'rate-limited');
  });

  it('have rates of costly methods: of one peer, and of one address, for any certificates', async () => {
    const slow = { perSecond: 0.001, burst: 2 };
    const id = await serve({
      methodRates: { 'ogong.v1.RouterService/Route': slow },
      routes: (router) => router.service(RouterService, { route: () => ({}), listModels: () => ({}) }),
    });
    const call = async (seed: number, address: string) =>
      (await connect(id, seed, address)).service(RouterService).route({});
    for (let i = 0; i < 2; i++) await call(2, '127.0.1.1');
    await expectLinkError(call(2, '127.0.1.1'), 'rate-limited');
    for (let i = 0; i < 6; i++) await call(3 + (i >> 1), '127.0.1.1');
    await expectLinkError(call(7, '127.0.1.1'), 'rate-limited');
    // Of another address, and another method.
    await call(8, '127.0.1.2');
    await (await connect(id, 2, '127.0.1.1')).service(RouterService).listModels({});
  });

  it('are charged for one call that does the work of many, first on their rate, then on earned calls', async () => {
    const few = { perSecond: 0.001, burst: 3 };
    await serve({ methodRates: { 'ogong.v1.RouterService/Route': { ...few, mayBeEarned: true } } });
    const caller = { peer: new Uint8Array(32).fill(1), group: computeAddressGroup('127.0.1.1') };
    const charge = (calls: number, by = caller) => server.charge(by, 'ogong.v1.RouterService/Route', calls);
    expect(charge(2)).toBe(true);
    // All or nothing: the rest stays.
    expect(charge(2)).toBe(false);
    expect(charge(3, { ...caller, peer: new Uint8Array(32).fill(2) })).toBe(true);
    server.earn(caller, 2);
    expect([charge(2), charge(1), charge(1)]).toEqual([true, true, false]);
    expect(server.charge(caller, 'ogong.v1.RouterService/ListModels', 1_000)).toBe(true);
  });

  it('have costly methods beyond their rate where these may be earned, for one earned call each', async () => {
    const never = { perSecond: 0.001, burst: 1 };
    const id = await serve({
      methodRates: {
        'ogong.v1.RouterService/Route': { ...never, mayBeEarned: true },
        'ogong.v1.RouterService/ListModels': never,
      },
      routes: (router) => router.service(RouterService, { route: () => ({}), listModels: () => ({}) }),
      limits: { callRate: { ...never, burst: 3 }, groupCallRate: { ...never, burst: 1_000 } },
    });
    const caller = (await connect(id, 2, '127.0.1.1')).service(RouterService);
    await caller.route({});
    await expectLinkError(caller.route({}), 'rate-limited');
    server.earn({ peer: new Uint8Array(32), group: computeAddressGroup('127.0.1.1') }, 3);
    // Beyond the rate of the method alone, and then beyond both.
    await caller.route({});
    await caller.route({});
    // A call that is not earned keeps its rate, even if places are left. The second one took a call of the address, and was refused.
    await caller.listModels({});
    await expectLinkError(caller.listModels({}), 'rate-limited');
  });

  it('count calls of known parties by a separate rate with its present size', async () => {
    const never = { perSecond: 0.001, burst: 1 };
    const known = await makeIdentity(9);
    let room = 0;
    const id = await serve({
      methodRates: { 'ogong.v1.RouterService/Route': { ...never, isApart: true, burstNow: () => room } },
      routes: (router) => router.service(RouterService, { route: () => ({}), listModels: () => ({}) }),
      limits: { callRate: { ...never, burst: 2 } },
      isKnown: (peer) => Buffer.from(peer).equals(known.id),
    });
    room = 4;
    const caller = (await connect(id, 9)).service(RouterService);
    for (let i = 0; i < 4; i++) await caller.route({});
    await expectLinkError(caller.route({}), 'rate-limited');
    // The rate of all calls is untouched.
    for (let i = 0; i < 2; i++) await caller.listModels({});
    await expectLinkError(caller.listModels({}), 'rate-limited');
    const stranger = (await connect(id, 2)).service(RouterService);
    for (let i = 0; i < 2; i++) await stranger.route({});
    await expectLinkError(stranger.route({}), 'rate-limited');
  });

  it('close the connections of a peer that goes on after many refusals, and no others', async () => {
    const slow = { perSecond: 0.001, burst: 5 };
    const known = await makeIdentity(9);
    const id = await serve({
      limits: { callRate: { perSecond: 0.001, burst: 1 }, refusalRate: slow },
      isKnown: (peer) => Buffer.from(peer).equals(known.id),
    });
    const loud = (await connect(id, 2)).service(RouterService);
    await loud.route({});
    for (let i = 0; i < 5; i++) await expectLinkError(loud.route({}), 'rate-limited');
    await expectLinkError(loud.route({}), 'unreachable');
    await (await connect(id, 3)).service(RouterService).route({});
    const peer = (await connect(id, 9)).service(RouterService);
    await peer.route({});
    for (let i = 0; i < 10; i++) await expectLinkError(peer.route({}), 'rate-limited');
  });

  it('close the connections of a peer that keeps sending invalid calls', async () => {
    const known = await makeIdentity(9);
    const id = await serve({
      limits: { refusalRate: { perSecond: 0.001, burst: 5 } },
      isKnown: (peer) => Buffer.from(peer).equals(known.id),
      routes: (router) =>
        router.service(RouterService, {
          route({ model }) {
            throw new Refusal(model === 'absent' ? 'not-found' : 'invalid', 'refused');
          },
        }),
    });
    const ask = async (seed: number) => (await connect(id, seed)).service(RouterService);
    const loud = await ask(2);
    for (let i = 0; i < 5; i++) await expectLinkError(loud.route({}), 'remote');
    await expectLinkError(loud.route({}), 'unreachable');
    // A request for something absent is no fault, and known parties get the answer each time.
    const [other, peer] = [await ask(3), await ask(9)];
    for (let i = 0; i < 10; i++) await expectLinkError(other.route({ model: 'absent' }), 'remote');
    for (let i = 0; i < 10; i++) await expectLinkError(peer.route({}), 'remote');
  });

  it('slow down the address at which a stranger lost its links, and no other', async () => {
    const never = { perSecond: 0.001, burst: 1 };
    const id = await serve({
      limits: { callRate: { perSecond: 0.001, burst: 1 }, refusalRate: never, slowedHandshakeRate: never },
    });
    const call = async (seed: number, address: string) =>
      (await connect(id, seed, address)).service(RouterService).route({});
    const loud = (await connect(id, 2, '127.0.1.1')).service(RouterService);
    await loud.route({});
    await expectLinkError(loud.route({}), 'rate-limited');
    await expectLinkError(loud.route({}), 'unreachable');
    await call(3, '127.0.1.1');
    await expectLinkError(call(4, '127.0.1.1'), 'unreachable');
    await call(5, '127.0.1.2');
  });

  it('let small calls in while large requests fill the room, and large ones of known parties', async () => {
    const known = await makeIdentity(9);
    const id = await serve({
      limits: {
        freeBodyBytes: KIB,
        maxBodyBytes: 8 * KIB,
        maxBodyBytesPerGroup: 6 * KIB,
        maxBodyBytesPerPeer: 4 * KIB,
      },
      isKnown: (peer) => Buffer.from(peer).equals(known.id),
    });
    const send = async (seed: number, sizeBytes: number, address?: string) =>
      (await connect(id, seed, address)).service(RouterService).route({ replyId: new Uint8Array(sizeBytes) });
    await expectLinkError(send(2, 6 * KIB), 'rate-limited');
    await send(2, 4 * KIB);
    await send(9, 200 * KIB);
    // Space of a call is free again when it has ended.
    for (let i = 0; i < 4; i++) await send(3 + i, 4 * KIB);
    await send(2, 100);
  });
});
