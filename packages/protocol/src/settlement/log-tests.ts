import {
  advancePayeeTest,
  computePayeeEvidence,
  INITIAL_PAYEE_TEST,
  type PayeeTestState,
} from '../audit/payee-test.ts';
import { equalBytes } from '../base/bytes.ts';
import { computeOutcomeEValue, type SequentialTestParameters } from '../statistics/sprt.ts';
import { type AuditBalance, advanceBalance, BURNT, INITIAL_BALANCE, paysDebt } from './audit-balance.ts';
import { type FeePart, findAccountable, listCoShards, listParts } from './cohort.ts';
import { addSilence, NEVER_SILENT, type SilenceState } from './silence-count.ts';
import { isJudged, isPayable, type VerdictEntry, type VerifierMark } from './verdict-log.ts';

/**
 * The parameters of the network's sequential test: the weight of a bare verdict without a drift table, and the lifetime error.
 * The tests of providers are a function of one verdict log (docs/spec/sequential-test.md). Each entry brings a step, in log
 * order, and nothing else changes them. So every reader of the log knows which entry ejects.
 */
export const REPLY_TEST: SequentialTestParameters = { soundness: 0.9, falsePositiveRate: 0.02, beta: 0.001 };

/** Assumes that an honest provider begins a new outage in at most one audit of ten, whatever happened before. */
const LATENESS: SequentialTestParameters = { soundness: 0.5, falsePositiveRate: 0.1, beta: REPLY_TEST.beta };

/**
 * Epochs of one outage. All openings that are requested during an outage are late. A late reply belongs to the last counted
 * outage if its deciding beacon is at most so many epochs later.
 */
const OUTAGE_EPOCHS = 30n;

export interface LatenessState extends PayeeTestState {
  /** Deciding epoch of the first reply of the last counted outage. */
  readonly countedEpoch: bigint;
}

/** The test of a payee's other keys, once all keys together are over the limit. */
export interface OthersTest extends PayeeTestState {
  /** The key that is left out. */
  readonly suspect: Uint8Array;
}

/** One log's evidence about a provider's key, 32 bytes, or about a payee, 20 bytes. */
export interface SubjectTests {
  readonly replies: PayeeTestState;
  readonly lateness: LatenessState;
  /** Time of the last ejection of the key by exact evidence, Unix time in ms; 0 for none. */
  readonly provenMs: number;
  /** For keys only. */
  readonly balance: AuditBalance;
  /** For payees only. */
  readonly others: OthersTest | undefined;
  /** For payees only: times at which their verifiers were silent. */
  readonly silence: SilenceState;
}

export const INITIAL_TESTS: SubjectTests = {
  replies: INITIAL_PAYEE_TEST,
  lateness: { ...INITIAL_PAYEE_TEST, countedEpoch: -OUTAGE_EPOCHS - 1n },
  provenMs: 0,
  balance: INITIAL_BALANCE,
  others: undefined,
  silence: NEVER_SILENT,
};

/** The tests of one log, in any store. */
export interface TestStates {
  /** Returns INITIAL_TESTS for a subject without entries. */
  find(subject: Uint8Array): SubjectTests;
  put(subject: Uint8Array, tests: SubjectTests): void;
}

export type CountedEntry = Pick<
  VerdictEntry,
  | 'providerId'
  | 'payee'
  | 'verdict'
  | 'evidence'
  | 'feeAtomic'
  | 'fineAtomic'
  | 'beaconEpoch'
  | 'step'
  | 'eValuePpm'
  | 'timeMs'
  | 'verifiers'
> &
  Partial<Pick<VerdictEntry, 'shards' | 'culprit'>>;

const PPM = 1_000_000;

/** Converts a double to parts per million, as in an entry. It is rounded down, so that it stays an e-value. */
export function toEValuePpm(eValue: number): number {
  return Math.floor(Math.min(eValue * PPM, Number.MAX_SAFE_INTEGER));
}

/** Computes the weight of a verdict that no table measured. */
export function computeBareEValuePpm(verdict: 'accept' | 'reject'): number {
  return toEValuePpm(computeOutcomeEValue(verdict, REPLY_TEST));
}

/** Returns the second subject of evidence, besides the key: the payee, or the key itself if no payee is known. */
export function findSubject(providerId: Uint8Array, payee: Uint8Array | undefined): Uint8Array {
  return payee?.some((byte) => byte !== 0) ? payee : providerId;
}

