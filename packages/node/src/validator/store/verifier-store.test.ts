import { openStore } from '@ogong/host/store/store';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from './schema.ts';
import { readVerifier, recordVerifier, type VerifierEvent } from './verifier-store.ts';

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
