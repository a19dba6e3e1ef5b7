import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { startLineService } from '@ogong/testing/link/line-service';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createStartStatus, type StartStatusDependencies } from './start-status.ts';

const SHOWN = { at: 'relay.example:4545', counted: { toNode: 0n, fromNode: 0n, links: 0n }, account: undefined };
let server: LinkServer;
beforeEach(async () => {
  server = createLinkServer({
    identity: await makeIdentity(5),
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    routes: (router) => router.service(ProviderService, { getSealKey: () => ({}) }),
  });
  await server.start();
});
afterEach(() => server.stop(0));

async function say(
  change: Partial<StartStatusDependencies> & {
    readonly node?: number;
    readonly intervalMs?: number;
    readonly dialPolicy?: DialPolicy;
  } = {},
) {
  const lines: string[] = [];
  const { node = 5, intervalMs = 0, dialPolicy = 'any', ...given } = change;
  const endpoint = formatHostPort(server.address());
  const status = createStartStatus(
    { identity: await makeIdentity(node), dialPolicy, intervalMs, unit: 'OGONG' },
    {
      provider: {
        endpoint: () => endpoint,
        relays: () => [{ ...SHOWN, isRegistered: true, seenAt: '203.0.113.2' }],
      },
      say: (line) => lines.push(line),
      readEarnings: async () => ({ held: 5n * 10n ** 15n, withdrawable: 3n * 10n ** 18n, paid: 2_000n * 10n ** 18n }),
      ...given,
    },
  );
  await status.trigger();
  return { lines, status };
}

it('says address, own test and earnings, and each again only once it has changed', async () => {
  const endpoint = formatHostPort(server.address());
  const { lines, status } = await say();
  expect(lines).toEqual([
    `others reach this provider at ${endpoint}; the relay relay.example:4545 sees it at 203.0.113.2`,
    expect.stringMatching(/^a call to itself that way is answered, after \d+ ms$/),
    'earned: 0.005 OGONG held, 3 to be had, 2,000 paid',
  ]);
  await status.trigger();
  expect(lines).toHaveLength(3);
  await server.stop(0);
  await status.trigger();
  expect(lines[3]).toMatch(/^a call to itself that way fails: cannot reach/);
});

it('says that the test fails where the routes lead to somebody else', async () => {
  const { lines } = await say({ node: 6 });
  expect(lines[1]).toMatch(/fails: .*shows certificate/);
});

it('says that a relay does not have it, and that the chain cannot be read', async () => {
  const { lines } = await say({
    provider: {
      endpoint: () => formatHostPort(server.address()),
      relays: () => [{ ...SHOWN, isRegistered: false, seenAt: undefined }],
    },
    readEarnings: () => Promise.reject(new Error('no chain')),
  });
  expect(lines[0]).toMatch(/does not have it yet/);
  expect(lines[2]).toMatch(/cannot be read/);
});

it('tests itself anew between two intervals once others reach it in another way, and not before', async () => {
  const routes = { ...SHOWN, isRegistered: false, seenAt: undefined as string | undefined };
  const endpoint = formatHostPort(server.address());
  const { lines, status } = await say({
    intervalMs: 3_600_000,
    provider: { endpoint: () => endpoint, relays: () => [routes] },
  });
  await server.stop(0);
  await status.trigger();
  expect(lines).toHaveLength(3);
  Object.assign(routes, { isRegistered: true, seenAt: '203.0.113.2' });
  await status.trigger();
  expect(lines.slice(3)).toEqual([
    expect.stringContaining('sees it at 203.0.113.2'),
    expect.stringMatching(/^a call to itself that way fails/),
  ]);
});

it('fails its own test where others may not dial the route, off local chains', async () => {
  const service = await startLineService();
  const endpoint = `relay/${formatHostPort(service.at)}`;
  const { lines } = await say({ dialPolicy: 'public', provider: { endpoint: () => endpoint, relays: () => [] } });
  expect(lines[1]).toMatch(/fails: .*is not an address of the public internet/);
  expect(service.connections()).toBe(0);
  await service.stop();
});
