import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type LineService, startLineService } from '@ogong/testing/link/line-service';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { formatHostPort } from './host-port.ts';
import { createLinkPool, type LinkPoolOptions } from './link-pool.ts';
import { createLinkServer } from './link-server.ts';
import { toDialPolicy } from './public-address.ts';
import { createRelayRegistration } from './reach/relay-registration.ts';

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
  const links = createLinkPool({ identity: await makeIdentity(2), beforeCall: () => gate.promise, dialPolicy: 'any' });
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

/** A peer id that is a command to the service. */
const SUBJECT = new TextEncoder().encode('\nFLUSHALL\n'.padEnd(32));

describe('off local chains', () => {
  let service: LineService;
  beforeEach(async () => {
    service = await startLineService();
  });
  afterEach(() => service.stop());

  async function call(endpoint: string, options: Pick<LinkPoolOptions, 'dialPolicy' | 'own'>): Promise<string> {
    const links = createLinkPool({ identity: await makeIdentity(2), ...options });
    const error = await links
      .to(ValidatorService, { endpoint, certHash: SUBJECT })
      .getHead({ sequence: 1n })
      .then(
        () => 'answered',
        (failure: Error) => failure.message,
      );
    links.close();
    return error;
  }
  const REFUSED = 'is not an address of the public internet';
  const dialPolicy = toDialPolicy(8_453n);

  it.each(['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '0x7f000001', '2130706433'])(
    'sends nothing to %s, neither as a node nor as a relay',
    async (host) => {
      for (const kind of ['', 'relay/']) {
        expect(await call(`${kind}${host}:${service.at.port}`, { dialPolicy })).toContain(REFUSED);
      }
      expect(service.connections()).toBe(0);
    },
  );

  it('dials a private address if the operator named it with this certificate', async () => {
    const endpoint = formatHostPort(service.at);
    const other = { endpoint, certHash: new Uint8Array(32) };
    expect(await call(endpoint, { dialPolicy, own: [other] })).toContain(REFUSED);
    expect(service.connections()).toBe(0);
    expect(await call(endpoint, { dialPolicy, own: [{ endpoint: service.at, certHash: SUBJECT }] })).not.toContain(
      REFUSED,
    );
    expect(service.connections()).toBeGreaterThan(0);
  });

  it('does not register with a relay that a router names at a private address', async () => {
    const refused = Promise.withResolvers<unknown>();
    const registration = createRelayRegistration(
      { relay: { endpoint: service.at, certHash: SUBJECT, dialPolicy } },
      {
        ...{ crypto: nodeCrypto, identity: await makeIdentity(2), accept: () => {} },
        onError: (error) => refused.resolve(error),
      },
    );
    registration.start();
    expect(await refused.promise).toMatchObject({ message: expect.stringContaining(REFUSED) });
    await registration.stop();
    expect(service.connections()).toBe(0);
  });
});

it('dials loopback on a local chain', async () => {
  const service = await startLineService();
  const links = createLinkPool({ identity: await makeIdentity(2), dialPolicy: toDialPolicy(31_337n) });
  const peer = { endpoint: `relay/${formatHostPort(service.at)}`, certHash: SUBJECT };
  await expect(links.to(ValidatorService, peer).getHead({ sequence: 1n })).rejects.toThrow('this is no relay');
  links.close();
  await expect.poll(() => service.received()).toEqual(Buffer.from('OGR1\x01'));
  await service.stop();
});
