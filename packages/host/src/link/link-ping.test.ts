import { once } from 'node:events';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterEach, expect, it } from 'vitest';
import { createLinkClient, type LinkClient } from './link-client.ts';
import { createLinkServer, type LinkServer } from './link-server.ts';

const PING_MS = 50;
const ANSWER_MS = 200;

let client: LinkClient;
let server: LinkServer;
afterEach(async () => {
  client.close();
  await server.stop(0);
});

it('a peer is not given up that answered while this process was held up, however little longer than the answer may take', async () => {
  const released = new AbortController();
  const begun = Promise.withResolvers<void>();
  let calls = 0;
  const identity = await makeIdentity(1);
  server = createLinkServer({
    identity,
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    routes: (router) =>
      router.service(RouterService, {
        async route() {
          calls++;
          begun.resolve();
          await once(released.signal, 'abort');
          return {};
        },
      }),
  });
  await server.start();
  const limits = { pingIntervalMs: PING_MS, pingTimeoutMs: ANSWER_MS };
  const at = { endpoint: server.address(), certHash: identity.id, identity: await makeIdentity(2), limits };
  client = createLinkClient(at);
  const call = client.service(RouterService).route({});
  await begun.promise;
  await new Promise<void>((resolve) => {
    let times = 0;
    // As often as pings are sent, and in the same turns: the time is over before an answer can be read.
    const holding = setInterval(() => {
      const untilMs = performance.now() + ANSWER_MS + 20;
      while (performance.now() < untilMs);
      if (++times < 15) return;
      clearInterval(holding);
      resolve();
    }, PING_MS);
  });
  released.abort();
  expect(await call).toBeDefined();
  expect(calls).toBe(1);
});
