import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { computePayeeEvidence, INITIAL_PAYEE_TEST } from '@ogong/protocol/audit/payee-test';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { calibrateRank } from '@ogong/protocol/statistics/e-value';
import type { Judgement } from '@ogong/protocol/verdict/judge';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from './schema.ts';
import { advanceTests, findSubject, isPayeeOut, readTest } from './sequential-store.ts';

const parameters = { soundness: 0.9, falsePositiveRate: 0.02, beta: 0.001 };
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payee = new Uint8Array(20).fill(9);
const open = (path = ':memory:'): Store => openStore(path, { schema: VALIDATOR_SCHEMA });

const judged = (
  verdict: Judgement['verdict'],
  eValue?: number,
  evidence: Judgement['evidence'] = 'statistical',
): Parameters<typeof advanceTests>[2] => ({ verdict, evidence, eValue });

function countUntilEjected(store: Store, providerId: Uint8Array, to: Uint8Array | undefined = payee): number {
  for (let count = 1; count <= 100; count++) {
    if (advanceTests(store, { providerId, payee: to }, judged('reject', 6), parameters)) return count;
  }
  return Number.POSITIVE_INFINITY;
}

/** A payee and keys that no other life has: many lives share a store. */
const createLife = (life: number) => ({
  payee: crypto.sha256(Uint8Array.of(life)).slice(0, 20),
  key: (byte: number): Uint8Array => crypto.sha256(Uint8Array.of(life, byte)),
});

