import { expect, it } from 'vitest';
import { createDecodingTurns } from './decoding-turns.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

it('decodes two small pictures at a time, and a large one alone', async () => {
  const turns = createDecodingTurns({ most: 100, least: 50, mostWaiting: 8 });
  const started: number[] = [];
  const ends = [1, 2, 100, 3, 51].map(async (pixels) => {
    const end = await turns.take(pixels);
    started.push(pixels);
    return end;
  });
  const endOf = async (at: number): Promise<void> => {
    (await ends[at])?.();
    await settle();
  };
  await settle();
  expect(started).toEqual([1, 2]);
  await endOf(0);
  // The third one has no room beside the second, and the fourth does not overtake it.
  expect(started).toEqual([1, 2]);
  await endOf(1);
  expect(started).toEqual([1, 2, 100]);
  await endOf(2);
  expect(started).toEqual([1, 2, 100, 3]);
  await endOf(3);
  expect(started).toEqual([1, 2, 100, 3, 51]);
});

it('refuses a picture if too many wait', async () => {
  const turns = createDecodingTurns({ most: 1, least: 1, mostWaiting: 1 });
  const end = await turns.take(1);
  const second = turns.take(1);
  await expect(turns.take(1)).rejects.toMatchObject({ code: 'overloaded', retryable: true });
  end();
  (await second)();
});
