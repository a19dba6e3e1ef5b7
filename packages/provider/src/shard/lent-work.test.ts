import { LinkError } from '@ogong/host/link/link-error';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestChain, LEADER_PEER } from '@ogong/testing/provider/shard-fixture';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { passKeyOf } from './cohort-chain.ts';
import { askForRecords } from './lent-watch.ts';
import { ACCOUNT_MS, createLentWork, LENT_ROWS, LENT_WORK_SCHEMA, RECORDED_ROWS_PER_ROW } from './lent-work.ts';

const directory = createTestDirectory('lent-work');
afterAll(() => directory.remove());

const providerId = new Uint8Array(32).fill(0xaa);
const LEADER = 'leader';
const START_MS = 1_750_000_000_000;
const EXPIRY_MS = START_MS + 60_000;
const orderOf = (number: number) => ({
  ...{ replyId: new Uint8Array(16).fill(number), validator: new Uint8Array(20).fill(1) },
  expiresAtMs: BigInt(EXPIRY_MS),
});

function openLent(path = ':memory:') {
  const clock = { now: START_MS, nowMs: () => clock.now };
  const store = openStore(path, { schema: LENT_WORK_SCHEMA });
  const commits = createGroupCommit(store, { maxDelayMs: 0 });
  const lent = createLentWork({ store, commits, clock });
  const look = (detail: string | LinkError) =>
    askForRecords({
      ...{ lent, clock, providerId },
      ask: async () => (detail instanceof LinkError ? Promise.reject(detail) : { detail }),
    });
  return {
    ...{ clock, lent },
    /** Asks the validator about all orders at a time after the orders' expiry. */
    async lookAt(ms: number, detail: string | LinkError): Promise<number> {
      clock.now = EXPIRY_MS + ms;
      return look(detail);
    },
    async close() {
      await commits.close();
      store.close();
    },
  };
}
const NAMED = JSON.stringify({ shards: ['00', toHex(providerId)] });
const OTHERS = JSON.stringify({ shards: ['00'] });

describe('work for a leader', () => {
  it('ends once so many rows are in no record, and others still get theirs', async () => {
    const { lent } = openLent();
    await lent.add(orderOf(1), { account: LEADER, rows: LENT_ROWS - 1 });
    expect(lent.findProblem(LEADER, 0)).toBeUndefined();
    expect(lent.findProblem(LEADER, 1)).toMatch(/16384 rows for this leader are in no record yet/);
    await lent.add(orderOf(2), { account: LEADER, rows: 1 });
    expect(lent.findProblem(LEADER, 0)).toBeDefined();
    expect(lent.findProblem('another leader', 0)).toBeUndefined();
  });

  it.each<[string, string | LinkError, number]>([
    ['names other shards', OTHERS, 120_001],
    ['never came', '{}', 120_001],
    ['is unknown', new LinkError('remote', 'unknown', { refusal: 'not-found' }), 120_001],
    ['cannot be asked for', new LinkError('unreachable', 'down'), 86_400_001],
  ])('is lost if the record %s', async (_, detail, afterMs) => {
    const { lent, lookAt } = openLent();
    await lent.add(orderOf(1), { account: LEADER, rows: LENT_ROWS });
    expect(await lookAt(0, detail)).toBe(1);
    expect(await lookAt(afterMs, detail)).toBe(1);
    expect(await lookAt(afterMs + 86_400_000, detail)).toBe(0);
    expect(lent.findProblem(LEADER, 0)).toBeDefined();
  });

  it('goes on once a record names this shard, and a leader with records may lose some more', async () => {
    const { lent, lookAt } = openLent();
    await lent.add(orderOf(1), { account: LEADER, rows: 2 * LENT_ROWS });
    expect(lent.findProblem(LEADER, 0)).toBeDefined();
    await lookAt(0, NAMED);
    const more = (2 * LENT_ROWS) / RECORDED_ROWS_PER_ROW;
    expect(lent.findProblem(LEADER, LENT_ROWS + more - 1)).toBeUndefined();
    expect(lent.findProblem(LEADER, LENT_ROWS + more)).toBeDefined();
  });

  it('is counted on the disk, for a week', async () => {
    const path = `${directory.path}/lent.db`;
    const first = openLent(path);
    await first.lent.add(orderOf(1), { account: LEADER, rows: LENT_ROWS });
    await first.close();
    const second = openLent(path);
    expect(second.lent.findProblem(LEADER, 0)).toBeDefined();
    await second.lookAt(120_001, '{}');
    await second.close();
    const third = openLent(path);
    third.clock.now = EXPIRY_MS + ACCOUNT_MS;
    expect(third.lent.findProblem(LEADER, 0)).toBeDefined();
    third.clock.now = EXPIRY_MS + 120_001 + ACCOUNT_MS;
    expect(third.lent.findProblem(LEADER, 0)).toBeUndefined();
    await third.close();
  });

  it.each(['', 'null', '[', '7', '{"shards":7}', '{"shards":[7]}'])(
    'is in no record by the status %s',
    async (detail) => {
      const { lent, lookAt } = openLent();
      await lent.add(orderOf(1), { account: LEADER, rows: LENT_ROWS });
      await lookAt(0, detail);
      expect(lent.findProblem(LEADER, 0)).toBeDefined();
    },
  );
});

describe('a shard', () => {
  it('counts the rows of each order that it served, by the payee of a backed leader', async () => {
    const { lent } = openLent();
    const { members, chain, begin, order } = createTestChain(undefined, { lent });
    const one = order(1);
    await begin(one);
    const group = { sequence: 0, position: 0, rows: 3, passKey: passKeyOf(one.order) };
    await chain.run({ kind: 'prompt', groups: [group], tokens: Uint32Array.of(1, 2, 3) });
    await chain.close(one.order.orderHash, 3);
    const account = toHex(members[2].payee);
    expect(lent.findProblem(account, LENT_ROWS - 4)).toBeUndefined();
    expect(lent.findProblem(account, LENT_ROWS - 3)).toBeDefined();
  });

  it('agrees to no order of a leader whose work is in no record', async () => {
    const { lent } = openLent();
    const { shards, members, order, request } = createTestChain(undefined, { lent });
    await expect(shards[0].agree(LEADER_PEER, request(order(1)))).resolves.toBeDefined();
    await lent.add(orderOf(1), { account: toHex(members[2].payee), rows: LENT_ROWS });
    await expect(shards[0].agree(LEADER_PEER, request(order(2)))).rejects.toThrow('in no record yet');
  });

  it('has one account for all leaders of which the chain knows nothing', async () => {
    const { lent } = openLent();
    const { shards, order, request } = createTestChain(undefined, { lent, chain: { isBacked: async () => false } });
    await lent.add(orderOf(1), { account: 'unbacked', rows: LENT_ROWS });
    await expect(shards[0].agree(LEADER_PEER, request(order(2)))).rejects.toThrow('in no record yet');
  });
});
