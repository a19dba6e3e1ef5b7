import { expect, it } from 'vitest';
import { createPayingPayers } from './paying-payers.ts';

const fill = (byte: number) => new Uint8Array(20).fill(byte);
const orderOf = (payer: number, validator = 9) => ({ payer: fill(payer), validator: fill(validator) });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const never = new Promise<void>(() => {});

function open(limit?: number) {
  const payers = createPayingPayers(limit);
  return {
    payers,
    async admit(order: ReturnType<typeof orderOf>) {
      const isEarly = payers.watch(order, Promise.resolve());
      await turn();
      return isEarly;
    },
    async refuse(order: ReturnType<typeof orderOf>) {
      const isEarly = payers.watch(order, Promise.reject(new Error('no funds')));
      await turn();
      return isEarly;
    },
  };
}

it('makes a payer wait until one of its orders was admitted, and again after a refusal', async () => {
  const { admit, refuse } = open();
  expect([await admit(orderOf(1)), await admit(orderOf(1)), await admit(orderOf(2))]).toEqual([false, true, false]);
  expect([await refuse(orderOf(1)), await admit(orderOf(1)), await admit(orderOf(1))]).toEqual([true, false, true]);
});

it('does not use the admission of one validator for another', async () => {
  const { admit } = open();
  await admit(orderOf(1, 8));
  expect(await admit(orderOf(1, 9))).toBe(false);
});

it('trusts as many orders at a time as were admitted, and four at most: a burst beyond the channel gets no more prompts for nothing', async () => {
  const { admit, refuse, payers } = open();
  const burst = (payer: number) =>
    Array.from({ length: 10 }, () => payers.watch(orderOf(payer), never)).filter(Boolean).length;
  for (const [payer, admissions] of [0, 1, 3, 9].entries()) {
    for (let i = 0; i < admissions; i++) await admit(orderOf(payer));
    expect(burst(payer)).toBe(Math.min(4, admissions));
  }
  for (let i = 0; i < 4; i++) await admit(orderOf(5));
  await refuse(orderOf(5));
  await admit(orderOf(5));
  expect(burst(5)).toBe(1);
});

it('forgets who was admitted longest ago', async () => {
  const { admit } = open(2);
  for (const payer of [1, 2, 1, 3]) await admit(orderOf(payer));
  expect([await admit(orderOf(1)), await admit(orderOf(3)), await admit(orderOf(2))]).toEqual([true, true, false]);
});
