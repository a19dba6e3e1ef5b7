import { openStore, type Store } from '@ogong/host/store/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../schema.ts';
import {
  countSecondDeliveries,
  forgetSecondDelivery,
  keepSecondDelivery,
  pruneSecondDeliveries,
  type SecondDeliveryReply,
} from './second-delivery-store.ts';

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
});
afterEach(() => store.close());

const [ANNA, BERT] = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)];
const [NORTH, SOUTH] = [new Uint8Array(20).fill(3), new Uint8Array(20).fill(4)];
const heard = {
  signed: { delivery: new Uint8Array(9), signature: new Uint8Array(65) },
  bound: {
    ...{ record: new Uint8Array(1), providerKey: new Uint8Array(1), signature: new Uint8Array(1) },
    ...{ header: new Uint8Array(1), headerProof: [] },
  },
};
const reply = (n: number, payer: Uint8Array, validator: Uint8Array): SecondDeliveryReply => ({
  ...{ replyId: new Uint8Array(16).fill(n), payer, validator, expiresAtMs: n },
});

/** As they would be counted row by row. */
const countRows = (payer: Uint8Array, validator: Uint8Array) => {
  const count = (where: string, ...values: Uint8Array[]): unknown =>
    store.prepare(`SELECT count(*) AS n FROM heard${where}`).get(...values)?.n;
  return {
    ofPayer: count(' WHERE payer = ?', payer),
    ofValidator: count(' WHERE validator = ?', validator),
    all: count(''),
  };
};

function expectCounted(): void {
  for (const payer of [ANNA, BERT]) {
    for (const validator of [NORTH, SOUTH])
      expect(countSecondDeliveries(store, { payer, validator })).toEqual(countRows(payer, validator));
  }
}

describe('stored deliveries of payers', () => {
  it('are counted as they come, once each, and as they go', () => {
    expectCounted();
    const replies = [reply(1, ANNA, NORTH), reply(2, ANNA, SOUTH), reply(3, BERT, SOUTH), reply(4, ANNA, NORTH)];
    for (const one of replies) {
      for (let i = 0; i < 2; i++) keepSecondDelivery(store, one, heard);
      expectCounted();
    }
    expect(countSecondDeliveries(store, { payer: ANNA, validator: NORTH })).toEqual({
      ofPayer: 3,
      ofValidator: 2,
      all: 4,
    });
    forgetSecondDelivery(store, reply(4, ANNA, NORTH));
    forgetSecondDelivery(store, reply(9, ANNA, NORTH));
    expectCounted();
    pruneSecondDeliveries(store, 3);
    expectCounted();
    expect(countSecondDeliveries(store, { payer: ANNA, validator: NORTH })).toEqual({
      ofPayer: 0,
      ofValidator: 0,
      all: 1,
    });
    pruneSecondDeliveries(store, 10);
    expect(store.prepare('SELECT count(*) AS n FROM heard_counts').get()?.n).toBe(0);
  });

  it('count for nothing if the write that kept them is undone', () => {
    expect(() =>
      store.transact((db) => {
        keepSecondDelivery(db, reply(1, ANNA, NORTH), heard);
        throw new Error('undone');
      }),
    ).toThrow('undone');
    expect(countSecondDeliveries(store, { payer: ANNA, validator: NORTH })).toEqual({
      ofPayer: 0,
      ofValidator: 0,
      all: 0,
    });
  });
});
