import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { createHeldLog } from '@ogong/testing/store/test-log';
import { afterEach, describe, expect, it } from 'vitest';
import { beginMemory, createOpenings, createReplyIds, PROVIDER_SCHEMA } from './provider-store.ts';

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const rows = (store: Store): unknown => store.prepare('SELECT count(*) AS n FROM reply').get()?.n;
const rowsOf = (store: Store): unknown => store.prepare('SELECT count(*) AS n FROM opening').get()?.n;
const stores: Store[] = [];

function open() {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  stores.push(store);
  const commits = createGroupCommit(store);
  return { store, commits, replyIds: createReplyIds(store, commits) };
}

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

describe('reply ids', () => {
  it('are taken at once and durable later', async () => {
    const { store, replyIds } = open();
    const claimed = replyIds.claim(id(1), 1_000);
    expect(rows(store)).toBe(0);
    expect(replyIds.claim(id(1), 1_000)).toBe('taken');
    await claimed;
    expect(rows(store)).toBe(1);
    expect(replyIds.claim(id(1), 1_000)).toBe('taken');
    await expect(replyIds.claim(id(2), 1_000)).resolves.toBeUndefined();
  });

  it('are remembered after the store is opened again', async () => {
    const { store, commits, replyIds } = open();
    await replyIds.claim(id(1), 1_000);
    expect(createReplyIds(store, commits).claim(id(1), 1_000)).toBe('taken');
  });

  it('are free again where the claim did not reach the disk', async () => {
    const { commits, replyIds } = open();
    const lost = replyIds.claim(id(1), Number.NaN);
    await expect(lost).rejects.toThrow();
    const claimed = replyIds.claim(id(1), 1_000);
    expect(claimed).toBeDefined();
    await claimed;
    await commits.close();
    await expect(replyIds.claim(id(2), 1_000)).rejects.toThrow(/closed/);
  });

  it('are forgotten long after their order has expired, and no order as old as a forgotten one is taken', async () => {
    const { store, commits, replyIds } = open();
    await Promise.all([replyIds.claim(id(1), 1_000), replyIds.claim(id(2), 3_000)]);
    await replyIds.sweep(602_000);
    expect(rows(store)).toBe(1);
    // The clock does not matter, nor a restart.
    for (const ids of [replyIds, createReplyIds(store, commits)]) {
      expect(ids.claim(id(1), 1_000)).toBe('forgotten');
      expect(ids.claim(id(3), 999)).toBe('forgotten');
      expect(ids.claim(id(2), 3_000)).toBe('taken');
    }
    await expect(replyIds.claim(id(3), 1_001)).resolves.toBeUndefined();
    await replyIds.sweep(601_500);
    await replyIds.sweep(0);
    expect(replyIds.claim(id(1), 1_000)).toBe('forgotten');
    expect(replyIds.claim(id(3), 1_001)).toBe('forgotten');
  });

  it('are taken as long as the opening of their reply is kept', async () => {
    const { commits, replyIds } = open();
    const openings = createOpenings(commits);
    await replyIds.claim(id(1), 1_000);
    await openings.put(id(1), { bytes: id(7), consumer: id(8), expiresAtMs: 90_000_000 });
    await replyIds.sweep(2_000_000);
    expect(replyIds.findUse(id(1), 3_000_000)).toBe('taken');
    expect(replyIds.claim(id(1), 3_000_000)).toBe('taken');
    await openings.sweep(90_000_001);
    await expect(replyIds.claim(id(1), 3_000_000)).resolves.toBeUndefined();
  });

  it('set no limit where a clock jumped ahead and nothing was forgotten', async () => {
    const { replyIds } = open();
    await replyIds.sweep(1e15);
    await expect(replyIds.claim(id(1), 1_000)).resolves.toBeUndefined();
  });

  it('of an empty store are unknown, and so no order is taken that an old key may have answered', async () => {
    const { store, commits, replyIds } = open();
    expect(beginMemory(store, { nowMs: 1_000, isKeyNew: false })).toBe(631_000);
    // Not at the next start, which remembers.
    expect(beginMemory(store, { nowMs: 9_000, isKeyNew: false })).toBeUndefined();
    for (const ids of [replyIds, createReplyIds(store, commits)]) {
      expect(ids.forgottenMs()).toBe(631_000);
      expect(ids.claim(id(1), 631_000)).toBe('forgotten');
    }
    await replyIds.claim(id(1), 631_001);
    expect(replyIds.claim(id(1), 631_001)).toBe('taken');
  });

  it('of a restored copy lack what came after it, and so no order is taken that may have come by then', async () => {
    const { store, commits, replyIds } = open();
    expect(beginMemory(store, { nowMs: 1_000, isKeyNew: true })).toBeUndefined();
    await replyIds.claim(id(1), 5_000);
    expect(beginMemory(store, { nowMs: 99_000, isKeyNew: false, forgottenAtMs: 90_000 })).toBe(720_000);
    // Restored again, from an older copy: the later time counts.
    expect(beginMemory(store, { nowMs: 99_000, isKeyNew: false, forgottenAtMs: 10_000 })).toBe(720_000);
    for (const ids of [replyIds, createReplyIds(store, commits)]) {
      expect(ids.claim(id(1), 5_000)).toBe('taken');
      expect(ids.claim(id(2), 720_000)).toBe('forgotten');
    }
    await expect(replyIds.claim(id(2), 720_001)).resolves.toBeUndefined();
  });

  it('are all known where the key is new', async () => {
    const { store, replyIds } = open();
    expect(beginMemory(store, { nowMs: 1_000, isKeyNew: true })).toBeUndefined();
    expect(replyIds.forgottenMs()).toBe(0);
    await expect(replyIds.claim(id(1), 1_001)).resolves.toBeUndefined();
  });
});

it('shows no opening that is not on the disk', async () => {
  const { store } = open();
  const { log, begun } = createHeldLog();
  const openings = createOpenings(createGroupCommit(store, { log }));
  const opening = { bytes: id(7), consumer: id(8), expiresAtMs: 1_000 };
  const put = openings.put(id(1), opening);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const shown: unknown[] = [];
  const get = openings.get(id(1)).then((found) => shown.push(found));
  await new Promise(setImmediate);
  expect([rowsOf(store), shown]).toEqual([1, []]);
  begun[0]?.end();
  await Promise.all([put, get]);
  expect(shown).toMatchObject([opening]);
});
