import type { Store } from '@ogong/host/store/store';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { expect, it, vi } from 'vitest';
import { countOpenReplies } from './batch-store.ts';
import { listDueAsks } from './replies/opening-store.ts';
import {
  hasOpenReply,
  listAuditedPayees,
  listAudits,
  listExpired,
  listReplies,
  listShapes,
  listUnanswered,
} from './replies/reply-store.ts';

it('open replies are found by their index, so that settled ones cost nothing', async () => {
  const validator = createTestValidator();
  const { store } = validator;
  const asked: string[] = [];
  const watched: Store = {
    ...store,
    prepare(sql) {
      asked.push(sql);
      return store.prepare(sql);
    },
  };
  hasOpenReply(watched);
  listReplies(watched, 'recorded', 1);
  listUnanswered(watched);
  listExpired(watched, 0, 1);
  listShapes(watched);
  countOpenReplies(watched);
  expect(asked).toHaveLength(6);
  for (const sql of asked) {
    const plan = store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan.map(({ detail }) => detail).join()).toMatch(/SEARCH replies USING (COVERING )?INDEX replies_open/);
  }
  await validator.close();
});

it('audits of a payee are found by their index, so that a backlog of others costs nothing', async () => {
  const validator = createTestValidator();
  const { store } = validator;
  const asked: string[] = [];
  const watched: Store = {
    ...store,
    prepare(sql) {
      asked.push(sql);
      return store.prepare(sql);
    },
  };
  const payee = new Uint8Array(20);
  for (const isAgain of [false, true]) listAudits(watched, 0, { payee, isAgain, limit: 1 });
  listDueAsks(watched, 0, { payee, limit: 1 });
  listAuditedPayees(watched);
  expect(asked).toHaveLength(4);
  for (const sql of asked) {
    const plan = store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan.map(({ detail }) => detail).join()).toMatch(/replies USING (COVERING )?INDEX replies_audited/);
  }
  await validator.close();
});

it('a tick without an open reply looks for one and for honeypots, and for no other work', async () => {
  const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
  await validator.announce(provider);
  const prepare = vi.spyOn(validator.store, 'prepare');
  const countQueries = async () => {
    prepare.mockClear();
    await validator.audit.tick();
    return prepare.mock.calls.length;
  };
  expect(await countQueries()).toBe(2);
  await validator.deliver(0);
  expect(await countQueries()).toBeGreaterThan(2);
  await validator.certify();
  await validator.runAudits();
  expect(validator.decided).toHaveLength(1);
  expect(await countQueries()).toBe(2);
  await validator.close();
});
