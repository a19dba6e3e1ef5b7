import { bytes, columns, flag, integer, named, real, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import { HONEYPOT_ERROR } from '@ogong/protocol/modality/text/honeypot-check';
import { isPayable, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import {
  advanceSequentialTest,
  INITIAL_SEQUENTIAL_TEST,
  type SequentialTestParameters,
  type SequentialTestState,
} from '@ogong/protocol/statistics/sprt';

/** This validator's record of a verifier, by its id, 32 bytes, or by the payee of several, 20 bytes. */
export interface VerifierRecord {
  readonly test: SequentialTestState;
  /** Number of refutations, useless answers and silences. */
  readonly marks: number;
  /** Opened reports that counted; 0 for an excluded verifier. */
  readonly credit: number;
  /** Silences in a row. */
  readonly silences: number;
  /** Time until which other verifiers are asked. */
  readonly deferredUntilMs: number;
  readonly lastReason: string;
}

/**
 * `counted`: its report agrees with the verdict, or with the known answer of a honeypot. `opened`: the reply stays in
 * doubt. `refuted`: others, or a honeypot, show it wrong. `garbage`: the answer is no report, or was not opened.
 * `silent`: no answer came.
 */
export type VerifierEvent = 'counted' | 'opened' | 'refuted' | 'garbage' | 'silent';

/**
 * Parameters of a verifier's test. An honest verifier is refuted only if its machine is broken. With a soundness this
 * low the test also finds a verifier that lies in one report of twenty. It finds one that always lies as fast as with
 * any soundness: the second refutation excludes a new verifier.
 */
export const VERIFIER_TEST: SequentialTestParameters = {
  soundness: 0.05,
  falsePositiveRate: HONEYPOT_ERROR,
  beta: 0.001,
};

const MAX_DEFERRAL_MS = 86_400_000;

const recordFields = {
  test: columns({ audits: integer, rejects: integer, evidence: real, ejected: named('excluded', flag) }),
  marks: integer,
  credit: integer,
  silences: integer,
  deferredUntilMs: named('deferred_until', integer),
  lastReason: text,
} as const;
const recordColumns = columns(recordFields);
const keptRecord = columns({ verifierId: bytes, ...recordFields });
const idColumns = columns({ verifierId: bytes });
const UNKNOWN: VerifierRecord = {
  test: INITIAL_SEQUENTIAL_TEST,
  ...{ marks: 0, credit: 0, silences: 0, deferredUntilMs: 0, lastReason: '' },
};

export function readVerifier(store: Store, verifierId: Uint8Array): VerifierRecord {
  const sql = `SELECT ${recordColumns.list} FROM verifiers WHERE verifier_id = ?`;
  return recordColumns.get(store.prepare(sql), verifierId) ?? UNKNOWN;
}

/** Lists ids of excluded verifiers and of their payees, hex. */
export function listExcluded(store: Store): ReadonlySet<string> {
  const rows = idColumns.all(store.prepare('SELECT verifier_id FROM verifiers WHERE excluded = 1'));
  return new Set(rows.map(({ verifierId }) => toHex(verifierId)));
}

/**
 * Records an event. Silence proves no fault: it never excludes a verifier, but defers it, twice as long each time in a
 * row.
 * @param deferMs for the first silence.
 * @param isOwn false for an event from another validator's log: a verifier that answers that validator may still be
 * silent here.
 */
export function recordVerifier(
  store: Store,
  verifierId: Uint8Array,
  event: VerifierEvent,
  {
    nowMs,
    deferMs = 0,
    reason = event,
    isOwn = true,
  }: { nowMs: number; deferMs?: number; reason?: string; isOwn?: boolean },
): VerifierRecord {
  const before = readVerifier(store, verifierId);
  const isGood = event === 'counted' || event === 'opened';
  const isBad = event === 'refuted' || event === 'garbage';
  const outcome = event === 'counted' ? 'accept' : isBad ? 'reject' : 'inconclusive';
  const test = advanceSequentialTest(before.test, outcome, VERIFIER_TEST);
  const silences = event === 'silent' ? before.silences + 1 : isOwn ? 0 : before.silences;
  const next: VerifierRecord = {
    test,
    marks: before.marks + (isGood ? 0 : 1),
    credit: test.ejected ? 0 : before.credit + (isGood ? 1 : 0),
    silences,
    deferredUntilMs: !isOwn
      ? before.deferredUntilMs
      : silences === 0
        ? 0
        : nowMs + computeBackoff({ firstMs: deferMs, longestMs: MAX_DEFERRAL_MS }, { failures: silences - 1 }),
    lastReason: isGood ? before.lastReason : reason,
  };
  keptRecord.insert(store, 'INSERT OR REPLACE INTO verifiers', { verifierId, ...next });
  return next;
}

/**
 * Records the marks of verifiers in a log entry, of this validator's own log or of another's settled log. A mark counts
 * for the key and for its payee, so another key of the same payee begins with the same record.
 */
export function recordMarks(
  store: Store,
  { verdict, verifiers }: Pick<VerdictEntry, 'verdict' | 'verifiers'>,
  { nowMs, isOwn }: { readonly nowMs: number; readonly isOwn: boolean },
): void {
  const isUndecided = verdict === 'inconclusive' || verdict === 'unjudged';
  // Silence counts by the half hour (sequential-store). This validator's own observations were counted when it asked.
  for (const { verifierId, payee, outcome } of verifiers.filter((mark) => mark.outcome !== 'silent')) {
    const event = outcome !== 'credited' ? 'refuted' : isUndecided ? 'opened' : 'counted';
    const reason = outcome === 'doubted' ? 'unlikely answer to a honeypot' : 'refuted by other verifiers';
    for (const subject of isPayable(payee) ? [verifierId, payee] : [verifierId]) {
      recordVerifier(store, subject, event, { nowMs, isOwn, reason });
    }
  }
}
