import { describe, expect, it } from 'vitest';
import { chooseWorker, createWorkShares } from './work-shares.ts';

const ids = Array.from({ length: 3_000 }, (_, i) => `reply ${i}`);

describe('shares of the work', () => {
  it('are even, and each piece of work has one worker whatever the order of the list', () => {
    const workers = [7, 1_234_567, 2_000_000_000];
    const counts = new Map(workers.map((worker) => [worker, 0]));
    for (const id of ids) {
      const chosen = chooseWorker(workers, id) as number;
      expect(chooseWorker([...workers].reverse(), id)).toBe(chosen);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('stay where they are when another worker comes: only its own share changes hands', () => {
    const before = [3, 5, 8];
    const after = [...before, 13];
    const moved = ids.filter((id) => chooseWorker(before, id) !== chooseWorker(after, id));
    expect(moved.length).toBeGreaterThan(600);
    for (const id of moved) expect(chooseWorker(after, id)).toBe(13);
  });

  it('are everything for one that knows no other, and for one that was forgotten nothing is left out by the others', async () => {
    const alone = createWorkShares({ books: { isShared: false, listPeers: async () => ({ own: 0, all: [0] }) } });
    expect(ids.every(alone.isMine)).toBe(true);
    let all: readonly number[] = [];
    const three = [1, 2, 3].map((own) =>
      createWorkShares({ books: { isShared: true, listPeers: async () => ({ own, all }) } }),
    );
    all = [1, 2, 3];
    for (const one of three) one.start();
    await expect.poll(() => ids.filter((id) => three.filter(({ isMine }) => isMine(id)).length !== 1)).toEqual([]);
    await Promise.all(three.map((one) => one.stop()));
  });
});
