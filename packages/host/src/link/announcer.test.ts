import type { OfferedModel } from '@ogong/protocol/exchange/announcement';
import { type Announcement, parseAnnouncement, type SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { createAnnouncer } from './announcer.ts';
import type { LinkPool, Peer } from './link-pool.ts';

const INTERVAL_MS = 10_000;
const peerOf = (endpoint: string, fill: number): Peer => ({ endpoint, certHash: new Uint8Array(32).fill(fill) });
const router = peerOf('router:1', 1);
const validators = [peerOf('validator:1', 2), peerOf('validator:2', 3)];

const model: OfferedModel = {
  ...{
    modelId: 'ogong/verified/org/tiny',
    modelRoot: new Uint8Array(32).fill(4),
    pricePer1kAtomic: 5n,
    contextSize: 64,
  },
  ...{ modality: 'text', numericClass: '', capacity: 2, freeCapacity: 2 },
};

function createRun() {
  const said: { readonly to: string; readonly announcement: Announcement }[] = [];
  const world = {
    nowMs: 1_000_000,
    isLeaving: false,
    models: [model],
    refuses: new Set<string>(),
    validators: [...validators],
  };
  const links = {
    to: (service: unknown, peer: Peer) => ({
      async announce({ announcement }: SignedAnnouncement) {
        if (world.refuses.has(`${peer.endpoint}`)) throw new Error('refused');
        const to = service === RouterService ? 'router' : `${peer.endpoint}`;
        said.push({ to, announcement: parseAnnouncement(announcement) });
      },
    }),
  } as unknown as LinkPool;
  const announcer = createAnnouncer(
    { intervalMs: INTERVAL_MS },
    {
      clock: { nowMs: () => world.nowMs },
      signer: { publicKey: new Uint8Array(1344), sign: () => new Uint8Array(1) },
      getPayeeWord: () => new Uint8Array(1),
      getEndorsement: () => undefined,
      getWork: () => undefined,
      ...{ links, routers: () => [router], validators: () => world.validators },
      isLeaving: () => world.isLeaving,
      describe: () => ({
        ...{ providerId: new Uint8Array(32), payee: new Uint8Array(20), endpoint: 'provider:1' },
        verifier: undefined,
        ...{ certHash: new Uint8Array(32), models: world.models, segments: [] },
      }),
    },
  );
  return {
    world,
    /** @returns the peers that received an announcement in the next interval. */
    async next() {
      said.length = 0;
      world.nowMs += INTERVAL_MS;
      await announcer.trigger();
      return said.map(({ to }) => to).sort();
    },
    said,
  };
}

const ALL = ['router', 'validator:1', 'validator:2'];

describe('announcements', () => {
  it('go to routers in each interval, to validators in each third, and hold for three of theirs', async () => {
    const { next, said } = createRun();
    expect(await next()).toEqual(ALL);
    for (const { to, announcement } of said) {
      const intervals = to === 'router' ? 3 : 9;
      expect(announcement.expiresAtMs - announcement.issuedAtMs, to).toBe(intervals * INTERVAL_MS);
    }
    expect(await next()).toEqual(['router']);
    expect(await next()).toEqual(['router']);
    expect(await next()).toEqual(ALL);
  });

  it('go to nobody while there is nothing to offer', async () => {
    const { world, next } = createRun();
    world.models = [];
    expect(await next()).toEqual([]);
    world.models = [model];
    expect(await next()).toEqual(ALL);
  });

  it('have a sequence that grows at each peer, also while the clock stands still', async () => {
    const { world, next, said } = createRun();
    const last = new Map<string, bigint>();
    for (let i = 0; i < 5; i++) {
      await next();
      world.nowMs -= INTERVAL_MS;
      for (const { to, announcement } of said) {
        expect(announcement.sequence > (last.get(to) ?? 0n), to).toBe(true);
        last.set(to, announcement.sequence);
      }
    }
  });

  it('go to a validator at once that is new, or did not take the last one', async () => {
    const { world, next } = createRun();
    world.refuses.add('validator:2');
    world.validators = [validators[1] as Peer];
    expect(await next()).toEqual(['router']);
    world.refuses.clear();
    world.validators = [...validators];
    expect(await next()).toEqual(ALL);
    expect(await next()).toEqual(['router']);
  });

  it('go to validators at once when an offer changes, and not when its slots or price do', async () => {
    const { world, next } = createRun();
    await next();
    world.models = [{ ...model, freeCapacity: 0, pricePer1kAtomic: 7n, standbyPer1kAtomic: 6n }];
    expect(await next()).toEqual(['router']);
    world.models = [{ ...model, contextSize: 128 }];
    expect(await next()).toEqual(ALL);
  });

  it('announce to all that a provider leaves, and end as soon as those of routers', async () => {
    const { world, next, said } = createRun();
    await next();
    world.isLeaving = true;
    expect(await next()).toEqual(ALL);
    for (const { announcement } of said) {
      expect(announcement.expiresAtMs - announcement.issuedAtMs).toBe(3 * INTERVAL_MS);
    }
  });
});
