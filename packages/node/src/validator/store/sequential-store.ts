import { bytes, columns, flag, integer, numbers } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import {
  advancePayeeTest,
  computePayeeEvidence,
  INITIAL_PAYEE_TEST,
  type PayeeTestState,
} from '@ogong/protocol/audit/payee-test';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { computeOutcomeEValue, type SequentialTestParameters } from '@ogong/protocol/statistics/sprt';
import type { Judgement } from '@ogong/protocol/verdict/judge';

/** Of a PayeeTestState, wherever one stands in a row. */
export const testFields = { audits: integer, rejects: integer, evidence: numbers, ejected: flag } as const;
const testColumns = columns(testFields);
const keptTest = columns({ subject: bytes, ...testFields });

/**
 * The sequential tests of a validator: of every provider's key, 32 bytes, and of every payee, 20 bytes. Keys rotate; whom
 * the fees go to is whom the evidence follows.
 */
export function readTest(store: Store, subject: Uint8Array): PayeeTestState {
  const sql = `SELECT ${testColumns.list} FROM tests WHERE subject = ?`;
  return testColumns.get(store.prepare(sql), subject) ?? INITIAL_PAYEE_TEST;
}

export function writeTest(store: Store, subject: Uint8Array, state: PayeeTestState): void {
  keptTest.insert(store, 'INSERT OR REPLACE INTO tests', { subject, ...state });
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

/** What the other keys of a payee go on to show once all together are over the limit, and which key that leaves out. */
interface RestTest extends PayeeTestState {
  readonly suspect: Uint8Array;
}

const restColumns = columns({ suspect: bytes, ...testFields });
const keptRest = columns({ payee: bytes, suspect: bytes, ...testFields });

function readRest(store: Store, payee: Uint8Array): RestTest | undefined {
  return restColumns.get(store.prepare(`SELECT ${restColumns.list} FROM rest_tests WHERE payee = ?`), payee);
}

function writeRest(store: Store, payee: Uint8Array, test: RestTest): void {
  keptRest.insert(store, 'INSERT OR REPLACE INTO rest_tests', { payee, ...test });
}

/** Whether evidence that no single key explains speaks against a payee: nothing of any key of its is taken any more. */
export function isPayeeOut(store: Store, payee: Uint8Array): boolean {
  return readRest(store, payee)?.ejected === true;
}

/**
 * All tests after one more audit, written.
 *
 * A provider is ejected where its payee's evidence reaches 1 / beta and its own 1 / sqrt(beta). The first bounds what an
 * honest payee ever suffers from its own keys by beta. The second is for payees one of whose keys was stolen, or runs on
 * a broken machine: who is honest under such a payee is still ejected with probability at most sqrt(beta).
 *
 * A cheat that changes its key before the key's own evidence is enough would never be out. So from the moment on in which a
 * payee is over the limit, all its keys but the one most suspected then enter one more test: where that reaches 1 / beta as
 * well, no single key explains it, and the payee is out with all keys that it has or will have.
 * @returns whether the provider is ejected by this audit.
 */
export function advanceTests(
  store: Store,
  { providerId, payee }: Party,
  { verdict, evidence, eValue }: Pick<Judgement, 'verdict' | 'evidence' | 'eValue'>,
  parameters: SequentialTestParameters,
): boolean {
  const { beta } = parameters;
  const isExact = evidence === 'exact';
  const isReject = verdict === 'reject';
  const subject = findSubject(providerId, payee);
  const isAlone = subject === providerId;
  const step = {
    isReject,
    eValue: (isExact ? undefined : eValue) ?? computeOutcomeEValue(verdict, parameters),
  };
  // Nothing was decided and nothing measured: no audit took place.
  if (verdict === 'inconclusive' && eValue === undefined) return false;
  const wasOver = readTest(store, subject).ejected;
  for (const each of isAlone ? [providerId] : [providerId, subject]) {
    const state = advancePayeeTest(readTest(store, each), step, beta);
    writeTest(store, each, isReject && isExact ? { ...state, ejected: true } : state);
  }
  if (!isAlone) {
    const rest = readRest(store, subject) ?? { ...INITIAL_PAYEE_TEST, suspect: providerId };
    const evidenceOf = (key: Uint8Array): number => computePayeeEvidence(readTest(store, key));
    if (!wasOver) {
      const isWorst = (isReject && isExact) || evidenceOf(providerId) > evidenceOf(rest.suspect);
      const suspect = isWorst ? providerId : rest.suspect;
      writeRest(store, subject, { ...rest, suspect });
    } else if (!equalBytes(providerId, rest.suspect)) {
      writeRest(store, subject, { ...advancePayeeTest(rest, step, beta), suspect: rest.suspect });
    }
  }
  // What speaks for a provider ejects it not, whatever was piled up before; a reject is not needed for what all replies show.
  if (!isReject && step.eValue <= 1) return false;
  if (isExact) return true;
  const isOverItself = computePayeeEvidence(readTest(store, providerId)) >= 1 / Math.sqrt(beta);
  return readTest(store, subject).ejected && (isOverItself || isPayeeOut(store, subject));
}
