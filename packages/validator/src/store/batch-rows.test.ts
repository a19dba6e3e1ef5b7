import type { Store } from '@ogong/host/store/store';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { keepHead, pruneBatch, readBatchedLength, readHead, readLastSettledMs, readProposed } from './batch-store.ts';

it('batches are found by their indexes, so that old ones cost nothing', async () => {
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
  readProposed(watched);
  readLastSettledMs(watched);
  readBatchedLength(watched);
  pruneBatch(watched, 0);
  readHead(watched, 0n);
  keepHead(watched, 1n, new Uint8Array(1));
  expect(asked).toHaveLength(7);
  for (const sql of asked) {
    const plan = store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan.map(({ detail }) => detail).join()).toMatch(
      /^(SEARCH|SCAN) batches USING ((COVERING )?INDEX batches_|INTEGER PRIMARY KEY \(rowid=)/,
    );
  }
  await validator.close();
});
