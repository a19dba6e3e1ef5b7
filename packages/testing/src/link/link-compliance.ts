import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectRouter } from '@connectrpc/connect';
import type { LinkClient, LinkClientOptions } from '@ogong/host/link/link-client';
import { LinkError, type LinkErrorCode, RateLimited, Refusal } from '@ogong/host/link/link-error';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { getCaller, type LinkServerDependencies, type LinkServerOptions } from '@ogong/host/link/link-server';
import { StoreError } from '@ogong/host/store/store-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { ProviderService, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { afterEach, describe, expect, it } from 'vitest';
import { makeIdentity } from './link-fixture.ts';

const KIB = 1024;

/** The parts that a kind of link provides to the suite. */
export interface LinkUnderTest {
  serve(options: Omit<LinkServerOptions, 'bind'>, dependencies?: LinkServerDependencies): Promise<void>;
  connect(options: Omit<LinkClientOptions, 'endpoint' | 'createConnection'>): LinkClient;
  /** Breaks every connection, as a power cut would. */
  cut(): void;
  close(): Promise<void>;
}

export async function expectLinkError(call: Promise<unknown>, code: LinkErrorCode): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  expect((error as LinkError).code, String(error)).toBe(code);
  return error as LinkError;
}

async function drain(messages: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of messages) count++;
  return count;
}

/** A handler's side of a stream: the messages that it produced, and whether it noticed the end. */
interface StreamProbe {
  produced: number;
  aborted: boolean;
  /** Whether its finally block ran, so that its resources are free. */
  finished: boolean;
}

const createProbe = (): StreamProbe => ({ produced: 0, aborted: false, finished: false });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