describe('the sequential tests', () => {
  it('remember a payee when its key changes', () => {
    const store = open();
    const first = countUntilEjected(store, key(1));
    expect(first).toBeGreaterThan(3);
    const second = countUntilEjected(store, key(2));
    expect(second).toBeLessThan(first);
    // Under another payout address it is nobody again.
    expect(countUntilEjected(store, key(3), new Uint8Array(20).fill(8))).toBe(first);
    store.close();
  });

  it('do not let a bad key of a payee have its honest one ejected by one bad day', () => {
    const store = open();
    countUntilEjected(store, key(1));
    expect(readTest(store, payee).ejected).toBe(true);
    const honest = { providerId: key(2), payee };
    for (let i = 0; i < 20; i++) expect(advanceTests(store, honest, judged('accept', 0.6), parameters)).toBe(false);
    expect(advanceTests(store, honest, judged('reject', 6), parameters)).toBe(false);
    store.close();
  });

  /** One reply of every key, a reject but for some, until a key is ejected. */
  const rotate = (store: Store, keys: Iterable<number>): number => {
    let count = 0;
    for (const byte of keys) {
      count++;
      const spoken = judged(count % 3 === 0 ? 'accept' : 'reject', count % 3 === 0 ? 0.7 : 6);
      if (advanceTests(store, { providerId: key(byte), payee }, spoken, parameters)) return count;
    }
    return Number.POSITIVE_INFINITY;
  };
  const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

  it('put a payee out whose keys change before one of them has shown enough', () => {
    const store = open();
    const alone = countUntilEjected(store, key(1), new Uint8Array(20).fill(8));
    const count = rotate(store, numbers(1, 100));
    expect(isPayeeOut(store, payee)).toBe(true);
    // Twice the evidence, and two thirds of the replies speak.
    expect(count).toBeGreaterThan(alone);
    expect(count).toBeLessThan(6 * alone);
    expect(advanceTests(store, { providerId: key(200), payee }, judged('reject', 1.1), parameters)).toBe(true);
    expect(advanceTests(store, { providerId: key(201), payee }, judged('accept', 0.9), parameters)).toBe(false);
    store.close();
  });

  it('put it out as well where its keys had served honestly before', () => {
    const store = open();
    for (const byte of numbers(1, 30)) {
      for (let i = 0; i < 3; i++) {
        advanceTests(store, { providerId: key(byte), payee }, judged('accept', 0.7), parameters);
      }
    }
    expect(rotate(store, numbers(1, 30))).toBeLessThan(30);
    expect(isPayeeOut(store, payee)).toBe(true);
    store.close();
  });

  it.each([
    ['by scores', judged('reject', 6)],
    ['by exact evidence', judged('reject', undefined, 'exact')],
  ])('put no payee out for one key, however much it is refuted %s, while the others are honest', (_how, refuted) => {
    const lenient = { ...parameters, beta: 0.05 };
    const random = createSeededRandom(5);
    let out = 0;
    const lives = 100;
    const store = open();
    for (let life = 0; life < lives; life++) {
      const { payee, key } = createLife(life);
      for (let reply = 0; reply < 60; reply++) {
        const broken = { providerId: key(1), payee };
        if (random() < 0.3) advanceTests(store, broken, refuted, lenient);
        const rank = 1 + Math.floor(1001 * random());
        const honest = { providerId: key(2 + Math.floor(5 * random())), payee };
        advanceTests(store, honest, judged(rank <= 50 ? 'reject' : 'accept', calibrateRank(rank, 1000)), lenient);
      }
      if (isPayeeOut(store, payee)) out++;
    }
    store.close();
    // Three deviations above 5 %.
    expect(out).toBeLessThanOrEqual(lives * 0.05 + 3 * Math.sqrt(lives * 0.05 * 0.95));
  });

  it('follow the key where no payee is known', () => {
    const store = open();
    for (const nobody of [undefined, new Uint8Array(20)]) expect(findSubject(key(1), nobody)).toEqual(key(1));
    expect(countUntilEjected(store, key(1), new Uint8Array(20))).toBeLessThan(100);
    expect(readTest(store, new Uint8Array(20))).toEqual(INITIAL_PAYEE_TEST);
    expect(store.prepare('SELECT count(*) AS n FROM tests').get()?.n).toBe(1);
    store.close();
  });

  it('eject without a reject if all replies together show enough, and never by a reply that speaks for the provider', () => {
    const store = open();
    const who = { providerId: key(1), payee };
    let count = 0;
    while (!advanceTests(store, who, judged('accept', 3), parameters) && count < 100) count++;
    expect(count).toBeGreaterThan(3);
    expect(count).toBeLessThan(30);
    expect(advanceTests(store, who, judged('accept', 0.9), parameters)).toBe(false);
    expect(advanceTests(store, who, judged('accept', undefined, 'exact'), parameters)).toBe(false);
    expect(advanceTests(store, who, judged('inconclusive', 1.1), parameters)).toBe(true);
    store.close();
  });

  it('eject on exact evidence at once, and step over what decided nothing', () => {
    const store = open();
    const who = { providerId: key(1), payee };
    expect(advanceTests(store, who, judged('inconclusive'), parameters)).toBe(false);
    expect(readTest(store, payee).audits).toBe(0);
    // Undecided, but measured: the number counts.
    advanceTests(store, who, judged('inconclusive', 3), parameters);
    expect(readTest(store, payee)).toMatchObject({ audits: 1, rejects: 0 });
    expect(advanceTests(store, who, judged('reject', undefined, 'exact'), parameters)).toBe(true);
    expect(readTest(store, payee)).toMatchObject({ audits: 2, rejects: 1, ejected: true });
    store.close();
  });

  it('weigh a bare verdict by the rates of the operator', () => {
    const store = open();
    const who = { providerId: key(1), payee };
    advanceTests(store, who, judged('reject'), parameters);
    const bare = computePayeeEvidence(readTest(store, payee));
    const again = open();
    advanceTests(again, who, judged('reject', 0.9 / 0.02), parameters);
    expect(computePayeeEvidence(readTest(again, payee))).toBeCloseTo(bare, 6);
    store.close();
    again.close();
  });

  it('eject an honest payee no more often than asked for', () => {
    const random = createSeededRandom(3);
    const lenient = { ...parameters, beta: 0.05 };
    let ejected = 0;
    const lives = 200;
    const store = open();
    for (let life = 0; life < lives; life++) {
      const { payee, key } = createLife(life);
      for (let reply = 0; reply < 60; reply++) {
        const rank = 1 + Math.floor(1001 * random());
        const verdict = rank <= 50 ? 'reject' : 'accept';
        if (advanceTests(store, { providerId: key(1), payee }, judged(verdict, calibrateRank(rank, 1000)), lenient)) {
          ejected++;
          break;
        }
      }
    }
    store.close();
    // Three deviations above 5 %.
    expect(ejected).toBeLessThanOrEqual(lives * 0.05 + 3 * Math.sqrt(lives * 0.05 * 0.95));
  });
});

describe('on the disk', () => {
  it('evidence outlives restarts, and half of an update is undone', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-tests-'));
    const path = join(directory, 'validator.db');
    const before = open(path);
    before.transact((db) => advanceTests(db, { providerId: key(1), payee }, judged('reject', 6), parameters));
    const [ofKey, ofPayee] = [readTest(before, key(1)), readTest(before, payee)];
    expect([ofKey.audits, ofPayee.audits]).toEqual([1, 1]);
    before.close();
    const store = open(path);
    expect(() =>
      store.transact((db) => {
        advanceTests(db, { providerId: key(1), payee }, judged('reject', 6), parameters);
        throw new Error('the power fails');
      }),
    ).toThrow('the power fails');
    expect([readTest(store, key(1)), readTest(store, payee)]).toEqual([ofKey, ofPayee]);
    store.close();
    rmSync(directory, { recursive: true });
  });
});