/**
 * Updates all tests by one more entry.
 *
 * The entry counts for the key that its finding is about, see findAccountable. If it is no reject, it also counts for the co-shards. Their
 * e-value is at most 1, because their part of the evidence is unknown. So it cannot eject them.
 *
 * A provider is ejected if its payee's evidence reaches 1 / beta and its own 1 / sqrt(beta). The first condition bounds the
 * risk of an honest payee from its own keys by beta. The second protects honest keys of a payee that also has a stolen key or a
 * broken machine. Such a key is ejected with probability at most sqrt(beta). An ejection ends the key's own test. If a quorum
 * takes the ejection back, the key begins anew.
 * @param beta the lifetime error. Default: the network's.
 * @returns whether the entry ejects the key that its finding is about.
 */
export function countEntry(states: TestStates, entry: CountedEntry, beta: number = REPLY_TEST.beta): boolean {
  for (const mark of entry.verifiers) countSilence(states, mark);
  countBalance(states, entry);
  if (!isJudged(entry.verdict)) return false;
  const ejects = countFinding(states, { ...entry, ...findAccountable(entry) }, beta);
  const passed = entry.verdict === 'reject' ? [] : listCoShards(entry);
  const eValuePpm = Math.min(entry.eValuePpm, PPM);
  for (const key of passed) countFinding(states, { ...entry, ...key, eValuePpm }, beta);
  return ejects;
}

/** Counts a finding for one key and its payee. @returns whether it ejects the key. */
function countFinding(states: TestStates, entry: CountedEntry, beta: number): boolean {
  const isOutByLateness = countLateness(states, entry, beta);
  const isExact = isProof(entry);
  if (isExact) states.put(entry.providerId, { ...states.find(entry.providerId), provenMs: entry.timeMs });
  const isOut = entry.step === 'reply' && countReply(states, entry, { isExact, beta });
  return isExact || isOut || isOutByLateness;
}

type BalancedEntry = Pick<
  CountedEntry,
  'providerId' | 'payee' | 'verdict' | 'feeAtomic' | 'fineAtomic' | 'shards' | 'culprit'
>;

/**
 * Updates the audit balances alone. Each key gets its part of the fee, and the key that the finding is about gets the fine.
 * @returns the parts of the fee as a batch pays them, without those of 0. A part that pays a debt of its key is burnt.
 */
export function countBalance(states: TestStates, entry: BalancedEntry): readonly FeePart[] {
  const parts = listParts(entry);
  const { culprit = parts.length - 1 } = entry;
  const paid = parts.map((part, i) => {
    const tests = states.find(part.providerId);
    const isOwn = i === culprit;
    // Only the leader's credit pays for a reply in doubt.
    const verdict = isOwn || entry.verdict === 'accept' ? entry.verdict : 'unaudited';
    const balance = advanceBalance(tests.balance, { ...part, verdict, fineAtomic: isOwn ? entry.fineAtomic : 0n });
    const { credit, debtAtomic } = tests.balance;
    const isSame = balance.credit === credit && balance.debtAtomic === debtAtomic;
    if (!isSame) states.put(part.providerId, { ...tests, balance });
    return paysDebt(tests.balance, part) ? { ...part, ...BURNT } : part;
  });
  return paid.filter(({ feeAtomic }) => feeAtomic > 0n);
}

/** Counts a silence. @returns whether it costs the payee a part of its stake. */
export function countSilence(states: TestStates, mark: VerifierMark): boolean {
  if (mark.outcome !== 'silent' || !isPayable(mark.payee)) return false;
  const tests = states.find(mark.payee);
  const { state, isCharged } = addSilence(tests.silence, mark.halfHour);
  states.put(mark.payee, { ...tests, silence: state });
  return isCharged;
}

/** Returns whether the entry ejects its provider by undeniable evidence. */
export const isProof = ({ verdict, evidence }: Pick<VerdictEntry, 'verdict' | 'evidence'>): boolean =>
  verdict === 'reject' && evidence === 'exact';

/** Returns whether a payee is ejected with all its keys, because no single key explains the evidence against it. */
export function isPayeeOut(states: Pick<TestStates, 'find'>, payee: Uint8Array): boolean {
  return states.find(payee).others?.ejected === true;
}

const isOverItself = (test: PayeeTestState, beta: number): boolean => computePayeeEvidence(test) >= 1 / Math.sqrt(beta);

