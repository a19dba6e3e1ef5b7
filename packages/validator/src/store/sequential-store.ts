import {
  amount,
  bigInteger,
  bytes,
  columns,
  flag,
  integer,
  named,
  numbers,
  optionalColumns,
} from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { FindTests } from '@ogong/protocol/settlement/batch';
import { INITIAL_TESTS, type TestStates } from '@ogong/protocol/settlement/log-tests';
import { countCharged, type SilenceState, toHalfHour } from '@ogong/protocol/settlement/silence-count';
import type { LogPosition } from '@ogong/protocol/settlement/verdict-log';

const silenceColumns = columns({ newest: named('silent_at', integer), bits: named('silent_bits', integer) });
const testColumns = columns({
  replies: columns({ audits: integer, rejects: integer, evidence: numbers, ejected: flag }),
  lateness: columns({
    audits: named('late_audits', integer),
    rejects: named('late_rejects', integer),
    evidence: named('late_evidence', numbers),
    ejected: named('late_ejected', flag),
    countedEpoch: bigInteger,
  }),
  provenMs: named('proven_at', integer),
  balance: columns({ credit: integer, debtAtomic: named('debt', amount) }),
  others: optionalColumns({
    suspect: bytes,
    audits: named('others_audits', integer),
    rejects: named('others_rejects', integer),
    evidence: named('others_evidence', numbers),
    ejected: named('others_ejected', flag),
  }),
  silence: silenceColumns,
});
const silentColumns = columns({ subject: bytes, silence: silenceColumns });
const keptTest = columns({ log: bytes, subject: bytes, tests: testColumns });
const headColumns = columns({ length: bigInteger, head: bytes });
const keptHead = columns({ log: bytes, position: headColumns });

/** Key of the tests of this validator's own log, its unsettled end included. */
export const OWN_TESTS = new Uint8Array(0);

/**
 * Creates access to the sequential tests of one log: of every provider's key, 32 bytes, and of every payee, 20 bytes.
 * They follow from the log's entries alone (protocol/settlement/log-tests).
 * @param log address of its validator, for the settled part; OWN_TESTS to include this validator's unsettled end.
 */
export function createTestStates(store: Store, log: Uint8Array): TestStates {
  return {
    find(subject) {
      const sql = `SELECT ${testColumns.list} FROM tests WHERE log = ? AND subject = ?`;
      return testColumns.get(store.prepare(sql), log, subject) ?? INITIAL_TESTS;
    },
    put: (subject, tests) => void keptTest.insert(store, 'INSERT OR REPLACE INTO tests', { log, subject, tests }),
  };
}

/** Creates a reader of the tests of a log's settled part for one batch: each subject is read once. */
export function createTestReader(store: Store, log: Uint8Array): FindTests {
  const tests = createTestStates(store, log);
  return rememberTests((subject) => store.read(() => tests.find(subject)));
}

/** Returns a reader that reads each subject once, while the tests do not change. */
export function rememberTests(find: FindTests): FindTests {
  const known = new Map<string, ReturnType<FindTests>>();
  return (subject) => {
    const name = toHex(subject);
    const tests = known.get(name) ?? find(subject);
    known.set(name, tests);
    return tests;
  };
}

/**
 * Counts the silent half hours of each payee in the last day over all logs, by hex address; payees without any are left
 * out.
 */
export function listSilentPayees(store: Store, nowMs: number): ReadonlyMap<string, number> {
  const since = toHalfHour(nowMs) - 48;
  const sql = `SELECT ${silentColumns.list} FROM tests WHERE silent_at > ?`;
  const states = new Map<string, SilenceState[]>();
  for (const { subject, silence } of silentColumns.all(store.prepare(sql), Math.max(0, since))) {
    states.set(toHex(subject), [...(states.get(toHex(subject)) ?? []), silence]);
  }
  const counts = [...states].map(([payee, all]) => [payee, countCharged(all, nowMs)] as const);
  return new Map(counts.filter(([, charged]) => charged > 0));
}

/** Returns the counted position of a log; undefined before its first entry. */
export function readCountedPosition(store: Store, log: Uint8Array): LogPosition | undefined {
  return headColumns.get(store.prepare(`SELECT ${headColumns.list} FROM counted_logs WHERE log = ?`), log);
}

export function writeCountedPosition(store: Store, log: Uint8Array, position: LogPosition): void {
  keptHead.insert(store, 'INSERT OR REPLACE INTO counted_logs', { log, position });
}

/** Resets the tests of this validator's own log to their settled state. @param validator owner of the log. */
export function resetOwnTests(store: Store, validator: Uint8Array): void {
  store.prepare('DELETE FROM tests WHERE log = ?').run(OWN_TESTS);
  const list = ['subject', ...testColumns.names].join(', ');
  store
    .prepare(`INSERT INTO tests (log, ${list}) SELECT x'${toHex(OWN_TESTS)}', ${list} FROM tests WHERE log = ?`)
    .run(validator);
}
