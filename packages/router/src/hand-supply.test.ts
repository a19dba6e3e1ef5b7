import type { MessageInitShape } from '@bufbuild/protobuf';
import { createLinkServer } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseCandidates } from '@ogong/protocol/exchange/match';
import {
  type HandSupplyResponseSchema,
  RouterService,
  type SignedAnnouncement,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { expect, it, onTestFinished } from 'vitest';
import { announce, GATEWAY, idOf, makeWork, refusalOf, route, start, type TestRouter } from './router-fixture.ts';

const STRANGER = 60;
/** The certificate of every router of the tests. */
const PEER = 40;

/** A router that asks these others, whenever the test says so. */
async function startBeside(
  others: readonly TestRouter[],
  options: Parameters<typeof start>[0] = {},
): Promise<TestRouter> {
  const { id: certHash } = await makeIdentity(PEER);
  const peers = others.map((one) => ({ endpoint: one.router().address(), certHash }));
  return start({ peers, handMs: 3_600_000, ...options });
}

async function listOf(opened: TestRouter): Promise<string[]> {
  const { candidates } = await route(await opened.connect(GATEWAY));
  return parseCandidates(candidates).candidates.map(({ providerId }) => toHex(providerId));
}

const namesOf = (...numbers: number[]): string[] => numbers.map((n) => toHex(idOf(n))).sort();

it('a provider that knows one router is matched by the other, and that one alone may live on', async () => {
  const first = await start();
  const second = await startBeside([first]);
  await announce(first, 1);
  await announce(second, 2);
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(1, 2));
  // The first one was told of no other router.
  expect(await listOf(first)).toEqual(namesOf(1));
  await first.router().stop(0);
  const { ticket } = await route(await second.connect(GATEWAY), { exclude: [idOf(2)] });
  expect(ticket.providerId).toEqual(idOf(1));
  expect(ticket.providerCertHash).toEqual((await makeIdentity(1)).id);
});

it('follows what a provider announces next', async () => {
  const first = await start();
  const second = await startBeside([first]);
  await announce(first, 1, { price: 1_000n });
  await second.router().exchange();
  await announce(first, 1, { sequence: 2n, price: 2_000n });
  await second.router().exchange();
  expect((await route(await second.connect(GATEWAY))).ticket.pricePer1kAtomic).toBe(2_000n);
});

it('loses a provider within one exchange after its link to the other router has ended', async () => {
  const first = await start();
  const second = await startBeside([first]);
  const link = await announce(first, 1);
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(1));
  link.close();
  const isGone = async () => (await refusalOf(route(await first.connect(GATEWAY)))).message;
  await expect.poll(isGone).toMatch(/busy/);
  await second.router().exchange();
  expect((await refusalOf(route(await second.connect(GATEWAY)))).message).toMatch(/busy/);
  await announce(first, 1, { sequence: 2n });
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(1));
});

it('believes a provider that it hears itself, and nobody else about it', async () => {
  const first = await start();
  const second = await startBeside([first]);
  await announce(second, 1, { price: 1_000n });
  const elsewhere = await announce(first, 1, { sequence: 5n, price: 9_000n });
  await second.router().exchange();
  const gateway = await second.connect(GATEWAY);
  expect((await route(gateway)).ticket.pricePer1kAtomic).toBe(1_000n);
  elsewhere.close();
  await expect.poll(async () => (await refusalOf(route(await first.connect(GATEWAY)))).message).toMatch(/busy/);
  await second.router().exchange();
  expect((await route(gateway)).ticket.providerId).toEqual(idOf(1));
});

