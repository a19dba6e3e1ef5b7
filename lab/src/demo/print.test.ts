import { expect, it } from 'vitest';
import { formatHeld } from './print.ts';
import { createSyntheticRun } from './synthetic-run.ts';

it('names held earnings, their provider, and the time of release', async () => {
  const run = await createSyntheticRun();
  expect(formatHeld(run)).toMatch(/^held until 15:07:40 UTC .*: provider(-1)? 0\.\d{18} OGONG$/);
  const accounts = run.books.after.accounts.map((account) => ({ ...account, heldAtomic: 0n }));
  const books = { ...run.books, after: { ...run.books.after, accounts } };
  expect(formatHeld({ ...run, books })).toBe('no earnings are held');
});
