import { openStore } from '@ogong/host/store/store';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../schema.ts';
import { findBatchAt, readPlace } from './reply-batch.ts';

describe('the batch of a reply', () => {
  it('follows from the place of its log entry', () => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    const put = store.prepare(
      "INSERT INTO batches (sequence, batch, from_position, to_position, state) VALUES (?, x'00', ?, ?, ?)",
    );
    expect(findBatchAt(store, 0n)).toBeUndefined();
    put.run(7, 0, 2, 'settled');
    put.run(8, 2, 5, 'proposed');
    const place = (position: bigint) => readPlace(store, { state: 'decided', entryIndex: position });
    expect(place(0n)).toEqual({ state: 'settled', sequence: 7n });
    expect(place(1n)).toEqual({ state: 'settled', sequence: 7n });
    expect(place(2n)).toEqual({ state: 'batched', sequence: 8n });
    expect(place(4n)).toEqual({ state: 'batched', sequence: 8n });
    expect(place(5n)).toEqual({ state: 'decided', sequence: undefined });
    const refused = { state: 'refused', entryIndex: undefined } as const;
    expect(readPlace(store, refused)).toEqual({ state: 'refused', sequence: undefined });
    store.close();
  });

  it('changes no row of the reply', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const { replyId } = (await validator.deliver(0)).reply.record;
    await validator.certify();
    await validator.runAudits();
    const readRow = () => validator.store.prepare('SELECT * FROM replies WHERE reply_id = ?').get(replyId);
    const decided = readRow();
    expect(validator.find(replyId).state).toBe('decided');
    expect(await validator.settlement.step()).toBe(true);
    expect(validator.find(replyId)).toMatchObject({ state: 'settled', sequence: 1n });
    expect(readRow()).toEqual(decided);
  });
});
