import { expect, it } from 'vitest';
import { createWalkTurns } from './walk-receipt.ts';

it('few replies are walked at a time, and the next one begins when a turn ends', async () => {
  const turns = createWalkTurns(2);
  const [endFirst, endSecond] = [await turns.take(), await turns.take()];
  const begun: string[] = [];
  const third = turns.take().then((end) => {
    begun.push('third');
    return end;
  });
  const fourth = turns.take().then((end) => {
    begun.push('fourth');
    return end;
  });
  await Promise.resolve();
  expect(begun).toEqual([]);
  endFirst();
  endFirst();
  const endThird = await third;
  expect(begun).toEqual(['third']);
  endSecond();
  endThird();
  await fourth;
  expect(begun).toEqual(['third', 'fourth']);
});
