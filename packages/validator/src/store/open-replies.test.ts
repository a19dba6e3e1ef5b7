import type { Store } from '@ogong/host/store/store';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { countOpenReplies } from './batch-store.ts';
import { listAudits, listExpired, listReplies, listShapes, listUnanswered } from './replies/reply-store.ts';

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
  listReplies(watched, 'recorded', 1);
  listUnanswered(watched);
  listExpired(watched, 0, 1);
  for (const isAgain of [false, true]) listAudits(watched, 0, { isAgain, limit: 1 });
  listShapes(watched);
  countOpenReplies(watched);
  expect(asked).toHaveLength(7);
  for (const sql of asked) {
    const plan = store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan.map(({ detail }) => detail).join()).toMatch(/SEARCH replies USING (COVERING )?INDEX replies_open/);
  }
  await validator.close();
});
