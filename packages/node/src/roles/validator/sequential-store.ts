import type { DatabaseSync } from 'node:sqlite';
import {
  advancePayeeTest,
  CHEAT_SHARES,
  computePayeeEvidence,
  INITIAL_PAYEE_TEST,
  type PayeeTestState,
} from '@ogong/protocol/payee-test';
import { computeOutcomeEValue, type SequentialTestParameters } from '@ogong/protocol/sprt';
import type { Store } from '../../store/store.ts';
import type { Judgement } from './judge.ts';

/**
 * The sequential tests of a validator: of every provider's key, 32 bytes, and of every payee, 20 bytes. Keys rotate; whom
 * the fees go to is whom the evidence follows.
 */
export function readTest(store: Store, subject: Uint8Array): PayeeTestState {
  const row = store.prepare('SELECT * FROM tests WHERE subject = ?').get(subject);
  if (row === undefined) return INITIAL_PAYEE_TEST;
  return {
    audits: row.audits as number,
    rejects: row.rejects as number,
    evidence: JSON.parse(row.evidence as string) as number[],
    ejected: row.ejected === 1,
  };
}

export function writeTest(
  store: Store,
  subject: Uint8Array,
  { audits, rejects, evidence, ejected }: PayeeTestState,
): void {
  store
    .prepare('INSERT OR REPLACE INTO tests (subject, audits, rejects, evidence, ejected) VALUES (?, ?, ?, ?, ?)')
    .run(subject, audits, rejects, JSON.stringify(evidence), ejected ? 1 : 0);
}

/** Whom a verdict is about; the payee only where it signed for the key. */
export interface Party {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array | undefined;
}

/** Whom evidence is kept against besides the key: the payee, or the key itself where none is known. */
export function findSubject(providerId: Uint8Array, payee: Uint8Array | undefined): Uint8Array {
  return payee?.some((byte) => byte !== 0) ? payee : providerId;
}

/**
 * Both tests after one more audit, written.
 *
 * A provider is ejected where its payee's evidence reaches 1 / beta and its own 1 / sqrt(beta). The first bounds what an
 * honest payee ever suffers from its own keys by beta. The second is for payees one of whose keys was stolen, or runs on
 * a broken machine: who is honest under such a payee is still ejected with probability at most sqrt(beta). A cheat that
 * rotates its key begins with half of what it takes.
 * @returns whether the provider is ejected by this audit.
 */
export function advanceTests(
  store: Store,
  { providerId, payee }: Party,
  { verdict, evidence, eValue }: Pick<Judgement, 'verdict' | 'evidence' | 'eValue'>,
  parameters: SequentialTestParameters,
): boolean {
  const isExact = evidence === 'exact';
  const isReject = verdict === 'reject';
  const subject = findSubject(providerId, payee);
  const subjects = subject === providerId ? [providerId] : [providerId, subject];
  const step = {
    isReject,
    eValue: (isExact ? undefined : eValue) ?? computeOutcomeEValue(verdict, parameters),
  };
  // Nothing was decided and nothing measured: no audit took place.
  if (verdict === 'inconclusive' && eValue === undefined) return false;
  for (const each of subjects) {
    const state = advancePayeeTest(readTest(store, each), step, parameters.beta);
    writeTest(store, each, isReject && isExact ? { ...state, ejected: true } : state);
  }
  // What speaks for a provider ejects it not, whatever was piled up before; a reject is not needed for what all replies show.
  if (!isReject && step.eValue <= 1) return false;
  const isPayeeOver = readTest(store, subject).ejected;
  return (
    isExact || (isPayeeOver && computePayeeEvidence(readTest(store, providerId)) >= 1 / Math.sqrt(parameters.beta))
  );
}

/**
 * Carries the tests of keys over, and founds those of payees on them. The old evidence stands for one of the shares of
 * cheats, which makes the new M no larger. Of several keys of one payee the mean is taken, at the largest number of
 * audits: a mean of e-values is one.
 */
export function migrateTests(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE tests (
      subject BLOB PRIMARY KEY,
      audits INTEGER NOT NULL,
      rejects INTEGER NOT NULL,
      evidence TEXT NOT NULL,
      ejected INTEGER NOT NULL
    ) WITHOUT ROWID;
  `);
  const insert = database.prepare('INSERT INTO tests VALUES (?, ?, ?, ?, ?)');
  const carry = (rows: readonly Record<string, unknown>[]): void => {
    for (const { subject, audits, rejects, evidence, ejected } of rows) {
      const shares = CHEAT_SHARES.map((_, i) => (i === 0 ? Math.min(evidence as number, 1e200) : 0));
      insert.run(subject as Uint8Array, audits as number, rejects as number, JSON.stringify(shares), ejected as number);
    }
  };
  carry(database.prepare('SELECT provider_id AS subject, audits, rejects, evidence, ejected FROM providers').all());
  carry(
    database
      .prepare(
        `SELECT payee AS subject, max(audits) AS audits, sum(rejects) AS rejects, avg(evidence) AS evidence,
         max(ejected) AS ejected FROM providers WHERE payee IS NOT NULL AND payee <> zeroblob(20) GROUP BY payee`,
      )
      .all(),
  );
}