function countReply(
  states: TestStates,
  entry: CountedEntry,
  { isExact, beta }: { readonly isExact: boolean; readonly beta: number },
): boolean {
  const { providerId, payee, verdict, eValuePpm } = entry;
  const subject = findSubject(providerId, payee);
  const step = { isReject: verdict === 'reject', eValue: eValuePpm / PPM };
  const wasOver = states.find(subject).replies.ejected;
  for (const each of subject === providerId ? [providerId] : [providerId, subject]) {
    const tests = states.find(each);
    const replies = advancePayeeTest(tests.replies, step, beta);
    states.put(each, { ...tests, replies: isExact ? { ...replies, ejected: true } : replies });
  }
  if (subject !== providerId) countOthers(states, entry, { step, wasOver, isExact, beta });
  // Evidence in favour of a provider must not eject it, whatever was collected before. If the e-value is above 1, no reject is
  // needed.
  const speaksAgainst = step.isReject || step.eValue > 1;
  const isOver = states.find(subject).replies.ejected;
  const isSuspicious = isOverItself(states.find(providerId).replies, beta) || isPayeeOut(states, subject);
  const ejects = isExact || (speaksAgainst && isOver && isSuspicious);
  if (ejects) states.put(providerId, { ...states.find(providerId), replies: INITIAL_PAYEE_TEST });
  return ejects;
}

/**
 * Tests the other keys of a payee. A cheat that always changes its key in time would otherwise never be ejected. So once a
 * payee is over the limit, one more test starts for all its keys except the most suspected one. If that test also reaches 1 /
 * beta, no single key explains the evidence. Then the payee is ejected with all present and future keys.
 */
function countOthers(
  states: TestStates,
  { providerId, payee }: CountedEntry,
  {
    step,
    wasOver,
    isExact,
    beta,
  }: {
    readonly step: Parameters<typeof advancePayeeTest>[1];
    readonly wasOver: boolean;
    readonly isExact: boolean;
    readonly beta: number;
  },
): void {
  const tests = states.find(payee);
  const others = tests.others ?? { ...INITIAL_PAYEE_TEST, suspect: providerId };
  const evidenceOf = (key: Uint8Array): number => computePayeeEvidence(states.find(key).replies);
  if (!wasOver) {
    const isWorst = isExact || evidenceOf(providerId) > evidenceOf(others.suspect);
    states.put(payee, { ...tests, others: { ...others, suspect: isWorst ? providerId : others.suspect } });
  } else if (!equalBytes(providerId, others.suspect)) {
    const next = advancePayeeTest(others, step, beta);
    states.put(payee, { ...tests, others: { ...next, suspect: others.suspect } });
  }
}

/**
 * Counts a late reply. A machine that is down is not a cheat, so scores do not enter this test, and lateness does not enter the
 * other.
 */
function countLateness(
  states: TestStates,
  { providerId, payee, step, beaconEpoch }: CountedEntry,
  beta: number,
): boolean {
  const isLate = step === 'late';
  const subject = findSubject(providerId, payee);
  const eValue = computeOutcomeEValue(isLate ? 'reject' : 'accept', LATENESS);
  for (const each of subject === providerId ? [providerId] : [providerId, subject]) {
    const tests = states.find(each);
    const { countedEpoch } = tests.lateness;
    if (isLate && beaconEpoch <= countedEpoch + OUTAGE_EPOCHS) continue;
    const next = advancePayeeTest(tests.lateness, { eValue, isReject: isLate }, beta);
    states.put(each, { ...tests, lateness: { ...next, countedEpoch: isLate ? beaconEpoch : countedEpoch } });
  }
  const { lateness } = states.find(providerId);
  const ejects = isLate && states.find(subject).lateness.ejected && isOverItself(lateness, beta);
  if (ejects) {
    const began = { ...INITIAL_PAYEE_TEST, countedEpoch: lateness.countedEpoch };
    states.put(providerId, { ...states.find(providerId), lateness: began });
  }
  return ejects;
}

/** Creates tests over others, which do not change until these are written to them. */
export function createOverlay(under: Pick<TestStates, 'find'>): TestStates & { writeTo(states: TestStates): void } {
  const changed = new Map<string, { readonly subject: Uint8Array; readonly tests: SubjectTests }>();
  return {
    find: (subject) => changed.get(String(subject))?.tests ?? under.find(subject),
    put: (subject, tests) => void changed.set(String(subject), { subject, tests }),
    writeTo(states) {
      for (const { subject, tests } of changed.values()) states.put(subject, tests);
    },
  };
}
