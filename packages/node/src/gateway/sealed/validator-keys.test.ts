import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestValidator, ledger } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { createMilestoneOutbox } from '../milestone-outbox.ts';
import { createValidatorKeys } from './validator-keys.ts';

const MINUTE_MS = 60_000;

function open() {
  const validator = createTestValidator();
  let asked = 0;
  const keys = createValidatorKeys({
    clock: validator.clock,
    chain: { ledger, findByAddress: () => validator.member } as never,
    links: {
      to: () => ({
        getSealKey() {
          asked++;
          return validator.intake.showSealKey();
        },
      }),
    } as never,
  });
  const { address } = validator.member;
  return { keys, address, clock: validator.clock, show: () => keys.show(address), asked: () => asked };
}

it('keeps the key of a validator for five minutes', async () => {
  const { clock, show, asked } = open();
  expect(await show()).toBeDefined();
  clock.advance(5 * MINUTE_MS - 1);
  await show();
  expect(asked()).toBe(1);
  clock.advance(1);
  await show();
  expect(asked()).toBe(2);
});

it('asks for another one where a part does not open with it, once a minute at most', async () => {
  const { keys, address, clock, show, asked } = open();
  keys.forget(address);
  await show();
  keys.forget(address);
  await show();
  expect(asked()).toBe(1);
  clock.advance(MINUTE_MS);
  await show();
  expect(asked()).toBe(2);
  // Nobody has said that this one is gone.
  clock.advance(MINUTE_MS);
  await show();
  expect(asked()).toBe(2);
});

it.each([
  ['unsupported', 1],
  ['invalid', 0],
] as const)('hears from a milestone that its validator refuses as %s', async (refusal, times) => {
  const gone: string[] = [];
  const errors: unknown[] = [];
  const outbox = createMilestoneOutbox({
    books: { isShared: true, read: async () => [], write: async () => {} } as never,
    chain: { findByAddress: () => ({}) } as never,
    links: {
      to: () => ({ pushMilestone: () => Promise.reject(new LinkError('remote', 'it does not open', { refusal })) }),
    } as never,
    clock: { nowMs: () => 0 } as never,
    onKeyGone: (validator) => void gone.push(toHex(validator)),
    onError: (error) => void errors.push(error),
  });
  await outbox.put(new Uint8Array(20).fill(7), { sealed: new Uint8Array(3) });
  await outbox.flush();
  expect(errors.length).toBe(1);
  expect(gone).toEqual(Array(times).fill('07'.repeat(20)));
});
