import { expect, it } from 'vitest';
import { shownAndWithheld } from './shown-and-withheld.ts';

it('is ejected by its first forged reply that a beacon selects, since the payer has its opening', async () => {
  const { entries, refused } = await shownAndWithheld.play({ payerHands: true });
  expect(entries).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
  expect(refused).toBe(7);
});

it('would only lose single fees if payers handed over nothing', async () => {
  const { entries, refused } = await shownAndWithheld.play({ payerHands: false });
  expect(new Set(entries.map(({ step }) => step))).toEqual(new Set(['late']));
  expect(entries.some(({ ejects }) => ejects)).toBe(false);
  expect(refused).toBe(0);
});
