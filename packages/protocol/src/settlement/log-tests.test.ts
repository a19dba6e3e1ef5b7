import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verdict-log.json' with { type: 'json' };
import { computePayeeEvidence, INITIAL_PAYEE_TEST } from '../audit/payee-test.ts';
import { fromHex } from '../base/bytes.ts';
import { createSeededRandom } from '../base/seeded-random.ts';
import { calibrateRank } from '../statistics/e-value.ts';
import {
  type CountedEntry,
  computeBareEValuePpm,
  countEntry,
  createOverlay,
  findSubject,
  INITIAL_TESTS,
  isPayeeOut,
  type TestStates,
  toEValuePpm,
} from './log-tests.ts';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payee = new Uint8Array(20).fill(9);
const nobody = new Uint8Array(20);
const open = () => createOverlay({ find: () => INITIAL_TESTS });
type Party = Pick<CountedEntry, 'providerId' | 'payee'>;

const judged = (
  verdict: 'accept' | 'reject' | 'inconclusive',
  eValue: number,
  evidence: CountedEntry['evidence'] = 'statistical',
) =>
  ({
    verdict,
    evidence,
    feeAtomic: 0n,
    fineAtomic: 0n,
    beaconEpoch: 1n,
    timeMs: 1,
    step: 'reply',
    eValuePpm: toEValuePpm(eValue),
    verifiers: [],
  }) as const;
const exactReject = { ...judged('reject', 0, 'exact'), eValuePpm: computeBareEValuePpm('reject') };
const unmeasured = { ...judged('inconclusive', 0), step: 'none' } as const;

function countUntilEjected(states: TestStates, providerId: Uint8Array, to: Uint8Array = payee): number {
  for (let count = 1; count <= 100; count++) {
    if (countEntry(states, { providerId, payee: to, ...judged('reject', 6) })) return count;
  }
  return Number.POSITIVE_INFINITY;
}

