import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createLadder } from '@ogong/host/link/reach/ladder';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { afterEach, expect, it } from 'vitest';
import { makeIdentity } from '../link/link-fixture.ts';
import { createNetwork, type Network, type NetworkOptions, receive, until } from '../provider/provider-fixture.ts';
import { startTestRelay } from './test-relay.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A provider that is reached through a relay alone, and a client that reaches it there. */
async function start(engine: { readonly stepMs?: number } = {}, peg?: NetworkOptions['peg']) {
  const relay = await startTestRelay();
  closers.push(() => relay.stop());
  const network = await createNetwork({
    engine,
    ...(peg && { peg }),
    provider: { relays: [{ ...relay.peer, dialPolicy: 'any' }], announceIntervalMs: 20 },
  });
  closers.push(() => network.close());
  await until(() => network.provider.relays().every(({ isRegistered }) => isRegistered));
  const certHash = (await makeIdentity(1)).id;
  const ladder = createLadder(network.provider.endpoint(), certHash, { dialPolicy: 'any' });
  const client = createLinkClient({ endpoint: relay.address(), ladder, certHash, identity: await makeIdentity(2) });
  closers.push(() => client.close());
  return { relay, network, client };
}

const readAnnounced = ({ validator }: Network) =>
  validator.announced.map(({ announcement }) => parseAnnouncement(announcement));

it('a provider behind a relay announces the relay, and serves and is paid like any other', async () => {
  const { relay, network, client } = await start();
  const endpoint = `relay/${formatHostPort(relay.address())}`;
  await until(() => readAnnounced(network).some(({ models }) => models[0]?.freeCapacity === 8));
  expect(readAnnounced(network).at(-1)?.endpoint).toBe(endpoint);
  const { finished } = await receive(client, network.order());
  expect(finished.stopReason).toBe('length');
  await until(() => network.validator.pushed.length === 1);
  expect(network.provider.relays()[0]?.counted.fromNode).toBeGreaterThan(2_000n);
});

it("leads from a reply to its relay's record of the link, which knows no reply", async () => {
  const { relay, network, client } = await start();
  await until(() => readAnnounced(network).some(({ models }) => models[0]?.freeCapacity === 8));
  const namesOf = (id: string) => network.steps.find(id).map(({ name }) => name);
  await receive(client, network.order());
  const at = formatHostPort(relay.address());
  await until(() => network.steps.newest().length === 1);
  const replyId = network.steps.newest()[0] as string;
  await until(() => namesOf(replyId).includes('relay'));
  const noted = network.steps.find(replyId).find(({ name }) => name === 'relay');
  expect(noted).toMatchObject({ attributes: { 'ogong.relay': at } });
  const circuit = noted?.linked as string;
  expect(relay.steps.find(circuit).map(({ name }) => name)).toEqual(['join']);
  client.close();
  await until(() => relay.steps.find(circuit).length === 2);
  const [, carried] = relay.steps.find(circuit);
  expect(carried).toMatchObject({ name: 'carry' });
  expect(carried?.attributes['ogong.relay.bytes_from_node']).toBeGreaterThan(2_000);
  expect(relay.steps.newest()).toEqual([circuit]);
  // A direct link passes no relay.
  await receive(network.client, network.order({ nonce: 2 }));
  await until(() => network.steps.newest()[0] !== replyId);
  const direct = network.steps.newest()[0] as string;
  await until(() => namesOf(direct).includes('serve'));
  expect(namesOf(direct)).not.toContain('relay');
});

it('offers nothing while no relay accepts it', async () => {
  const { relay, network } = await start();
  await until(() => readAnnounced(network).some(({ models }) => models[0]?.freeCapacity === 8));
  await relay.stop();
  await until(() => readAnnounced(network).at(-1)?.models[0]?.freeCapacity === 0);
});

it('ends a relayed reply when it stops, and delivers the record before it leaves', async () => {
  const { network, client } = await start({ stepMs: 5 });
  let isDown = true;
  network.validator.onPush = () => {
    if (isDown) throw new Error('down');
  };
  const running = receive(client, network.order());
  await until(() => network.validator.admitted.length === 1);
  const stopped = network.provider.stop(20_000);
  const { finished } = await running;
  expect(finished.stopReason).toBe('length');
  expect(network.validator.pushed).toHaveLength(0);
  isDown = false;
  await stopped;
  expect(network.validator.pushed).toHaveLength(1);
  expect(readAnnounced(network).at(-1)?.models[0]?.freeCapacity).toBe(0);
});

it('announces its departure once, and nothing when its relays end', async () => {
  let announced = 0;
  const { network } = await start(
    {},
    {
      announced(price) {
        announced++;
        return price;
      },
      least: (price) => price,
    },
  );
  await until(() => readAnnounced(network).some(({ models }) => models[0]?.freeCapacity === 8));
  const stopped = network.provider.stop();
  announced = 0;
  await stopped;
  expect(network.provider.relays().map(({ isRegistered }) => isRegistered)).toEqual([false]);
  expect(announced).toBe(1);
});
