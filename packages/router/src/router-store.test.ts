import { openStore, type Store } from '@ogong/host/store/store';
import { expect, it } from 'vitest';
import { advanceLog, loadHistory, NO_COUNTS, ROUTER_SCHEMA, saveEjection, undoEjections } from './router-store.ts';

function open() {
  const store = openStore(':memory:', { schema: ROUTER_SCHEMA });
  let reads = 0;
  const counted: Store = {
    ...store,
    read(query) {
      reads++;
      return store.read(query);
    },
  };
  return { store: counted, countReads: () => reads };
}

const idOf = (index: number): Uint8Array => new Uint8Array(32).fill(index);

it("reads a provider's state once, and again after a change", () => {
  const { store, countReads } = open();
  const load = (index: number, firstPeriod = 1) => loadHistory(store, idOf(index), firstPeriod);
  const accept = (index: number, period: number) =>
    advanceLog(store, new Uint8Array(20), {
      position: { length: 1n, head: new Uint8Array(32) },
      changes: [{ providerId: idOf(index), period, counts: { ...NO_COUNTS, auditedAtomic: 5n } }],
    });
  for (let i = 0; i < 10; i++) for (const index of [1, 2]) expect(load(index)).toMatchObject({ ejected: false });
  expect(countReads()).toBe(2);
  accept(1, 3);
  expect([load(1).auditedAtomic, load(2).auditedAtomic]).toEqual([5n, 0n]);
  expect(countReads()).toBe(3);
  accept(1, 4);
  expect([load(1).auditedAtomic, load(1, 4).auditedAtomic, load(1).auditedAtomic]).toEqual([10n, 5n, 10n]);
  saveEjection(store, idOf(2), { block: 7, ejected: true });
  expect([load(1).ejected, load(2).ejected]).toEqual([false, true]);
  undoEjections(store, 6);
  expect(load(2).ejected).toBe(false);
  store.close();
});