describe('the tests of a log', () => {
  it('remember a payee when its key changes', () => {
    const states = open();
    const first = countUntilEjected(states, key(1));
    expect(first).toBeGreaterThan(3);
    expect(countUntilEjected(states, key(2))).toBeLessThan(first);
    // Under another payout address it starts from zero.
    expect(countUntilEjected(states, key(3), new Uint8Array(20).fill(8))).toBe(first);
  });

  it('do not eject an honest key of a payee after one bad day of another key', () => {
    const states = open();
    countUntilEjected(states, key(1));
    expect(states.find(payee).replies.ejected).toBe(true);
    const honest = { providerId: key(2), payee };
    for (let i = 0; i < 20; i++) expect(countEntry(states, { ...honest, ...judged('accept', 0.6) })).toBe(false);
    expect(countEntry(states, { ...honest, ...judged('reject', 6) })).toBe(false);
  });

  /** Adds one reply of every key, mostly rejects, until a key is ejected. */
  const rotate = (states: TestStates, keys: Iterable<number>): number => {
    let count = 0;
    for (const byte of keys) {
      count++;
      const spoken = count % 3 === 0 ? judged('accept', 0.7) : judged('reject', 6);
      if (countEntry(states, { providerId: key(byte), payee, ...spoken })) return count;
    }
    return Number.POSITIVE_INFINITY;
  };
  const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

  it('eject a payee that changes keys before one key has enough evidence', () => {
    const states = open();
    const alone = countUntilEjected(states, key(1), new Uint8Array(20).fill(8));
    const count = rotate(states, numbers(1, 100));
    expect(isPayeeOut(states, payee)).toBe(true);
    // Twice the evidence is needed, and two thirds of the replies count.
    expect(count).toBeGreaterThan(alone);
    expect(count).toBeLessThan(6 * alone);
    expect(countEntry(states, { providerId: key(200), payee, ...judged('reject', 1.1) })).toBe(true);
    expect(countEntry(states, { providerId: key(201), payee, ...judged('accept', 0.9) })).toBe(false);
  });

  it('eject it even if its keys had served honestly before', () => {
    const states = open();
    for (const byte of numbers(1, 30)) {
      for (let i = 0; i < 3; i++) countEntry(states, { providerId: key(byte), payee, ...judged('accept', 0.7) });
    }
    expect(rotate(states, numbers(1, 30))).toBeLessThan(30);
    expect(isPayeeOut(states, payee)).toBe(true);
  });

  /** Three deviations above the allowed share of errors. */
  const atMost = (lives: number, beta: number) => lives * beta + 3 * Math.sqrt(lives * beta * (1 - beta));
  const beta = 0.05;
  const honestStep = (random: () => number) => {
    const rank = 1 + Math.floor(1001 * random());
    return judged(rank <= 50 ? 'reject' : 'accept', calibrateRank(rank, 1000));
  };

  it.each([
    ['by scores', judged('reject', 6)],
    ['by exact evidence', exactReject],
  ])('never eject a payee for one key that is refuted %s while the others are honest', (_how, refuted) => {
    const random = createSeededRandom(5);
    const lives = 100;
    let out = 0;
    for (let life = 0; life < lives; life++) {
      const states = open();
      for (let reply = 0; reply < 60; reply++) {
        if (random() < 0.3) countEntry(states, { providerId: key(1), payee, ...refuted }, beta);
        const honest = { providerId: key(2 + Math.floor(5 * random())), payee };
        countEntry(states, { ...honest, ...honestStep(random) }, beta);
      }
      if (isPayeeOut(states, payee)) out++;
    }
    expect(out).toBeLessThanOrEqual(atMost(lives, beta));
  });

  it('eject an honest payee no more often than asked for', () => {
    const random = createSeededRandom(3);
    const lives = 200;
    let ejected = 0;
    for (let life = 0; life < lives; life++) {
      const states = open();
      const isEjected = (): boolean => countEntry(states, { providerId: key(1), payee, ...honestStep(random) }, beta);
      if (Array.from({ length: 60 }, isEjected).includes(true)) ejected++;
    }
    expect(ejected).toBeLessThanOrEqual(atMost(lives, beta));
  });

  it('follow the key if no payee is known', () => {
    const states = open();
    for (const unknown of [undefined, nobody]) expect(findSubject(key(1), unknown)).toEqual(key(1));
    expect(countUntilEjected(states, key(1), nobody)).toBeLessThan(100);
    expect(states.find(nobody)).toEqual(INITIAL_TESTS);
  });

  it('eject without a reject if all evidence suffices, and never on a reply in favour of the provider', () => {
    const states = open();
    const who = { providerId: key(1), payee };
    let count = 0;
    while (!countEntry(states, { ...who, ...judged('accept', 3) }) && count < 100) count++;
    expect(count).toBeGreaterThan(3);
    expect(count).toBeLessThan(30);
    expect(countEntry(states, { ...who, ...judged('accept', 0.9) })).toBe(false);
    expect(countEntry(states, { ...who, ...judged('accept', 0.1, 'exact') })).toBe(false);
  });

  it('start again for an ejected key, which a quorum may reinstate, and keep the evidence of its payee', () => {
    const states = open();
    const first = countUntilEjected(states, key(1));
    expect(states.find(key(1)).replies).toEqual(INITIAL_PAYEE_TEST);
    expect(states.find(payee).replies.ejected).toBe(true);
    const again = countUntilEjected(states, key(1));
    expect(again).toBeGreaterThan(1);
    expect(again).toBeLessThan(first);
  });

  it('eject on exact evidence at once, and ignore entries without a decision', () => {
    const states = open();
    const who: Party = { providerId: key(1), payee };
    expect(countEntry(states, { ...who, ...unmeasured })).toBe(false);
    expect(states.find(payee).replies.audits).toBe(0);
    // Undecided, but measured: its e-value counts.
    countEntry(states, { ...who, ...judged('inconclusive', 3) });
    expect(states.find(payee).replies).toMatchObject({ audits: 1, rejects: 0 });
    expect(countEntry(states, { ...who, ...exactReject })).toBe(true);
    expect(states.find(payee).replies).toMatchObject({ audits: 2, rejects: 1, ejected: true });
  });

  it.each(['unaudited', 'abandoned'] as const)('are not moved by an entry that is %s', (verdict) => {
    const states = open();
    countEntry(states, { providerId: key(1), payee, ...unmeasured, verdict });
    expect(states.find(key(1))).toEqual(INITIAL_TESTS);
  });

  it('weigh a bare verdict by the rates of the network, rounded down', () => {
    expect([computeBareEValuePpm('accept'), computeBareEValuePpm('reject')]).toEqual([102_040, 45_000_000]);
    expect([toEValuePpm(1e-9), toEValuePpm(1e300)]).toEqual([0, Number.MAX_SAFE_INTEGER]);
    const states = open();
    const rejects = [1, 2, 3].map(() => countEntry(states, { providerId: key(1), payee, ...judged('reject', 45) }));
    expect(rejects).toEqual([false, false, true]);
  });
});