it('gives way to a provider that comes itself: with the same word, under its certificate, and where the list is full', async () => {
  const first = await start();
  const second = await startBeside([first], { maxProviders: 1 });
  await announce(first, 1);
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(1));
  await announce(second, 1);
  expect(await listOf(second)).toEqual(namesOf(1));
  const third = await startBeside([first], { maxProviders: 1 });
  await third.router().exchange();
  await announce(third, 2);
  expect(await listOf(third)).toEqual(namesOf(2));
  const fourth = await startBeside([first]);
  await fourth.router().exchange();
  await announce(fourth, 3, { certHash: (await makeIdentity(1)).id }, { peer: 1 });
  expect(await listOf(fourth)).toEqual(namesOf(3));
});

it('lists a provider although a router hands on a stranger that names its certificate', async () => {
  const [honest, careless] = [await start(), await start()];
  const holder = await makeIdentity(1);
  await announce(honest, 1);
  await announce(careless, 2, { certHash: holder.id }, { peer: 1 });
  const liar = await serveAnswer({ announcements: [...(await copySupply(careless))] });
  const { id: certHash } = await makeIdentity(PEER);
  const peers = [liar, { endpoint: honest.router().address(), certHash }];
  const victim = await start({ peers, handMs: 3_600_000 });
  await victim.router().exchange();
  expect(await listOf(victim)).toEqual(namesOf(1, 2));
  await announce(victim, 1);
  await victim.router().exchange();
  expect(await listOf(victim)).toEqual(namesOf(1));
});

it('hands on what providers told it, not what it was handed, and asks for what it lacks alone', async () => {
  const first = await start();
  const second = await startBeside([first]);
  await announce(first, 1);
  await second.router().exchange();
  const ask = async (opened: TestRouter, held = new Uint8Array(0)) =>
    (await opened.connect(STRANGER)).service(RouterService).handSupply({ held });
  expect((await ask(second)).announcements).toEqual([]);
  const { announcements } = await ask(first);
  expect(announcements).toHaveLength(1);
  const held = new Uint8Array(16);
  held.set(idOf(1).subarray(0, 8));
  held[15] = 1;
  expect((await ask(first, held)).announcements).toEqual([]);
  held[15] = 0;
  expect((await ask(first, held)).announcements).toHaveLength(1);
  expect((await refusalOf(ask(first, held.subarray(1)))).refusal).toBe('invalid');
});

type SupplyAnswer = MessageInitShape<typeof HandSupplyResponseSchema>;

/** A router that hands on what it likes. */
async function serveAnswer(answer: SupplyAnswer | (() => SupplyAnswer)) {
  const identity = await makeIdentity(STRANGER);
  const server = createLinkServer({
    ...{ bind: { host: '127.0.0.1', port: 0 }, identity, authorize: () => true },
    routes: (router) =>
      router.service(RouterService, { handSupply: () => (typeof answer === 'function' ? answer() : answer) }),
  });
  await server.start();
  onTestFinished(() => server.stop(0));
  return { endpoint: server.address(), certHash: identity.id };
}

it.each([
  ['another address', '127.0.0.1:9001', '127.0.0.1:9999'],
  ['another model', 'ogong/verified/test/fake', 'ogong/verified/test/mine'],
])('takes no announcement in which a router has written %s', async (_name, written, other) => {
  const honest = await start();
  await announce(honest, 1);
  const { announcements } = await (await honest.connect(STRANGER)).service(RouterService).handSupply({});
  const [real] = announcements as [SignedAnnouncement];
  const bent = Buffer.from(real.announcement);
  bent.write(other, bent.indexOf(written));
  const victim = await start({
    peers: [await serveAnswer({ announcements: [{ ...real, announcement: bent }] })],
    handMs: 3_600_000,
  });
  await victim.router().exchange();
  expect((await refusalOf(route(await victim.connect(GATEWAY)))).message).toMatch(/no provider serves/);
});

it('keeps what one router handed on where another one says that it is gone', async () => {
  const honest = await start();
  await announce(honest, 1);
  const { id: certHash } = await makeIdentity(PEER);
  const liar = await serveAnswer({ gone: idOf(1).subarray(0, 8) });
  const peers = [{ endpoint: honest.router().address(), certHash }, liar];
  const victim = await start({ peers, handMs: 3_600_000 });
  await victim.router().exchange();
  await victim.router().exchange();
  expect(await listOf(victim)).toEqual(namesOf(1));
});

