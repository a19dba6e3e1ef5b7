import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import type { LinkError } from '@ogong/host/link/link-error';
import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import { dialRelay, sendRelayHello } from '@ogong/host/link/reach/dial';
import { createLadder } from '@ogong/host/link/reach/ladder';
import { createReachability, type Reachability } from '@ogong/host/link/reach/reachability';
import { RELAY_ANSWER, type RelayWish } from '@ogong/host/link/reach/relay-wire';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { startTestRelay } from '@ogong/testing/relay/test-relay';
import { afterEach, describe, expect, it } from 'vitest';
import type { BlindRelay } from './relay.ts';
import type { RelayLimits } from './relay-limits.ts';

const MARKER = 'ogong/verified/marker-that-nobody-may-read/m';
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openRelay(limits: Partial<RelayLimits> = {}, bind?: HostPort): Promise<BlindRelay> {
  const relay = await startTestRelay({ limits, ...(bind && { bind }) });
  closers.push(() => relay.stop());
  return relay;
}

/** Copies every byte that passes between a caller and the target. */
async function tap(target: HostPort): Promise<{ at: HostPort; heard: () => Buffer }> {
  const heard: Buffer[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((near) => {
    const far = connect(target);
    sockets.push(near, far);
    for (const [a, b] of [
      [near, far],
      [far, near],
    ] as const) {
      a.on('data', (chunk: Buffer) => heard.push(chunk));
      a.on('error', () => b.destroy());
      a.pipe(b);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { at: { host: '127.0.0.1', port }, heard: () => Buffer.concat(heard) };
}

interface Node {
  readonly server: LinkServer;
  readonly reachability: Reachability;
  readonly groups: (string | undefined)[];
  readonly errors: unknown[];
}

/** A node that listens nowhere: it can be reached through the relay alone. */
async function openNode(at: HostPort, seed = 73): Promise<Node> {
  const identity = await makeIdentity(seed);
  const groups: (string | undefined)[] = [];
  const errors: unknown[] = [];
  const server = createLinkServer({
    identity,
    authorize(_peer, _method, group) {
      groups.push(group);
      return true;
    },
    routes: (router) =>
      router.service(RouterService, {
        announce: () => ({}),
        listModels: () => ({ models: [{ model: MARKER, minPricePer1k: 1n }] }),
      }),
  });
  const registered = Promise.withResolvers<void>();
  const reachability = createReachability(
    { direct: () => undefined, relays: [{ endpoint: at, certHash: (await makeIdentity(71)).id, dialPolicy: 'any' }] },
    {
      ...{ crypto: nodeCrypto, identity, accept: server.accept },
      onChange: ({ isRegistered }) => isRegistered && registered.resolve(),
      onError: (error) => errors.push(error),
    },
  );
  reachability.start();
  closers.push(async () => {
    await reachability.stop();
    await server.stop(0);
  });
  await registered.promise;
  return { server, reachability, groups, errors };
}

async function callThrough(endpoint: string, { caller = 74, node = 73, limits = {} } = {}): Promise<LinkClient> {
  const { id } = await makeIdentity(node);
  const ladder = createLadder(endpoint, id, { dialPolicy: 'any' });
  const client = createLinkClient({
    endpoint: { host: 'ladder.invalid', port: 1 },
    ladder,
    certHash: id,
    identity: await makeIdentity(caller),
    limits,
  });
  closers.push(() => client.close());
  return client;
}

const failure = (call: Promise<unknown>): Promise<LinkError> =>
  call.then(
    () => expect.unreachable('the call went through'),
    (error) => error as LinkError,
  );

/** Says hello to the relay and gives back its answer. */
async function ask(
  at: HostPort,
  wish: RelayWish | Uint8Array,
  localAddress = '127.0.0.1',
): Promise<{ answer: number | undefined; socket: Socket }> {
  const socket = connect({ ...at, localAddress });
  socket.on('error', () => {});
  closers.push(() => void socket.destroy());
  if (wish instanceof Uint8Array) socket.write(wish);
  else {
    const isGreeted = await sendRelayHello(socket, wish, AbortSignal.timeout(5_000)).then(
      () => true,
      () => false,
    );
    if (!isGreeted) return { answer: undefined, socket };
  }
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve({ answer: chunk[0], socket }));
    socket.once('close', () => resolve({ answer: undefined, socket }));
  });
}

describe('a relay', () => {
  it('carries calls to a node that listens nowhere, and sees ciphertext alone', async () => {
    const relay = await openRelay();
    const wire = await tap(relay.address());
    const node = await openNode(wire.at);
    expect(node.reachability.endpoint()).toBe(`relay/${formatHostPort(wire.at)}`);
    const client = await callThrough(node.reachability.endpoint());
    const { models } = await client.service(RouterService).listModels({});
    expect(models[0]?.model).toBe(MARKER);
    expect(wire.heard().length).toBeGreaterThan(1000);
    expect(wire.heard().includes(MARKER)).toBe(false);
    expect(wire.heard().includes('ogong.v1.RouterService')).toBe(false);
    expect(node.errors).toEqual([]);
  });

  it('tells the node which callers share an address, and no address', async () => {
    const relay = await openRelay();
    const node = await openNode(relay.address());
    for (const caller of [74, 75]) {
      const client = await callThrough(node.reachability.endpoint(), { caller });
      await client.service(RouterService).listModels({});
    }
    expect(new Set(node.groups).size).toBe(1);
    expect(node.groups[0]).toMatch(/^relay 127\.0\.0\.1:\d+ [0-9a-f]{32}$/);
    expect(node.reachability.relays()[0]?.seenAt).toBe('127.0.0.1');
  });

  it('signs an account of bytes that agrees with what the node counted', async () => {
    const relay = await openRelay();
    const node = await openNode(relay.address());
    const client = await callThrough(node.reachability.endpoint());
    await client.service(RouterService).listModels({});
    await expect.poll(() => node.reachability.relays()[0]?.account?.links).toBe(1n);
    const read = () => {
      const { account, counted } = node.reachability.relays()[0] ?? {};
      return { account, agrees: account?.toNode === counted?.toNode && account?.fromNode === counted?.fromNode };
    };
    await expect.poll(() => read().agrees).toBe(true);
    expect(read().account?.toNode).toBeGreaterThan(500n);
    expect(read().account?.fromNode).toBeGreaterThan(500n);
    expect(node.errors).toEqual([]);
  });

  it('cannot pass another node off as the one that was asked for', async () => {
    const relay = await openRelay();
    await openNode(relay.address(), 76);
    // Only the relay claims it: the caller is led to 76 although it wants 73.
    const { id } = await makeIdentity(73);
    const [led] = createLadder(`relay/${formatHostPort(relay.address())}`, (await makeIdentity(76)).id, {
      dialPolicy: 'any',
    });
    const client = createLinkClient({
      endpoint: relay.address(),
      ladder: led ? [led] : [],
      certHash: id,
      identity: await makeIdentity(74),
    });
    closers.push(() => client.close());
    const error = await failure(client.service(RouterService).listModels({}));
    expect(error.code, error.message).toBe('wrong-certificate');
  });

  it('says who is not registered', async () => {
    const relay = await openRelay();
    const client = await callThrough(`relay/${formatHostPort(relay.address())}`);
    const error = await failure(client.service(RouterService).listModels({}));
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('nobody is registered') });
  });

  it('joins nobody who has no token, and closes on whatever is no hello', async () => {
    const relay = await openRelay();
    await openNode(relay.address());
    const guessed = await ask(relay.address(), { ask: 'join', subject: new Uint8Array(32).fill(9) });
    expect(guessed.answer).toBe(RELAY_ANSWER.unknown);
    const noise = await ask(
      relay.address(),
      new TextEncoder().encode('GET / HTTP/1.1\r\nhost: relay.example.org\r\n\r\n'),
    );
    expect(noise.answer).toBeUndefined();
  });

  it('is not sent a byte that a stranger chose before it has shown that it is a relay', async () => {
    const said: Buffer[] = [];
    // A service that reads lines, and answers each connection with a banner.
    const service = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => said.push(chunk));
      socket.write('220 ready\r\n'.padEnd(64));
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    closers.push(() => void service.close());
    const { port } = service.address() as { port: number };
    const subject = new TextEncoder().encode('\nFLUSHALL\n'.padEnd(32));
    const dial = dialRelay(
      { host: '127.0.0.1', port },
      { ask: 'connect', subject },
      { dialPolicy: 'any', signal: AbortSignal.timeout(5_000) },
    );
    await expect(dial).rejects.toThrow('this is no relay');
    await expect.poll(() => Buffer.concat(said)).toEqual(Buffer.from('OGR1\x01'));
  });

  it('is sent a hash of the wanted node, which the relay of another salt does not know', async () => {
    const relay = await openRelay();
    const wire = await tap(relay.address());
    const identity = await makeIdentity(79);
    await ask(wire.at, { ask: 'connect', subject: identity.id });
    expect(wire.heard().includes(Buffer.from(identity.id))).toBe(false);
  });

  it('ends a link whose node does not come', async () => {
    const relay = await openRelay({ joinTimeoutMs: 20 });
    const identity = await makeIdentity(77);
    const link = createLinkClient({ endpoint: relay.address(), certHash: (await makeIdentity(71)).id, identity });
    closers.push(() => link.close());
    const { RelayService } = await import('@ogong/protocol/generated/ogong/v1/ogong_pb');
    const events = link.service(RelayService).register({})[Symbol.asyncIterator]();
    await events.next();
    const late = await ask(relay.address(), { ask: 'connect', subject: identity.id });
    expect(late.answer).toBe(RELAY_ANSWER.late);
    await events.return?.();
  });

  it('has limits: links to a node, nodes of an address, connections, bytes', async () => {
    const relay = await openRelay({ maxLinksPerNode: 1, maxNodesPerGroup: 1 });
    const node = await openNode(relay.address());
    const first = await callThrough(node.reachability.endpoint());
    await first.service(RouterService).listModels({});
    const second = await callThrough(node.reachability.endpoint(), { caller: 75 });
    expect((await failure(second.service(RouterService).listModels({}))).message).toContain('no room');

    const refused = Promise.withResolvers<unknown>();
    const other = createReachability(
      {
        direct: () => undefined,
        relays: [{ endpoint: relay.address(), certHash: (await makeIdentity(71)).id, dialPolicy: 'any' }],
      },
      {
        ...{ crypto: nodeCrypto, identity: await makeIdentity(78), accept: () => {} },
        onError: (error) => refused.resolve(error),
      },
    );
    other.start();
    closers.push(() => other.stop());
    expect(await refused.promise).toMatchObject({ code: 'rate-limited' });
    expect(other.isReachable()).toBe(false);
  });

  it('carries a caller whose node has no link left, where another address holds several', async () => {
    const relay = await openRelay({ maxLinksPerNode: 3 });
    const node = await openNode(relay.address());
    const wish = { ask: 'connect', subject: (await makeIdentity(73)).id } as const;
    const crowd = [];
    for (let each = 0; each < 3; each++) crowd.push(await ask(relay.address(), wish, '127.0.0.2'));
    expect(crowd.map(({ answer }) => answer)).toEqual([RELAY_ANSWER.joined, RELAY_ANSWER.joined, RELAY_ANSWER.joined]);
    const client = await callThrough(node.reachability.endpoint());
    expect(await client.service(RouterService).listModels({})).toMatchObject({ models: [{ model: MARKER }] });
    expect(crowd.map(({ socket }) => socket.destroyed)).toEqual([false, false, true]);
  });

  it('registers a node where another address holds several registrations', async () => {
    const relay = await openRelay({ maxNodes: 2 });
    const { RelayService } = await import('@ogong/protocol/generated/ogong/v1/ogong_pb');
    const crowd: AsyncIterator<unknown>[] = [];
    for (const seed of [75, 76]) {
      const dial = async () => connect({ ...relay.address(), localAddress: '127.0.0.2' });
      const link = createLinkClient({
        ...{ endpoint: relay.address(), certHash: (await makeIdentity(71)).id, identity: await makeIdentity(seed) },
        ladder: [{ kind: 'direct', name: 'crowd', dial }],
      });
      closers.push(() => link.close());
      const events = link.service(RelayService).register({})[Symbol.asyncIterator]();
      await events.next();
      crowd.push(events);
    }
    await openNode(relay.address());
    expect(relay.counts().nodes).toBe(2);
    let newest = await crowd[1]?.next();
    while (newest?.done === false) newest = await crowd[1]?.next();
    expect(newest?.done).toBe(true);
  });

  it('closes the links of a node that has used up its bytes, and opens no more of them', async () => {
    const relay = await openRelay({ maxBytesPerDay: 6_000 });
    const node = await openNode(relay.address());
    const client = await callThrough(node.reachability.endpoint());
    const call = async (): Promise<void> => {
      for (let calls = 0; calls < 200; calls++) await client.service(RouterService).listModels({});
    };
    expect((await failure(call())).code).toBe('unreachable');
    const again = await callThrough(node.reachability.endpoint(), { caller: 75 });
    expect((await failure(again.service(RouterService).listModels({}))).message).toContain('no room');
  });

  it('takes connections of one address only so fast', async () => {
    const relay = await openRelay({ groupRate: { perSecond: 0.001, burst: 2 } });
    const hello = { ask: 'connect', subject: new Uint8Array(32) } as const;
    const answers = [];
    for (let each = 0; each < 3; each++) answers.push((await ask(relay.address(), hello)).answer);
    expect(answers).toEqual([RELAY_ANSWER.unknown, RELAY_ANSWER.unknown, undefined]);
  });

  it('is registered with again after it was away', async () => {
    const relay = await openRelay();
    const bind = relay.address();
    const node = await openNode(bind);
    await relay.stop();
    await expect.poll(() => node.reachability.isReachable()).toBe(false);
    await openRelay({}, bind);
    await expect.poll(() => node.reachability.isReachable()).toBe(true);
    const client = await callThrough(node.reachability.endpoint());
    expect((await client.service(RouterService).listModels({})).models).toHaveLength(1);
  });
});

describe('the ladder', () => {
  it('takes the relay where the direct way leads nowhere, and moves up once it leads there', async () => {
    const relay = await openRelay();
    const node = await openNode(relay.address());
    // A port that nobody listens on yet.
    const [port = 0] = await findFreePorts(1);
    const direct = `127.0.0.1:${port}`;
    const client = await callThrough(`${direct},${node.reachability.endpoint()}`, { limits: { lookUpMs: 30 } });
    const list = () => client.service(RouterService).listModels({});
    await list();
    expect(node.groups.at(-1)).toMatch(/^relay /);

    const listener = createServer((socket) => node.server.accept(socket));
    await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
    closers.push(() => void listener.close());
    await expect
      .poll(async () => {
        await list();
        return node.groups.at(-1);
      })
      .toBeUndefined();
  });

  it('tells every reason where no way leads there', async () => {
    const relay = await openRelay();
    const client = await callThrough(`127.0.0.1:1,relay/${formatHostPort(relay.address())}`);
    const error = await failure(client.service(RouterService).listModels({}));
    expect(error.message).toMatch(/127\.0\.0\.1:1: .*ECONNREFUSED.*; cannot reach .*\(relay\).*nobody is registered/);
  });
});
