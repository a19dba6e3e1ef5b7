import { openStore, type Store } from '@ogong/host/store/store';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { createTestClock, createTestValidator } from '@ogong/testing/validator/test-bench';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { createAdmissionMemory } from './admission-memory.ts';

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
});
afterEach(() => store.close());

const propose = (sequence: number): void => {
  store
    .prepare(
      "INSERT INTO batches (sequence, batch, from_position, to_position, state) VALUES (?, x'00', 0, 1, 'settled')",
    )
    .run(sequence);
};

/** This validator's settled batches on the chain; `undefined` while the chain is down. */
function create(settled: () => bigint | undefined) {
  const clock = createTestClock();
  const asked: bigint[] = [];
  const memory = createAdmissionMemory({
    ...{ store, clock, validator: new Uint8Array(20) },
    async anchorOf() {
      const sequence = settled();
      if (sequence === undefined) throw new Error('no chain');
      asked.push(sequence);
      return { sequence, logLength: sequence, logHead: `0x${'00'.repeat(32)}` };
    },
  });
  return { memory, clock, asked };
}

it('admits at once if the database has proposed all that has settled, and asks the chain once', async () => {
  propose(3);
  for (const settled of [2n, 3n]) {
    const { memory, asked } = create(() => settled);
    await memory.check();
    propose(Number(settled) + 7);
    await memory.check();
    expect(asked).toEqual([settled]);
  }
});

it('admits at once if what has settled since the start is its own, before the first order came', async () => {
  propose(3);
  const { memory } = create(() => 5n);
  for (const own of [4, 5]) propose(own);
  await memory.check();
});

it('admits nothing if what it proposes since the start comes after batches that it does not know', async () => {
  propose(3);
  const { memory } = create(() => 6n);
  propose(6);
  await expect(memory.check()).rejects.toThrow('admits orders in 630 s');
});

it.each([
  ['was lost', [], 1n],
  ['is an older copy', [1, 2], 3n],
])('admits nothing while orders may live that a database does not know which %s', async (_what, proposed, settled) => {
  proposed.forEach(propose);
  const { memory, clock } = create(() => settled);
  await expect(memory.check()).rejects.toThrow('admits orders in 630 s');
  // Its proposals in the meantime change nothing.
  propose(4);
  clock.advance(MAX_ORDER_LIFETIME_MS);
  await expect(memory.check()).rejects.toThrow('admits orders in 30 s');
  clock.advance(30_000);
  await memory.check();
});

it('admits nothing until the chain was asked', async () => {
  let settled: bigint | undefined;
  const { memory } = create(() => settled);
  await expect(memory.check()).rejects.toMatchObject({ message: expect.stringContaining('no chain') });
  settled = 0n;
  await memory.check();
});

it('is asked before an order is admitted, and not for one that was', async () => {
  let isForgetful = false;
  const check = async (): Promise<void> => {
    if (isForgetful) throw new Error('forgetful');
  };
  const validator = createTestValidator({ memory: { check } });
  const [first, second] = [validator.order(0), validator.order(1)];
  await validator.intake.admit(first);
  isForgetful = true;
  await expect(validator.intake.admit(second)).rejects.toThrow('forgetful');
  await validator.intake.admit(first);
});
