import { describe, expect, it } from 'vitest';
import { startInOrder } from './start-order.ts';

const item = (name: string, ...after: string[]) => ({ name, after });

describe('start order', () => {
  it('starts an item after its dependencies, and never more than the limit at a time', async () => {
    const log: string[] = [];
    let running = 0;
    let most = 0;
    const items = [item('gateway', 'router', 'a', 'b'), item('router'), item('a'), item('b'), item('c')];
    await startInOrder(
      items,
      async ({ name }) => {
        most = Math.max(most, ++running);
        await Promise.resolve();
        running--;
        log.push(name);
      },
      { limit: 2 },
    );
    expect(most).toBe(2);
    expect(log.at(-1)).toBe('gateway');
    expect([...log].sort()).toEqual(['a', 'b', 'c', 'gateway', 'router']);
  });

  it('stops at the first failure, after running starts have ended', async () => {
    const log: string[] = [];
    const start = async ({ name }: { name: string }): Promise<void> => {
      await Promise.resolve();
      if (name === 'a') throw new Error('a is broken');
      await new Promise((resolve) => setImmediate(resolve));
      log.push(name);
    };
    await expect(startInOrder([item('a'), item('b'), item('c', 'a', 'b')], start, { limit: 4 })).rejects.toThrow(
      'a is broken',
    );
    expect(log).toEqual(['b']);
  });

  it.each([
    ['a circle', [item('a', 'b'), item('b', 'a')]],
    ['an unknown name', [item('a', 'nobody')]],
  ])('refuses %s', async (_what, items) => {
    await expect(startInOrder(items, async () => {}, { limit: 2 })).rejects.toThrow(RangeError);
  });
});