describe('the test of lateness', () => {
  const late = (epoch: number) =>
    ({
      verdict: 'reject',
      evidence: 'statistical',
      feeAtomic: 0n,
      fineAtomic: 0n,
      beaconEpoch: BigInt(epoch),
      timeMs: 1,
      step: 'late',
      eValuePpm: 0,
      verifiers: [],
    }) as const;
  const intime = (epoch: number) => ({ ...judged('accept', 0.6), beaconEpoch: BigInt(epoch) });

  it('counts an outage once, for any number of late replies', () => {
    const states = open();
    const who = { providerId: key(1), payee };
    for (let i = 0; i < 50; i++) expect(countEntry(states, { ...who, ...late(5 + (i % 31)) })).toBe(false);
    expect(states.find(key(1)).lateness).toMatchObject({ rejects: 1, countedEpoch: 5n });
    countEntry(states, { ...who, ...late(36) });
    expect(states.find(key(1)).lateness).toMatchObject({ rejects: 2, countedEpoch: 36n });
    expect(states.find(key(1)).replies).toEqual(INITIAL_PAYEE_TEST);
  });

  it('needs several outages, and starts again after an ejection', () => {
    const states = open();
    const outages = [0, 1, 2, 3, 4, 5].map((i) =>
      countEntry(states, { providerId: key(1), payee, ...late(1 + 31 * i) }),
    );
    expect(outages).toEqual([false, false, false, false, false, true]);
    expect(states.find(key(1)).lateness).toEqual({ ...INITIAL_PAYEE_TEST, countedEpoch: 156n });
    expect(states.find(payee).lateness.ejected).toBe(true);
  });

  it('follows the payee from key to key', () => {
    const states = open();
    for (let i = 0; i < 12; i++) countEntry(states, { providerId: key(1), payee, ...late(1 + 31 * i) });
    const second = { providerId: key(2), payee };
    const outages: boolean[] = [];
    for (let i = 12; !outages.includes(true) && i < 24; i++) {
      outages.push(countEntry(states, { ...second, ...late(1 + 31 * i) }));
    }
    expect(outages).toHaveLength(4);
    expect(outages.at(-1)).toBe(true);
  });

  it.each([
    ['late at the allowed rate', 0.1, (share: number) => share <= 0.05],
    ['late with every second reply', 0.5, (share: number) => share === 1],
  ])('ejects a provider that is %s at the expected rate', (_name, rate, holds) => {
    const random = createSeededRandom(20_261_120);
    const [providers, audits, beta] = [100, 200, 0.05];
    let ejected = 0;
    for (let i = 0; i < providers; i++) {
      const states = open();
      // Over a whole life: Ville's bound holds for the maximum of the evidence.
      const life = Array.from({ length: audits }, (_, audit) => {
        const step = random() < rate ? late(1 + 31 * audit) : intime(1 + 31 * audit);
        return countEntry(states, { providerId: key(1), payee, ...step }, beta);
      });
      if (life.includes(true)) ejected++;
    }
    expect(holds(ejected / providers)).toBe(true);
  });
});

