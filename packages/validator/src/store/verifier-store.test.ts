import { openStore } from '@ogong/host/store/store';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from './schema.ts';
import { readVerifier, recordMarks, recordVerifier, type VerifierEvent } from './verifier-store.ts';

const id = new Uint8Array(32).fill(1);

function create() {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const record = (event: VerifierEvent, nowMs = 0, deferMs = 1_000) =>
    store.transact((db) => recordVerifier(db, id, event, { nowMs, deferMs }));
  return { store, record, read: () => readVerifier(store, id) };
}

describe("a verifier's record", () => {
  it('earns credit with what counts, and with what was opened in doubt', () => {
    const { record, read } = create();
    record('counted');
    record('opened');
    expect(read()).toMatchObject({ credit: 2, marks: 0, test: { audits: 1, rejects: 0, ejected: false } });
  });

  it.each(['refuted', 'garbage'] as const)('excludes a newcomer that is %s twice, and takes its credit', (event) => {
    const { record, read } = create();
    record('counted');
    record(event);
    expect(read()).toMatchObject({ credit: 1, marks: 1, test: { ejected: false }, lastReason: event });
    record(event);
    record('counted');
    expect(read()).toMatchObject({ credit: 0, marks: 2, test: { ejected: true } });
  });

  it('does not exclude one that was honest for long and is refuted once or twice', () => {
    const { record, read } = create();
    for (let i = 0; i < 500; i++) record('counted');
    record('refuted');
    record('refuted');
    expect(read().test.ejected).toBe(false);
    for (let i = 0; i < 4; i++) record('refuted');
    expect(read().test.ejected).toBe(true);
  });

  it('is never excluded for silence, but deferred, for longer each time in a row', () => {
    const { record, read } = create();
    const waits = [1, 2, 3].map(() => record('silent', 5_000).deferredUntilMs - 5_000);
    expect(waits).toEqual([1_000, 2_000, 4_000]);
    for (let i = 0; i < 60; i++) record('silent', 5_000);
    expect(read()).toMatchObject({ test: { ejected: false }, deferredUntilMs: 5_000 + 86_400_000 });
    expect(record('counted')).toMatchObject({ silences: 0, deferredUntilMs: 0 });
  });
});

describe('marks of verifiers in a log', () => {
  const payee = new Uint8Array(20).fill(9);
  const mark = (key: number, outcome: 'credited' | 'refuted' | 'doubted', of = payee) => ({
    ...{ verifierId: new Uint8Array(32).fill(key), payee: of },
    ...(outcome === 'credited' ? { outcome, tokens: 7 } : { outcome }),
  });
  const settled = { nowMs: 5, isOwn: false };

  it('counts for the key and for the payee behind it, so that a second key of the payee changes nothing', () => {
    const { store } = create();
    const verdict = 'reject' as const;
    store.transact((db) => recordMarks(db, { verdict, verifiers: [mark(1, 'refuted'), mark(3, 'credited')] }, settled));
    store.transact((db) => recordMarks(db, { verdict, verifiers: [mark(2, 'refuted')] }, settled));
    const isOut = (subject: Uint8Array): boolean => readVerifier(store, subject).test.ejected;
    expect([mark(1, 'refuted'), mark(2, 'refuted')].map(({ verifierId }) => isOut(verifierId))).toEqual([false, false]);
    expect(readVerifier(store, payee)).toMatchObject({ marks: 2, test: { audits: 3, rejects: 2, ejected: true } });
  });

  it('counts a doubted answer to a honeypot as a refuted report', () => {
    const { store } = create();
    const verdict = 'accept' as const;
    store.transact((db) => recordMarks(db, { verdict, verifiers: [mark(1, 'doubted')] }, settled));
    expect(readVerifier(store, payee)).toMatchObject({ credit: 0, test: { rejects: 1, ejected: false } });
    store.transact((db) => recordMarks(db, { verdict, verifiers: [mark(1, 'doubted')] }, settled));
    expect(readVerifier(store, payee).test.ejected).toBe(true);
  });

  it('counts for nobody if there is no payee, and ends no deferral that this validator gave', () => {
    const { store, record, read } = create();
    record('silent');
    const before = read();
    const nobody = mark(1, 'credited', new Uint8Array(20));
    store.transact((db) => recordMarks(db, { verdict: 'accept', verifiers: [nobody] }, settled));
    expect(readVerifier(store, nobody.payee).credit).toBe(0);
    expect(read()).toMatchObject({ credit: 1, silences: 1, deferredUntilMs: before.deferredUntilMs });
    store.transact((db) => recordMarks(db, { verdict: 'accept', verifiers: [nobody] }, { nowMs: 5, isOwn: true }));
    expect(read()).toMatchObject({ credit: 2, silences: 0, deferredUntilMs: 0 });
  });
});
