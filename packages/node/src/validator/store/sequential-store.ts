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
 * The sequential tests of a validator: of every provider's key, 32 bytes, and of every payee, 20 bytes. Keys rotate, so
 * evidence follows the payee that gets the fees.
 */
export function readTest(store: Store, subject: Uint8Array): PayeeTestState {
  const sql = `SELECT ${testColumns.list} FROM tests WHERE subject = ?`;
  return testColumns.get(store.prepare(sql), subject) ?? INITIAL_PAYEE_TEST;
}

export function writeTest(store: Store, subject: Uint8Array, state: PayeeTestState): void {
  keptTest.insert(store, 'INSERT OR REPLACE INTO tests', { subject, ...state });
}

/** The provider that a verdict is about; with its payee only if the payee signed for the key. */
export interface Party {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array | undefined;
}

/** The second subject of evidence, besides the key: the payee, or the key itself if no payee is known. */
export function findSubject(providerId: Uint8Array, payee: Uint8Array | undefined): Uint8Array {
  return payee?.some((byte) => byte !== 0) ? payee : providerId;
}

/** The test of a payee's other keys, once all keys together are over the limit; `suspect` is the key that is left out. */
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

/** Whether a payee is ejected with all its keys, because no single key explains the evidence against it. */
export function isPayeeOut(store: Store, payee: Uint8Array): boolean {
  return readRest(store, payee)?.ejected === true;
}

/**
 * All tests after one more audit, written.
 *
 * A provider is ejected where its payee's evidence reaches 1 / beta and its own 1 / sqrt(beta). The first bounds what an
 * honest payee ever suffers from its own keys by beta. The second protects honest keys of a payee that also has a stolen key or
 * a broken machine: such a key is ejected with probability at most sqrt(beta).
 *
 * A cheat that changes its key before there is enough evidence against the key would never be ejected. So once a payee is over
 * the limit, one more test starts for all its keys except the most suspected one. If that test also reaches 1 / beta, no single
 * key explains the evidence, and the payee is ejected with all keys that it has or will have.
 * @returns whether the provider is ejected by this audit.
 */
export function advanceTests(
  store: Store,
  { providerId, payee }: Party,
  { verdict, evidence, eValue }: Pick<Judgement, 'verdict' | 'evidence' | 'eValue'>,
  parameters: SequentialTestParameters,
): boolean {
  // Nothing was decided or measured, so this does not count as an audit.
  if (verdict === 'unjudged' || (verdict === 'inconclusive' && eValue === undefined)) return false;
  const { beta } = parameters;
  const isExact = evidence === 'exact';
  const isReject = verdict === 'reject';
  const subject = findSubject(providerId, payee);
  const isAlone = subject === providerId;
  const step = {
    isReject,
    eValue: (isExact ? undefined : eValue) ?? computeOutcomeEValue(verdict, parameters),
  };
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
  // Evidence in favour of a provider must not eject it, whatever was collected before. A reject is not needed if the e-value is
  // above 1.
  if (!isReject && step.eValue <= 1) return false;
  if (isExact) return true;
  const isOverItself = computePayeeEvidence(readTest(store, providerId)) >= 1 / Math.sqrt(beta);
  return readTest(store, subject).ejected && (isOverItself || isPayeeOut(store, subject));
}
