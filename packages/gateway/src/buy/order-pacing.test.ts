import { describe, expect, it } from 'vitest';
import { createOrderPacing, type PacedOrder } from './order-pacing.ts';

const id = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const never = new AbortController().signal;

/** Asks for so many places at once. @returns those that were given, as they are. */
async function ask(pacing: ReturnType<typeof createOrderPacing>, count: number, signal = never) {
  const entered: PacedOrder[] = [];
  const asked = Array.from({ length: count }, () =>
    pacing.enter(id(1), signal).then(
      (order) => void entered.push(order),
      () => 'left',
    ),
  );
  await new Promise(setImmediate);
  return { entered, all: Promise.all(asked) };
}

describe('orders that a provider has not answered yet', () => {
  it('are few of a provider that is not known, and more with each answer', async () => {
    const pacing = createOrderPacing();
    const { entered, all } = await ask(pacing, 100);
    expect(entered.length).toBe(32);
    for (const order of [...entered]) order.answered();
    await new Promise(setImmediate);
    // Each answer gives its own place back and brings another one.
    expect(entered.length).toBe(96);
    for (const order of entered) order.ended(false);
    await all;
    expect(entered.length).toBe(100);
  });

  it('are few again once there were too many, and each counts once', async () => {
    const pacing = createOrderPacing();
    const first = await ask(pacing, 32);
    for (const order of first.entered) {
      order.answered();
      order.answered();
      order.ended(true);
    }
    const second = await ask(pacing, 100);
    expect(second.entered.length).toBe(64);
    (second.entered[0] as PacedOrder).ended(true);
    await new Promise(setImmediate);
    expect(second.entered.length).toBe(64);
    for (const order of second.entered.slice(1, 32)) order.ended(false);
    await new Promise(setImmediate);
    expect(second.entered.length).toBe(64);
    for (const order of [...second.entered].slice(32)) order.ended(false);
    await new Promise(setImmediate);
    expect(second.entered.length).toBe(96);
    for (const order of second.entered) order.ended(false);
    await second.all;
  });

  it('wait no longer than their caller, and do not hold up other providers', async () => {
    const pacing = createOrderPacing();
    const leaving = new AbortController();
    const { entered, all } = await ask(pacing, 40, leaving.signal);
    (await pacing.enter(id(2), never)).ended(false);
    leaving.abort();
    expect((await all).filter((one) => one === 'left').length).toBe(8);
    for (const order of entered) order.ended(false);
    expect((await ask(pacing, 40)).entered.length).toBe(32);
    await expect(pacing.enter(id(1), leaving.signal)).rejects.toThrow();
  });
});
