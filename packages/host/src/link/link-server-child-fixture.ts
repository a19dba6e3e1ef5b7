// A server for the tests to kill: streams for ever, and prints its port once it serves.
import { setTimeout as sleep } from 'node:timers/promises';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createLinkServer } from './link-server.ts';

const server = createLinkServer({
  identity: await makeIdentity(1),
  bind: { host: '127.0.0.1', port: Number(process.argv[2]) },
  authorize: () => true,
  routes: (router) =>
    router.service(ProviderService, {
      async *generate() {
        for (;;) {
          yield {};
          await sleep(1);
        }
      },
    }),
});
await server.start();
process.stdout.write(`${server.address().port}\n`);