/** Copies all that a router hands to any caller. */
async function copySupply(of: TestRouter): Promise<readonly SignedAnnouncement[]> {
  return (await (await of.connect(STRANGER)).service(RouterService).handSupply({})).announcements;
}

it('passes over an announcement that it cannot read, and takes the next one', async () => {
  const honest = await start();
  await announce(honest, 1);
  const [real] = await copySupply(honest);
  if (real === undefined) throw new Error('one was announced');
  const later = { ...real, announcement: Buffer.from('ogong-announcement-v9\n') };
  const peers = [await serveAnswer({ announcements: [later, real] })];
  const asking = await start({ peers, handMs: 3_600_000 });
  await asking.router().exchange();
  expect(await listOf(asking)).toEqual(namesOf(1));
});

it('gets a provider back that a router handed on first and then called gone, and does not believe it again', async () => {
  const [elsewhere, honest] = [await start(), await start()];
  let lie: SupplyAnswer = {};
  const liar = await serveAnswer(() => lie);
  const { id: certHash } = await makeIdentity(PEER);
  const peers = [liar, { endpoint: honest.router().address(), certHash }];
  const victim = await start({ peers, handMs: 3_600_000 });
  const gateway = await victim.connect(GATEWAY);
  const free = async () => (await gateway.service(RouterService).listModels({})).models[0]?.freeCapacity;
  /**
   * The liar hands on the provider's next announcement before the honest router has it, and then reports the provider as gone.
   */
  async function lieAbout(sequence: bigint) {
    await announce(elsewhere, 1, { sequence });
    lie = { announcements: [...(await copySupply(elsewhere))] };
    await victim.router().exchange();
    expect(await free()).toBe(2);
    await announce(honest, 1, { sequence });
    lie = { gone: idOf(1).subarray(0, 8) };
    await victim.router().exchange();
  }
  await lieAbout(1n);
  expect(await free()).toBe(0);
  await victim.router().exchange();
  expect(await free()).toBe(2);
  await lieAbout(2n);
  expect(await free()).toBe(2);
});

it.each(['before', 'after'])(
  'has room for what an honest router hands on %s another one that fills the list',
  async (when) => {
    const [honest, crowd] = [await start(), await start()];
    for (let n = 11; n < 19; n++) await announce(crowd, n);
    let invented: readonly SignedAnnouncement[] = [];
    const liar = await serveAnswer(() => ({ announcements: [...invented] }));
    const { id: certHash } = await makeIdentity(PEER);
    const own = { endpoint: honest.router().address(), certHash };
    const victim = await start({ peers: [liar, own], handMs: 3_600_000, maxProviders: 4 });
    const tell = {
      honest: async () => void (await Promise.all([1, 2].map((n) => announce(honest, n)))),
      async liar() {
        invented = await copySupply(crowd);
      },
    };
    for (const one of when === 'before' ? (['honest', 'liar'] as const) : (['liar', 'honest'] as const)) {
      await tell[one]();
      await victim.router().exchange();
    }
    const listed = await listOf(victim);
    expect(listed).toEqual(expect.arrayContaining(namesOf(1, 2)));
    expect(listed).toHaveLength(4);
  },
);

it('hands on the work of keys without stake, and takes nobody in who shows too little', async () => {
  const first = await start();
  const second = await startBeside([first]);
  first.asked.work = { bits: 8, epochs: 100 };
  second.asked.work = { bits: 16, epochs: 100 };
  await announce(first, 1, {}, { work: makeWork(1, 8) });
  await announce(first, 2, {}, { work: makeWork(2, 16) });
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(2));
  second.asked.work = { bits: 8, epochs: 100 };
  await second.router().exchange();
  expect(await listOf(second)).toEqual(namesOf(1, 2));
});