/** The tests run one after another; several links may be described to run beside each other. */
export function describeLink(name: string, createLink: () => LinkUnderTest): void {
  describe(`link over ${name}`, { concurrent: false }, () => {
    let link: LinkUnderTest;
    let clients: LinkClient[] = [];
    const errors: unknown[] = [];

    afterEach(async () => {
      for (const client of clients) client.close();
      clients = [];
      errors.length = 0;
      await link.close();
    });

    async function serve(
      routes: (router: ConnectRouter) => void,
      authorize: LinkServerOptions['authorize'] = () => true,
      limits: LinkServerOptions['limits'] = {},
      isKnown: NonNullable<LinkServerOptions['isKnown']> = () => false,
    ): Promise<LinkIdentity> {
      link = createLink();
      const identity = await makeIdentity(1);
      const options = { identity, routes, authorize, limits, isKnown };
      await link.serve(options, { onError: (error) => errors.push(error) });
      return identity;
    }

    async function connect(certHash: PeerId, seed = 2, limits: LinkClientOptions['limits'] = {}): Promise<LinkClient> {
      const client = link.connect({ certHash, identity: await makeIdentity(seed), limits });
      clients.push(client);
      return client;
    }

    const echo = (router: ConnectRouter) =>
      router.service(RouterService, { route: (request) => ({ candidates: request.replyId }) });

    const stream =
      (probe: StreamProbe, text: string, pauseMs = 0) =>
      (router: ConnectRouter) =>
        router.service(ProviderService, {
          async *generate(_request, context) {
            context.signal.addEventListener('abort', () => {
              probe.aborted = true;
            });
            try {
              while (probe.produced < 100_000) {
                probe.produced++;
                yield { event: { case: 'delta' as const, value: { text } } };
                if (pauseMs > 0) await sleep(pauseMs);
              }
            } finally {
              probe.finished = true;
            }
          },
        });

    it('carries a unary call and identifies the caller', async () => {
      const seen: PeerId[] = [];
      const server = await serve((router) =>
        router.service(RouterService, {
          route(request, context) {
            seen.push(getCaller(context));
            return { candidates: request.replyId };
          },
        }),
      );
      const client = await connect(server.id);
      const seed = new Uint8Array(1000).fill(7);
      expect((await client.service(RouterService).route({ replyId: seed })).candidates).toEqual(seed);
      expect(seen).toEqual([(await makeIdentity(2)).id]);
    });

    it('carries a stream to its end', async () => {
      const server = await serve((router) =>
        router.service(ProviderService, {
          async *generate() {
            for (let i = 0; i < 500; i++) yield { event: { case: 'delta' as const, value: { text: `${i}` } } };
          },
        }),
      );
      const client = await connect(server.id);
      const texts: string[] = [];
      for await (const { event } of client.service(ProviderService).generate({})) {
        if (event.case === 'delta') texts.push(event.value.text);
      }
      expect(texts).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
    });

    it('tells the server when a stream is cancelled', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x', 1));
      const client = await connect(server.id);
      const cancel = new AbortController();
      const call = (async () => {
        for await (const _ of client.service(ProviderService).generate({}, { signal: cancel.signal })) cancel.abort();
      })();
      await expectLinkError(call, 'canceled');
      await until(() => probe.aborted && probe.finished);
      expect(probe.produced).toBeLessThan(100_000);
    });

    it('tells the server when a reader ends a stream early', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x', 1));
      const client = await connect(server.id);
      for await (const _ of client.service(ProviderService).generate({})) break;
      await until(() => probe.aborted && probe.finished);
    });

    it('slows a server down to the speed of its reader', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x'.repeat(64 * KIB)));
      const client = await connect(server.id);
      const messages = client.service(ProviderService).generate({})[Symbol.asyncIterator]();
      await messages.next();
      let before = -1;
      while (probe.produced !== before) {
        before = probe.produced;
        await sleep(100);
      }
      // 64 MiB would be 1,000 messages. Only those that fit into windows and buffers may have been produced.
      expect(probe.produced).toBeLessThan(200);
      for (let i = 0; i < 300; i++) await messages.next();
      expect(probe.produced).toBeGreaterThan(before);
      await messages.return?.();
    });

    it('ends a handler whose reader vanishes under a full window', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x'.repeat(64 * KIB)));
      const client = await connect(server.id);
      const messages = client.service(ProviderService).generate({})[Symbol.asyncIterator]();
      await messages.next();
      await sleep(200);
      link.cut();
      await until(() => probe.aborted && probe.finished);
      const cut = await expectLinkError(drain({ [Symbol.asyncIterator]: () => messages }), 'unreachable');
      expect(cut.isUnsent).toBe(false);
    });

    it('answers 100 calls at once', async () => {
      const server = await serve(echo);
      const router = (await connect(server.id)).service(RouterService);
      const seeds = Array.from({ length: 100 }, (_, i) => new Uint8Array(32).fill(i));
      const answers = await Promise.all(seeds.map((seed) => router.route({ replyId: seed })));
      expect(answers.map((answer) => answer.candidates)).toEqual(seeds);
    });

    it('refuses a message over the limit, on either side', async () => {
      const server = await serve(echo, () => true, { maxMessageBytes: 64 * KIB });
      const client = await connect(server.id);
      await expectLinkError(client.service(RouterService).route({ replyId: new Uint8Array(65 * KIB) }), 'too-large');
      const narrow = await connect(server.id, 3, { maxMessageBytes: 8 * KIB });
      await expectLinkError(narrow.service(RouterService).route({ replyId: new Uint8Array(9 * KIB) }), 'too-large');
      expect((await client.service(RouterService).route({ replyId: new Uint8Array(9) })).candidates.length).toBe(9);
    });

    it('refuses an answer over the limit', async () => {
      const server = await serve((router) =>
        router.service(RouterService, { route: () => ({ candidates: new Uint8Array(65 * KIB) }) }),
      );
      const client = await connect(server.id, 2, { maxMessageBytes: 64 * KIB });
      await expectLinkError(client.service(RouterService).route({}), 'too-large');
    });

    it('sends nothing to a peer with another certificate', async () => {
      const calls: string[] = [];
      await serve(echo, (_peer, method) => calls.push(method) > 0);
      const client = await connect((await makeIdentity(9)).id);
      const error = await expectLinkError(client.service(RouterService).route({}), 'wrong-certificate');
      const streamed = drain(client.service(ProviderService).generate({}));
      expect((await expectLinkError(streamed, 'wrong-certificate')).isUnsent).toBe(true);
      expect(error.retryable).toBe(false);
      expect(calls).toEqual([]);
    });

    it('asks before each call whether it is allowed, and refuses it if not', async () => {
      const friend = await makeIdentity(2);
      let handled = 0;
      const server = await serve(
        (router) => {
          echo(router);
          router.service(ProviderService, {
            async *generate() {
              handled++;
              yield {};
            },
          });
        },
        (peer, method) => Buffer.compare(peer, friend.id) === 0 && method === 'ogong.v1.RouterService/Route',
      );
      const client = await connect(server.id);
      await client.service(RouterService).route({});
      await expectLinkError(client.service(RouterService).listModels({}), 'unauthorized');
      await expectLinkError(drain(client.service(ProviderService).generate({})), 'unauthorized');
      const stranger = await connect(server.id, 4);
      await expectLinkError(stranger.service(RouterService).route({}), 'unauthorized');
      expect(handled).toBe(0);
    });

    it('refuses a call if its authorisation cannot be decided', async () => {
      const server = await serve(echo, () => Promise.reject(new Error('the registry is down')));
      const client = await connect(server.id);
      const failed = await expectLinkError(client.service(RouterService).route({}), 'remote');
      expect(failed.message).toBe('internal error');
      expect(errors.map(String)).toEqual(['Error: the registry is down']);
    });

    it('passes on the reason of a refusal if the decision names one', async () => {
      const server = await serve(echo, () => {
        throw new RateLimited('slow down');
      });
      const client = await connect(server.id);
      const error = await expectLinkError(client.service(RouterService).route({}), 'rate-limited');
      expect(error).toMatchObject({ message: 'slow down', retryable: true });
      expect(errors).toEqual([]);
    });

    it('tells the peer that the disk is full, without paths', async () => {
      const server = await serve((router) =>
        router.service(RouterService, {
          route() {
            throw new StoreError('disk-full', 'the database /var/lib/secret.db cannot grow: the disk is full');
          },
        }),
      );
      const error = await expectLinkError((await connect(server.id)).service(RouterService).route({}), 'remote');
      expect(error).toMatchObject({ refusal: 'unavailable', retryable: true });
      expect(error.message).toMatch(/disk-full/);
      expect(error.message).not.toContain('secret');
      expect(errors).toHaveLength(1);
    });

    it('cuts a stream that nobody reads at its deadline', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x'.repeat(64 * KIB)), () => true, { maxTimeoutMs: 2000 });
      const client = await connect(server.id);
      const messages = client.service(ProviderService).generate({}, { timeoutMs: 2000 })[Symbol.asyncIterator]();
      await messages.next();
      await until(() => probe.aborted && probe.finished);
      await expectLinkError(drain({ [Symbol.asyncIterator]: () => messages }), 'timeout');
    });

    it('passes on a refusal and hides every other error', async () => {
      const server = await serve((router) =>
        router.service(RouterService, {
          route() {
            throw new Refusal('not-found', 'no provider serves this model');
          },
          listModels() {
            throw new Error('password is hunter2');
          },
        }),
      );
      const router = (await connect(server.id)).service(RouterService);
      const refused = await expectLinkError(router.route({}), 'remote');
      expect(refused).toMatchObject({ refusal: 'not-found', message: 'no provider serves this model' });
      const failed = await expectLinkError(router.listModels({}), 'remote');
      expect(failed.message).toBe('internal error');
      expect(JSON.stringify(failed)).not.toContain('hunter2');
      expect(errors.map(String)).toEqual(['Error: password is hunter2']);
    });

    it('ends a call at its deadline', async () => {
      const probe = createProbe();
      const server = await serve((router) => {
        stream(probe, 'x', 5)(router);
        router.service(RouterService, { route: () => new Promise(() => {}) });
      });
      const client = await connect(server.id);
      await expectLinkError(client.service(RouterService).route({}, { timeoutMs: 50 }), 'timeout');
      // Its handler has begun by then, however busy the machine is.
      await expectLinkError(drain(client.service(ProviderService).generate({}, { timeoutMs: 1_000 })), 'timeout');
      await until(() => probe.aborted && probe.finished);
    });

    it('fails open calls when the connection dies, then reconnects', async () => {
      const probe = createProbe();
      const server = await serve((router) => {
        stream(probe, 'x', 1)(router);
        echo(router);
      });
      const client = await connect(server.id);
      const call = (async () => {
        for await (const _ of client.service(ProviderService).generate({})) if (probe.produced > 3) link.cut();
      })();
      expect((await expectLinkError(call, 'unreachable')).retryable).toBe(true);
      await until(() => probe.aborted && probe.finished);
      expect((await client.service(RouterService).route({ replyId: Uint8Array.of(1) })).candidates).toEqual(
        Uint8Array.of(1),
      );
    });

    it('limits the calls of one peer and not those of another', async () => {
      const server = await serve(echo, () => true, { callRate: { perSecond: 0.001, burst: 3 } });
      const greedy = (await connect(server.id, 2)).service(RouterService);
      for (let i = 0; i < 3; i++) await greedy.route({});
      expect((await expectLinkError(greedy.route({}), 'rate-limited')).retryable).toBe(true);
      await (await connect(server.id, 3)).service(RouterService).route({});
    });

    it('limits the calls that one peer has open', async () => {
      const probe = createProbe();
      const server = await serve(stream(probe, 'x', 1), () => true, { maxCallsPerPeer: 1 });
      const provider = (await connect(server.id)).service(ProviderService);
      for await (const _ of provider.generate({})) {
        await expectLinkError(drain(provider.generate({})), 'rate-limited');
        break;
      }
      await until(() => probe.aborted && probe.finished);
      for await (const _ of provider.generate({})) break;
    });

    it('limits connections per peer and in total, and closes idle ones for new peers', async () => {
      const server = await serve(echo, () => true, { maxConnectionsPerPeer: 1, maxConnections: 2 });
      const first = (await connect(server.id, 2)).service(RouterService);
      await first.route({});
      await expectLinkError((await connect(server.id, 2)).service(RouterService).route({}), 'unreachable');
      for (const seed of [3, 4, 5]) await (await connect(server.id, seed)).service(RouterService).route({});
      // It was closed for one of them, and reconnects in the place of another.
      await first.route({});
    });

    it('keeps connections in use open, except for a known party', async () => {
      let release = (): void => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let running = 0;
      const wait = async (): Promise<object> => {
        running++;
        await released;
        return {};
      };
      const known = await makeIdentity(9);
      const routes = (router: ConnectRouter) => router.service(RouterService, { route: wait });
      const isKnown = (peer: PeerId): boolean => equalBytes(peer, known.id);
      const server = await serve(routes, undefined, { maxConnections: 4 }, isKnown);
      const calls: Promise<unknown>[] = [];
      // The fourth place is reserved.
      const call = async (seed: number) => (await connect(server.id, seed)).service(RouterService).route({});
      for (const [i, seed] of [2, 3, 4].entries()) {
        calls.push(call(seed));
        await until(() => running === i + 1);
      }
      await expectLinkError(call(5), 'unreachable');
      calls.push(call(9));
      await until(() => running === 4);
      release();
      expect(await Promise.all(calls)).toHaveLength(4);
    });

    it('closes idle connections, which the client opens again', async () => {
      const server = await serve(echo, () => true, { idleTimeoutMs: 40, maxConnectionsPerPeer: 1 });
      const router = (await connect(server.id)).service(RouterService);
      await router.route({});
      await sleep(150);
      await router.route({});
    });

    it('keeps an idle connection alive with pings', async () => {
      const server = await serve(echo, () => true, { idleTimeoutMs: 1000, maxConnectionsPerPeer: 1 });
      const client = await connect(server.id, 2, { pingIntervalMs: 50 });
      await client.service(RouterService).route({});
      await sleep(1600);
      // The only connection is still open: this peer gets no other one.
      await expectLinkError((await connect(server.id, 2)).service(RouterService).route({}), 'unreachable');
      await client.service(RouterService).route({});
    });

    it("survives if the client's process was stopped while it waited for the answer to a ping", async () => {
      let release = (): void => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const server = await serve((router) => router.service(RouterService, { route: () => released.then(() => ({})) }));
      const client = await connect(server.id, 2, { pingIntervalMs: 20, pingTimeoutMs: 40 });
      const call = client.service(RouterService).route({});
      for (let stop = 0; stop < 5; stop++) {
        // In the turn in which a ping was sent: its answer cannot be read before the timeout.
        await new Promise((resolve) => setTimeout(resolve, 25));
        const untilMs = performance.now() + 100;
        while (performance.now() < untilMs);
      }
      release();
      expect(await call).toBeDefined();
    });

    it('refuses calls on a closed client', async () => {
      const server = await serve(echo);
      const client = await connect(server.id);
      client.close();
      await expectLinkError(client.service(RouterService).route({}), 'canceled');
    });
  });
}
