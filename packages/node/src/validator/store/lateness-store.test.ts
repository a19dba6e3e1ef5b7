import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { computePayeeEvidence } from '@ogong/protocol/audit/payee-test';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { afterEach, describe, expect, it } from 'vitest';
import { advanceLateness, readLateness } from './lateness-store.ts';
import { VALIDATOR_SCHEMA } from './schema.ts';

const id = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
const party = (name: string, payee = name) => ({ providerId: id(name), payee: id(`payee ${payee}`).slice(0, 20) });

describe('the test of lateness', () => {
  const stores: Store[] = [];
  afterEach(() => {
    for (const store of stores.splice(0)) store.close();
  });

  function open(): Store {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    stores.push(store);
    return store;
  }

  function certify(store: Store, epoch: number): void {
    store.prepare('INSERT INTO beacons VALUES (?, ?)').run(epoch, new Uint8Array(0));
  }

  /** Audits of replies, each taken in after the verdict of the one before; true is late. @returns whether it is ejected. */
  function run(store: Store, who: ReturnType<typeof party>, audits: readonly boolean[], beta: number): boolean {
    const from = Number(store.prepare('SELECT max(epoch) AS epoch FROM beacons').get()?.epoch ?? 0);
    return audits
      .map((isLate, i) => {
        const epoch = from + i + 1;
        certify(store, epoch);
        return advanceLateness(store, who, { isLate, epoch: BigInt(epoch) }, beta);
      })
      .includes(true);
  }

  it('counts a spell once, however many replies it took', () => {
    const store = open();
    const who = party('a');
    certify(store, 5);
    for (let i = 0; i < 50; i++) {
      expect(advanceLateness(store, who, { isLate: true, epoch: BigInt(i % 6) }, 0.001)).toBe(false);
    }
    expect(readLateness(store, who.providerId)).toMatchObject({ rejects: 1, countedEpoch: 5n });
    advanceLateness(store, who, { isLate: true, epoch: 6n }, 0.001);
    expect(readLateness(store, who.providerId)).toMatchObject({ rejects: 2 });
  });

  it('needs several spells, where a refusal may need one', () => {
    const store = open();
    const late = (spells: number) => run(store, party(`after ${spells}`), new Array<boolean>(spells).fill(true), 0.001);
    expect([1, 3, 5, 6].map(late)).toEqual([false, false, false, true]);
  });

  it('follows the payee from key to key', () => {
    const store = open();
    const spells = new Array<boolean>(12).fill(true);
    run(store, party('first', 'one'), spells, 0.001);
    const second = party('second', 'one');
    for (let epoch = 0; epoch < 4; epoch++) {
      certify(store, 100 + epoch);
      const isOut = advanceLateness(store, second, { isLate: true, epoch: BigInt(100 + epoch) }, 0.001);
      expect(isOut).toBe(computePayeeEvidence(readLateness(store, second.providerId)) >= 1 / Math.sqrt(0.001));
    }
    expect(readLateness(store, second.providerId).rejects).toBe(4);
  });

  /** xorshift32, for a share of true values. */
  function createDraws(seed: number) {
    let state = seed;
    return (rate: number): boolean => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32 < rate;
    };
  }

  it.each([
    ['as late as is borne', 0.1, (share: number) => share <= 0.05],
    ['late with every second reply', 0.5, (share: number) => share === 1],
  ])('ejects who is %s as it should', (_name, rate, holds) => {
    const store = open();
    store.database.exec('PRAGMA synchronous = OFF');
    const draw = createDraws(20_261_120);
    const [providers, audits, beta] = [100, 200, 0.05];
    let ejected = 0;
    store.transact((db) => {
      for (let i = 0; i < providers; i++) {
        const lateness = Array.from({ length: audits }, () => draw(rate));
        // All of its life: Ville's bound is about whatever the evidence ever reached.
        if (run(db, party(`${rate} ${i}`), lateness, beta)) ejected++;
      }
    });
    expect(holds(ejected / providers)).toBe(true);
  });
});
