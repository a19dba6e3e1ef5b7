import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { network } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree } from '@ogong/testing/validator/test-proposal';
import { expect, it } from 'vitest';
import { takeOut } from '../store/replies/refused-store.ts';
import { createEntryWindow, type OpenEntry } from './entry-window.ts';

async function createLog() {
  const four = await createFour();
  await decideThree(four);
  const { store, signer } = four.own;
  const show = (entries: readonly OpenEntry[]) =>
    entries.map(({ bytes, replyId, entry, message }) => ({ bytes, replyId, entry, message: message() }));
  /** Lists as a validator does that has just started. */
  const listAfresh = () => show(createEntryWindow(store, 100).list(0n, 100));
  return { store, signer, show, listAfresh };
}

it('lists what the store has, and each entry once', async () => {
  const { store, show, listAfresh } = await createLog();
  const window = createEntryWindow(store, 100);
  const entries = window.list(0n, 100);
  expect(show(entries)).toEqual(listAfresh());
  expect(entries).toHaveLength(3);
  const again = window.list(1n, 1)[0];
  expect(again).toBe(entries[1]);
  expect(again?.message()).toBe(entries[1]?.message());
  window.clear();
  expect(window.list(1n, 1)[0]).not.toBe(entries[1]);
});

it('lists the rest of the log after an entry has left it', async () => {
  const { store, signer, show, listAfresh } = await createLog();
  const window = createEntryWindow(store, 100);
  const before = show(window.list(0n, 100));
  store.transact((db) => takeOut(db, { crypto, ...network, validator: signer.address }, 1n, [0n]));
  const after = show(window.list(0n, 100));
  expect(after).toEqual(listAfresh());
  expect(after.map(({ replyId }) => replyId)).toEqual(before.slice(1).map(({ replyId }) => replyId));
  expect(after[0]?.bytes).not.toEqual(before[1]?.bytes);
});

it('keeps no more entries than it may', async () => {
  const { store } = await createLog();
  const window = createEntryWindow(store, 2);
  const [first, , last] = window.list(0n, 100);
  expect(window.list(2n, 1)[0]).toBe(last);
  expect(window.list(0n, 1)[0]).not.toBe(first);
});
