import { createServer } from 'node:net';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it } from 'vitest';
import { formatHostPort, type HostPort } from './host-port.ts';
import { createLinkPool } from './link-pool.ts';
import { createLinkServer } from './link-server.ts';
import { addressOf, listen } from './listen.ts';

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

it('dials no loopback address off local chains, unless the operator named it', async () => {
  const identity = await makeIdentity(1);
  let connections = 0;
  const service = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await listen(service, { host: '127.0.0.1', port: 0 });
  const at = addressOf(service);
  const call = async (endpoint: string, options: { chainId: bigint; own?: readonly HostPort[] }) => {
    const links = createLinkPool({ identity: await makeIdentity(2), ...options });
    const error = await links
      .to(ValidatorService, { endpoint, certHash: identity.id })
      .getHead({ sequence: 1n })
      .then(
        () => undefined,
        (failure: Error) => failure.message,
      );
    links.close();
    return error;
  };
  try {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]']) {
      for (const kind of ['', 'relay/']) {
        const refused = await call(`${kind}${host}:${at.port}`, { chainId: 8_453n });
        expect(refused).toContain('is not an address of the public internet');
      }
    }
    expect(connections).toBe(0);
    expect(await call(formatHostPort(at), { chainId: 8_453n, own: [at] })).not.toContain('public internet');
    expect(await call(formatHostPort(at), { chainId: 31_337n })).not.toContain('public internet');
    expect(connections).toBeGreaterThanOrEqual(2);
  } finally {
    service.close();
  }
});
