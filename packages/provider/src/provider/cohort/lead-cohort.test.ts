import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeEd25519Signer } from '@ogong/host/crypto/signers';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { RouterService, ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { startLoopbackServer } from '@ogong/testing/network/loopback-server';
import { signTestAnnouncement } from '@ogong/testing/network/test-announcement';
import { ledger, payee, providerSigner } from '@ogong/testing/provider/provider-fixture';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { afterEach, describe, expect, it } from 'vitest';
import { createCohortSeat } from '../../cohort/cohort-seat.ts';
import { createCohortLead } from './lead-cohort.ts';
import type { OpenedLead } from './open-segments.ts';

const MODEL_ID = 'ogong/verified/test/stories';
const MANIFEST_HASH = new Uint8Array(32).fill(0x3a);
const WIDTH = 8;
const PASS_ROWS = 32;
const LEADER_PRICE = 5n;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Change {
  readonly price?: bigint;
  readonly embeddingSize?: number;
  readonly passRows?: number;
  /** Signs the announcement in the provider's place. */
  readonly forger?: string;
}

/** A leader with the layers 2 and 3, and a router that hands on what `handed` holds. */
async function start() {
  const engine = createFakeEngine({ contextSize: 512 });
  const { modelRoot, numericClass } = engine.info();
  const handed: SignedAnnouncement[] = [];
  const clock = { nowMs: Date.now() };
  const router = await startLoopbackServer((routes) =>
    routes.service(RouterService, { handSupply: () => ({ announcements: handed as never[] }) }),
  );
  const identity = await makeIdentity(81);
  const links = createLinkPool({ identity, dialPolicy: 'any' });
  closing.push(
    () => router.stop(),
    () => links.close(),
    () => engine.close(),
  );
  const seat = createCohortSeat();
  const slab: OpenedLead['slab'] = {
    ...{ path: 'slab-2-4.gguf', modelRoot, manifestHash: MANIFEST_HASH, firstLayer: 2, layers: 2, totalLayers: 4 },
    manifest: { modelRoot, cutter: 1, layers: 4, slabs: [] },
    expected: { to: 4, sizeBytes: 1, sha256: new Uint8Array(32) },
    ...{ embeddingSize: WIDTH, vocabularySize: 64, weightBytes: 1, trainContext: 512 },
  };
  const session = createNodeEd25519Signer(new Uint8Array(32).fill(7));
  const terms = { modelId: MODEL_ID, pricePer1kAtomic: LEADER_PRICE, slab, uplinkMbit: 100, session };
  const offer = { active: 0 };
  let changes = 0;
  const lead = createCohortLead(
    {
      lead: { ...terms, engine: { ...engine, pid: () => undefined }, seat, passRows: PASS_ROWS },
      segment: {
        terms,
        isLed: true,
        info: () => ({ numericClass, contextSize: 512, capacity: 2 }),
        free: () => 2 - offer.active,
      },
      offer,
      routers: [{ endpoint: router.endpoint, certHash: router.identity.id }],
      intervalMs: 60_000,
      onChange: () => changes++,
    },
    {
      ...{
        crypto,
        signer: providerSigner,
        id: hashHybridKey(crypto, providerSigner.publicKey),
        payee,
        links,
        identity,
      },
      ...{ clock: { ...clock, nowMs: () => clock.nowMs }, chain: { ledger } },
      log: { info() {}, warn() {}, error() {} },
    },
  );
  closing.push(() => lead.stop());

  /** A provider of the layers 0 and 1. Its announcement lives for a minute. */
  async function addMember(name: string, change: Change = {}) {
    const { price = 7n, embeddingSize = WIDTH, passRows = PASS_ROWS, forger = name } = change;
    let starts = 1;
    const server = await startLoopbackServer((routes) =>
      routes.service(ShardService, {
        describe: () => ({ sessionKey: new Uint8Array(32).fill(starts), embeddingSize, passRows }),
      }),
    );
    closing.push(() => server.stop());
    const segment: OfferedSegment = {
      ...{ modelId: MODEL_ID, modelRoot, manifestHash: MANIFEST_HASH, firstLayer: 0, layers: 2, totalLayers: 4 },
      ...{ pricePer1kAtomic: price, contextSize: 512, numericClass, capacity: 2, freeCapacity: 2, uplinkMbit: 100 },
    };
    const { signed, announcement } = signTestAnnouncement({
      ...{ key: createTestHybrid(forger), ledger, nowMs: clock.nowMs },
      fields: {
        providerId: hashHybridKey(crypto, createTestHybrid(name).publicKey),
        ...{ endpoint: server.endpoint, certHash: server.identity.id, models: [], segments: [segment] },
        ...{ sequence: BigInt(clock.nowMs), expiresAtMs: clock.nowMs + 60_000 },
      },
    });
    handed.push(signed);
    return { id: announcement.providerId, stop: () => server.stop(), restart: () => starts++ };
  }

  /** The ids of the cohort's members and its price, or the reason that there is none. */
  async function look() {
    await lead.trigger();
    const standing = seat.standing();
    if ('problem' in standing) return standing.problem;
    return standing.model.cohort.members.map(({ providerId }) => providerId);
  }
  return { addMember, look, seat, offer, clock, handed, countChanges: () => changes };
}

describe('a leader', () => {
  it('forms a cohort of announced segments, and refuses orders once a member is announced no more', async () => {
    const { addMember, look, seat, clock, countChanges } = await start();
    expect(await look()).toBe('layers 0 to 1 have no provider with room');
    await expect(seat.open({} as never)).rejects.toThrow('layers 0 to 1 have no provider with room');
    const member = await addMember('one');
    expect(await look()).toEqual([member.id, hashHybridKey(crypto, providerSigner.publicKey)]);
    expect(seat.standing()).toMatchObject({ model: { pricePer1kAtomic: 7n + LEADER_PRICE, freeCapacity: 2 } });
    await look();
    expect(countChanges()).toBe(2);
    clock.nowMs += 60_001;
    expect(await look()).toBe('layers 0 to 1 have no provider with room');
    expect(countChanges()).toBe(3);
  });

  it('leaves out a member that does not answer, and takes the next one', async () => {
    const { addMember, look } = await start();
    const cheap = await addMember('cheap', { price: 1n });
    const other = await addMember('other');
    expect((await look())[0]).toEqual(cheap.id);
    await cheap.stop();
    expect((await look())[0]).toEqual(other.id);
  });

  it('changes members while no order runs, and takes no order before', async () => {
    const { addMember, look, offer, seat } = await start();
    const member = await addMember('one');
    await look();
    const before = seat.standing();
    offer.active = 1;
    member.restart();
    expect(await look()).toMatch(/change once its orders have ended/);
    offer.active = 0;
    expect((await look())[0]).toEqual(member.id);
    expect(seat.standing()).toEqual(before);
  });

  it.each<[string, Change, RegExp]>([
    ['has rows of another size', { embeddingSize: WIDTH + 1 }, /no provider with room/],
    ['runs smaller passes', { passRows: PASS_ROWS - 1 }, /no provider with room/],
    ['has not signed its announcement', { forger: 'forger' }, /no provider with room/],
  ])('takes no member that %s', async (_what, change, expected) => {
    const { addMember, look } = await start();
    await addMember('one', change);
    expect(await look()).toMatch(expected);
  });

  it('keeps the newest announcement of a member that a router hands on', async () => {
    const { addMember, look, clock, handed, seat } = await start();
    await addMember('one', { price: 9n });
    clock.nowMs += 1_000;
    await addMember('one', { price: 3n });
    handed.reverse();
    await look();
    expect(seat.standing()).toMatchObject({ model: { pricePer1kAtomic: 3n + LEADER_PRICE } });
  });
});
