import { expect, it } from 'vitest';
import { createTurns } from './turns.ts';

it('runs at most so many tasks at once, in their order, also behind one that fails', async () => {
  const inTurn = createTurns(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const results = gates.map(({ promise }, i) =>
    inTurn(() => {
      begun.push(i);
      return promise;
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  gates[1]?.reject(new Error('failed'));
  await expect(results[1]).rejects.toThrow('failed');
  expect(begun).toEqual([0, 1, 2]);
  for (const [i, { resolve }] of gates.entries()) resolve(i);
  expect(await Promise.all([results[0], results[2], results[3]])).toEqual([0, 2, 3]);
});
