import { openStore } from '@ogong/host/store/store';
import { expect, it } from 'vitest';
import { createTornFiles } from './torn-files.ts';

const schema = 'CREATE TABLE kept (value INTEGER);';

it.each([0, 0.3, 0.7, 0.999])('a transaction of which a share of %d was written leaves nothing', (share) => {
  const files = createTornFiles();
  const first = openStore(':memory:', { schema });
  first.transact(({ database }) => database.exec('INSERT INTO kept VALUES (1), (2)'));
  const { store, difference } = files.tear({ store: first, schema }, share);
  expect(difference).toBeUndefined();
  expect(store.prepare('SELECT count(*) AS n FROM kept').get()?.n).toBe(2);
  store.transact(({ database }) => database.exec('INSERT INTO kept VALUES (3)'));
  const again = files.tear({ store, schema }, share);
  expect(again.store.prepare('SELECT count(*) AS n FROM kept').get()?.n).toBe(3);
  for (const one of [first, store, again.store]) one.close();
  files.remove();
});

it('tells of a transaction that was written whole', () => {
  const files = createTornFiles();
  const first = openStore(':memory:', { schema });
  const { store, difference } = files.tear({ store: first, schema }, 2);
  expect(difference).toMatch(/torn 1/);
  for (const one of [first, store]) one.close();
  files.remove();
});
