import { bigInteger, bytes, columns, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import {
  advancePayeeTest,
  computePayeeEvidence,
  INITIAL_PAYEE_TEST,
  type PayeeTestState,
} from '@ogong/protocol/audit/payee-test';
import { computeOutcomeEValue } from '@ogong/protocol/statistics/sprt';
import { findSubject, type Party, testFields } from './sequential-store.ts';

/**
 * A separate sequential test for late openings (docs/spec/sequential-test.md). A machine that is down is not a cheat, so scores
 * do not enter this test, and lateness does not enter the other. It assumes that an honest provider, whatever happened before,
 * begins a new outage in at most one audit of ten.
 */
const LATENESS = { soundness: 0.5, falsePositiveRate: 0.1 };

export interface LatenessState extends PayeeTestState {
  /** Beacon epoch at the last outage that was counted; replies taken in by then belong to it. */
  readonly countedEpoch: bigint;
}

const latenessFields = { ...testFields, countedEpoch: bigInteger } as const;
const latenessColumns = columns(latenessFields);
const keptLateness = columns({ subject: bytes, ...latenessFields });
const epochColumns = columns({ epoch: optional(bigInteger) });

export function readLateness(store: Store, subject: Uint8Array): LatenessState {
  const sql = `SELECT ${latenessColumns.list} FROM lateness WHERE subject = ?`;
  return latenessColumns.get(store.prepare(sql), subject) ?? { ...INITIAL_PAYEE_TEST, countedEpoch: -1n };
}

function writeLateness(store: Store, subject: Uint8Array, state: LatenessState): void {
  keptLateness.insert(store, 'INSERT OR REPLACE INTO lateness', { subject, ...state });
}

/**
 * Updates both tests, of the key and of its payee, after one more audit. In one outage all openings are late for replies taken
 * in before it was noticed, so it counts once.
 * @param audit.epoch in which the reply was taken in.
 * @returns whether the provider is ejected by it; under the two conditions of advanceTests.
 */
export function advanceLateness(
  store: Store,
  { providerId, payee }: Party,
  { isLate, epoch }: { readonly isLate: boolean; readonly epoch: bigint },
  beta: number,
): boolean {
  const subject = findSubject(providerId, payee);
  const nowEpoch = epochColumns.get(store.prepare('SELECT max(epoch) AS epoch FROM beacons'))?.epoch ?? 0n;
  const eValue = computeOutcomeEValue(isLate ? 'reject' : 'accept', { ...LATENESS, beta });
  for (const each of subject === providerId ? [providerId] : [providerId, subject]) {
    const state = readLateness(store, each);
    if (isLate && epoch <= state.countedEpoch) continue;
    const countedEpoch = isLate ? nowEpoch : state.countedEpoch;
    writeLateness(store, each, { ...advancePayeeTest(state, { eValue, isReject: isLate }, beta), countedEpoch });
  }
  if (!isLate) return false;
  const isOver = readLateness(store, subject).ejected;
  return isOver && computePayeeEvidence(readLateness(store, providerId)) >= 1 / Math.sqrt(beta);
}