describe('the tests of a cohort', () => {
  const [first, second, leader] = [key(1), key(2), key(3)];
  const shards = [first, second, leader].map((providerId, firstLayer) => ({
    ...{ providerId, payee, firstLayer, layers: 1, pricePer1kAtomic: [5n, 3n, 2n][firstLayer] as bigint },
  }));
  const served = { providerId: leader, payee, shards };

  it('count a reject for the key of its culprit alone, until it is ejected', () => {
    const states = open();
    const blamed = { ...served, ...judged('reject', 6), culprit: 1, fineAtomic: 60n };
    const count = Array.from({ length: 100 }, () => countEntry(states, blamed)).indexOf(true) + 1;
    // A payee that has not signed for the key has no part in it, so the key's evidence decides.
    expect(count).toBe(countUntilEjected(open(), key(9), nobody));
    expect(states.find(second)).toMatchObject({ replies: INITIAL_PAYEE_TEST, balance: { debtAtomic: 6_000n } });
    for (const spared of [first, leader, payee]) expect(states.find(spared)).toEqual(INITIAL_TESTS);
  });

  it('count exact evidence for the culprit, and the evidence of the leader for the leader with its payee', () => {
    const states = open();
    expect(countEntry(states, { ...served, ...exactReject, culprit: 0 })).toBe(true);
    expect([first, second, leader].map((id) => states.find(id).provenMs)).toEqual([1, 0, 0]);
    for (const place of [{}, { culprit: 2 }]) {
      const [own, alone] = [open(), open()];
      countEntry(own, { ...served, ...judged('reject', 6), ...place });
      countEntry(alone, { providerId: leader, payee, ...judged('reject', 6) });
      for (const subject of [first, second, leader, payee]) expect(own.find(subject)).toEqual(alone.find(subject));
    }
  });

  it('speak for each shard by an accept, and never against a co-shard by a doubt', () => {
    const states = open();
    countEntry(states, { ...served, ...judged('accept', 0.2) });
    const evidence = [first, second, leader].map((id) => computePayeeEvidence(states.find(id).replies));
    expect(evidence).toEqual(Array(3).fill(evidence[0]));
    expect(evidence[0]).toBeLessThan(1);
    const before = computePayeeEvidence(states.find(first).replies);
    for (let i = 0; i < 20; i++) countEntry(states, { ...served, ...judged('inconclusive', 6) });
    expect(computePayeeEvidence(states.find(leader).replies)).toBeGreaterThan(5);
    expect(computePayeeEvidence(states.find(first).replies)).toBeLessThan(before + 1);
    expect(states.find(first).replies.ejected).toBe(false);
  });

  it('give each key credit, and its part of the fee against its own debt', () => {
    const states = open();
    states.put(second, { ...INITIAL_TESTS, balance: { credit: 4, debtAtomic: 50n } });
    countEntry(states, { ...served, ...judged('accept', 1), feeAtomic: 100n });
    expect([first, second, leader].map((id) => states.find(id).balance)).toEqual([
      { credit: 1, debtAtomic: 0n },
      { credit: 5, debtAtomic: 20n },
      { credit: 1, debtAtomic: 0n },
    ]);
    for (const id of [first, leader]) states.put(id, { ...INITIAL_TESTS, balance: { credit: 30, debtAtomic: 0n } });
    countEntry(states, { ...served, ...judged('inconclusive', 1), fineAtomic: 9n });
    expect([first, second, leader].map((id) => states.find(id).balance)).toEqual([
      { credit: 30, debtAtomic: 0n },
      { credit: 5, debtAtomic: 20n },
      { credit: 10, debtAtomic: 9n },
    ]);
  });
});

it('the tests match the vectors', () => {
  const states = open();
  for (const { payeeEvidence, payeeLateness, balance, ejects, ...given } of vectors.steps) {
    const entry = {
      ...given,
      providerId: fromHex(given.providerId),
      payee: fromHex(given.payee),
      beaconEpoch: BigInt(given.beaconEpoch),
      feeAtomic: BigInt(given.feeAtomic),
      fineAtomic: BigInt(given.fineAtomic),
      verifiers: [],
    } as unknown as CountedEntry;
    expect(countEntry(states, entry)).toBe(ejects);
    expect(states.find(entry.providerId).balance).toEqual({ ...balance, debtAtomic: BigInt(balance.debtAtomic) });
    expect(computePayeeEvidence(states.find(payee).replies)).toBe(payeeEvidence);
    expect(computePayeeEvidence(states.find(payee).lateness)).toBe(payeeLateness);
  }
  expect(vectors.steps.filter(({ ejects }) => ejects).length).toBe(3);
});

it('silence counts for the payee of the verifier, for any verdict of the reply', () => {
  const states = open();
  const silentAt = (halfHour: number): CountedEntry => ({
    ...{ providerId: key(1), payee: nobody, ...unmeasured, verdict: 'unjudged' },
    verifiers: [{ verifierId: key(2), payee, outcome: 'silent', halfHour }],
  });
  for (const halfHour of [7, 7, 9]) expect(countEntry(states, silentAt(halfHour))).toBe(false);
  expect(states.find(payee)).toEqual({ ...INITIAL_TESTS, silence: { newest: 9, bits: 0b101 } });
  const unpaid = silentAt(7).verifiers.map((mark) => ({ ...mark, payee: nobody }));
  countEntry(states, { ...silentAt(7), verifiers: unpaid });
  expect(states.find(nobody)).toEqual(INITIAL_TESTS);
});

it('an overlay does not change its base until it is written', () => {
  const below = open();
  const above = createOverlay(below);
  countEntry(above, { providerId: key(1), payee, ...judged('reject', 6) });
  expect(below.find(payee)).toEqual(INITIAL_TESTS);
  expect(computePayeeEvidence(above.find(payee).replies)).toBeGreaterThan(1);
  above.writeTo(below);
  expect(below.find(payee)).toEqual(above.find(payee));
  expect(below.find(key(1))).toEqual(above.find(key(1)));
});
