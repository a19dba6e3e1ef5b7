import { Refusal } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { expect, it, onTestFinished } from 'vitest';
import { announce, makeWork, payeeOf, refusalOf, start } from './router-fixture.ts';

it('a router lists keys without stake that show work, where the network asks for it', async () => {
  const opened = await start();
  opened.asked.work = { bits: 10, epochs: 100 };
  expect((await refusalOf(announce(opened, 1))).message).toContain('work of 10 bits: none is shown');
  const stolen = announce(opened, 1, {}, { work: makeWork(2, 10) });
  expect((await refusalOf(stolen)).message).toContain('10 are asked for');
  await announce(opened, 1, {}, { work: makeWork(1, 10) });
  opened.stakes.set(toHex(payeeOf(2).address), 1n);
  await announce(opened, 2);
  // A listed provider stays listed, and shows the work again with its next announcement.
  opened.asked.work = { bits: 12, epochs: 100 };
  expect((await refusalOf(announce(opened, 3))).message).toContain('work of 12 bits');
  opened.asked.work = { bits: 0, epochs: 0 };
  await announce(opened, 3);
});

it('a validator takes no announcement of a key that is not let in', async () => {
  let isOpen = false;
  const seen: Uint8Array[] = [];
  const validator = createTestValidator({
    async letIn(_key, work) {
      seen.push(work);
      if (!isOpen) throw new Refusal('precondition', 'no work');
    },
  });
  onTestFinished(() => validator.close());
  await expect(validator.announce(provider)).rejects.toThrow('no work');
  isOpen = true;
  await validator.announce(provider);
  expect(seen.map(({ length }) => length)).toEqual([0, 0]);
});
