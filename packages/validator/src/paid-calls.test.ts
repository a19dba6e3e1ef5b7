import type { Caller } from '@ogong/host/link/link-admission';
import { createTestValidator, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestDelivery } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';

const from = (group: string): Caller => ({ peer: new Uint8Array(32), group });

async function open() {
  const earned: [string | undefined, number][] = [];
  const validator = createTestValidator({ earn: ({ group }, calls) => void earned.push([group, calls]) });
  await validator.announce(provider);
  const order = validator.order(0);
  return { validator, order, earned };
}

it('an order that is admitted earns its bringer two calls, once', async () => {
  const { validator, order, earned } = await open();
  for (let i = 0; i < 3; i++) await validator.intake.admit(order, from('10.0.0.1'));
  expect(earned).toEqual([['10.0.0.1', 2]]);
  const unpaid = validator.order(1, { maxFeeAtomic: 10n ** 19n, cumulativeAtomic: 2n * 10n ** 19n });
  await expect(validator.intake.admit(unpaid, from('10.0.0.1'))).rejects.toThrow('allowance-exceeded');
  expect(earned.length).toBe(1);
});

it('the same order many times at once is admitted once, earns once, and takes its room once', async () => {
  const earned: number[] = [];
  const settled: boolean[] = [];
  const validator = createTestValidator({
    earn: (_caller, calls) => void earned.push(calls),
    room: { reserve: async () => (isStored) => void settled.push(isStored) },
  });
  await validator.announce(provider);
  const order = validator.order(0);
  const words = await Promise.all(Array.from({ length: 10 }, () => validator.intake.admit(order, from('10.0.0.1'))));
  for (const word of words) expect(word).toEqual(words[0]);
  expect(earned).toEqual([2]);
  expect(settled.length).toBe(10);
  expect(settled.filter((isStored) => isStored).length).toBe(1);
  // A refused write takes no room.
  const unpaid = validator.order(1, { maxFeeAtomic: 10n ** 19n, cumulativeAtomic: 2n * 10n ** 19n });
  await expect(validator.intake.admit(unpaid, from('10.0.0.1'))).rejects.toThrow('allowance-exceeded');
  expect(settled.slice(10)).toEqual([false]);
});

it("a payer's first delivery of a reply earns eight calls, and a refused one none", async () => {
  const { validator, order, earned } = await open();
  await validator.intake.admit(order);
  const reply = validator.serve(order);
  const told = createTestDelivery(order, reply, { payer, ledger });
  const forged = { ...told, delivery: { ...told.delivery, signature: new Uint8Array(65) } };
  await expect(validator.intake.acknowledge(forged, from('10.0.0.2'))).rejects.toThrow();
  expect(earned).toEqual([]);
  await validator.intake.acknowledge(told, from('10.0.0.2'));
  await validator.intake.pushRecord(reply.submission);
  for (let i = 0; i < 3; i++) await validator.intake.acknowledge(told, from('10.0.0.2'));
  expect(earned).toEqual([['10.0.0.2', 8]]);
});
