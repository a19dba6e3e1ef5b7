import { openStore } from '@ogong/host/store/store';
import { expect, it, onTestFinished } from 'vitest';
import { countHeard, forgetHeard, keepHeard, pruneHeard } from './heard-store.ts';
import { VALIDATOR_SCHEMA } from './schema.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const [NOTHING, FIRST, SECOND] = [fill(0, 1), fill(1, 20), fill(2, 20)];
const heard = {
  signed: { delivery: NOTHING, signature: NOTHING },
  bound: { record: NOTHING, providerKey: NOTHING, signature: NOTHING, header: NOTHING, headerProof: [] },
};

it('words are counted of each payer, about each validator and in all, as they come and go', () => {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  onTestFinished(() => store.close());
  const keep = (number: number, payer: Uint8Array, validator: Uint8Array): void =>
    store.transact((db) =>
      keepHeard(db, { validator, replyId: fill(number, 16), payer, expiresAtMs: 1_000 * number }, heard),
    );
  // An address may be both.
  const count = () => [FIRST, SECOND].map((one) => Object.values(countHeard(store, { payer: one, validator: one })));
  expect(count()).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
  keep(1, FIRST, SECOND);
  keep(2, FIRST, SECOND);
  keep(3, SECOND, SECOND);
  // The first word counts.
  keep(3, FIRST, SECOND);
  expect(count()).toEqual([
    [2, 0, 3],
    [1, 3, 3],
  ]);
  store.transact((db) => forgetHeard(db, { validator: SECOND, replyId: fill(3, 16) }));
  store.transact((db) => forgetHeard(db, { validator: SECOND, replyId: fill(9, 16) }));
  store.transact((db) => pruneHeard(db, 2_000));
  expect(count()).toEqual([
    [1, 0, 1],
    [0, 1, 1],
  ]);
  store.transact((db) => pruneHeard(db, 3_000));
  expect(store.prepare('SELECT count(*) AS n FROM heard_counts').get()?.n).toBe(0);
});
