import { randomBytes } from 'node:crypto';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { provider, type TestValidator } from '@ogong/testing/validator/test-bench';

/** Entries of a full batch. */
const ENTRIES = 1_000;

/**
 * Settles one full batch at a validator, for methods whose cost grows with a batch. It holds one real reply and copies of its row and entry
 * under other ids.
 * @returns the id of the real reply.
 */
export async function settleFullBatch(validator: TestValidator): Promise<Uint8Array> {
  const { store } = validator;
  await validator.announce(provider);
  await validator.announceVerifier('scoring');
  await validator.deliver(2_000_000);
  await validator.certify();
  await validator.runSittings();
  for (let i = 0; i < 4 && !isSettled(validator); i++) await validator.settlement.step();
  if (!isSettled(validator)) throw new Error('the batch has not settled');
  const [{ replyId }] = validator.decided as [VerdictEntry];
  const names = (store.prepare('PRAGMA table_info(replies)').all() as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => name !== 'reply_id');
  const copyReply = `INSERT INTO replies (reply_id, ${names}) SELECT ?, ${names} FROM replies WHERE reply_id = ?`;
  const copyEntry = 'INSERT INTO log (position, entry, reply_id) SELECT ?, entry, ? FROM log WHERE position = 0';
  await validator.group.write((db) => {
    for (let position = 1; position < ENTRIES; position++) {
      const copy = new Uint8Array(randomBytes(replyId.length));
      db.prepare(copyReply).run(copy, replyId);
      db.prepare(copyEntry).run(position, copy);
    }
    db.prepare('UPDATE batches SET to_position = ?').run(ENTRIES);
  });
  return replyId;
}

const isSettled = ({ store }: TestValidator): boolean =>
  store.prepare("SELECT 1 FROM batches WHERE state = 'settled'").get() !== undefined;
