import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it } from 'vitest';
import { createLinkPool } from './link-pool.ts';
import { createLinkServer } from './link-server.ts';

it('lets no call leave before its wait ends, and none if the wait fails', async () => {
  const called: bigint[] = [];
  const identity = await makeIdentity(1);
  const server = createLinkServer({
    ...{ bind: { host: '127.0.0.1', port: 0 }, identity, authorize: () => true },
    routes: (router) =>
      router.service(ValidatorService, {
        getHead({ sequence }) {
          called.push(sequence);
          return {};
        },
      }),
  });
  await server.start();
  let gate = Promise.withResolvers<void>();
  const links = createLinkPool({ identity: await makeIdentity(2), beforeCall: () => gate.promise });
  const validator = links.to(ValidatorService, { endpoint: server.address(), certHash: identity.id });
  const first = validator.getHead({ sequence: 1n });
  gate.resolve();
  await first;
  gate = Promise.withResolvers();
  const [second, third] = [validator.getHead({ sequence: 2n }), validator.getHead({ sequence: 3n })];
  const failed = Promise.allSettled([second, third]);
  gate.reject(new Error('EIO'));
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  gate = Promise.withResolvers();
  gate.resolve();
  await validator.getHead({ sequence: 4n });
  expect(called).toEqual([1n, 4n]);
  links.close();
  await server.stop(0);
});
