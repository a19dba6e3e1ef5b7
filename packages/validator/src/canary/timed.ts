import type { Peer } from '@ogong/host/link/link-pool';
import { askToCommit } from '@ogong/host/link/verifier-call';
import { computeSubject } from '@ogong/protocol/audit/test-report';
import { computeTimedDeadline } from '@ogong/protocol/audit/timed-challenge';
import { computeRefereePlace, TIMED_WORK } from '@ogong/protocol/audit/timed-work';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Announcement, OfferedModel } from '@ogong/protocol/exchange/announcement';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { isSameFinding } from '@ogong/protocol/modality/text/read-report';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { listAnnounced } from '../store/announcement-store.ts';
import {
  createDrawnTests,
  type DrawnTest,
  type DrawnTestDependencies,
  type DrawnTests,
  type TestOutcome,
} from './drawn-tests.ts';
import { createTimedJobs, isBlank, openTimedJob, type TimedAsker, type TimedJob, toMessage } from './timed-job.ts';

export interface TimedDependencies extends DrawnTestDependencies, TimedAsker {
  /** Finds a header of the model's replies; undefined before the first accepted one. */
  readonly findHeader: (modelRoot: Uint8Array) => Header | undefined;
  /** Returns the tokens that the slowest permitted device scores in a second; undefined before the chain was read. */
  readonly slowestRate: () => number | undefined;
  /** Tells whether this validator is connected to the others. Otherwise silence says nothing about a device. */
  readonly isConnected: () => boolean;
}

/** Number of referees. They decide the right result, because no other verifier has done this work. */
const REFEREES = 2;

/**
 * Gives verifiers that the beacon draws texts to score, which the beacon writes, with a deadline
 * (docs/spec/timed-challenge.md). Any engine behind a verifier takes part in the same way as in its paid work.
 */
export const createTimedChallenges = (dependencies: TimedDependencies): DrawnTests =>
  createDrawnTests('timed', dependencies, async (test, signal) => ({
    outcome: await challenge(dependencies, test, signal),
  }));

async function challenge(state: TimedDependencies, test: DrawnTest, signal: AbortSignal): Promise<TestOutcome> {
  const { clock, findHeader, slowestRate, isConnected } = state;
  const tokensPerSecond = slowestRate();
  const header = findHeader(test.modelRoot);
  const { asked, referees } = chooseVerifiers(state, test);
  if (tokensPerSecond === undefined || header === undefined || asked === undefined) return 'unknown';
  const deadlineMs = computeTimedDeadline({ tokens: TIMED_WORK.countedTokens, tokensPerSecond });
  const texts = { ...test, subject: computeSubject(test), header };
  const ask = { texts, deadlineMs, signal };
  const startMs = clock.nowMs();
  const own = await askVerifier(state, asked, ask);
  const tookMs = clock.nowMs() - startMs;
  if (signal.aborted || !isConnected()) return 'unknown';
  if (own === undefined || tookMs > deadlineMs) return 'missed';
  const reports = await own.open();
  if (signal.aborted || !isConnected()) return 'unknown';
  if (reports === undefined) return 'missed';
  // The referees are asked only now: a verifier that passes on its result is too late.
  const told = await Promise.all(
    referees.map(async (referee) => (await askVerifier(state, referee, ask))?.open().catch(() => undefined)),
  );
  return signal.aborted ? 'unknown' : judge(own.jobs, reports, told);
}

interface TimedVerifier {
  readonly providerId: Uint8Array;
  readonly peer: Peer;
  readonly keyHash: Uint8Array;
}

/** Returns the tested verifier, and referees that the beacon draws among verifiers of the model with other payees. */
function chooseVerifiers(
  { store, crypto, clock }: Pick<TimedDependencies, 'store' | 'crypto' | 'clock'>,
  test: DrawnTest,
): { readonly asked: TimedVerifier | undefined; readonly referees: readonly TimedVerifier[] } {
  const { providerId, modelRoot } = test;
  const takesPart = ({ verifier, models }: Announcement): boolean =>
    verifier !== undefined &&
    models.some(
      (model: OfferedModel) => equalBytes(model.modelRoot, modelRoot) && model.contextSize >= TIMED_WORK.contextSize,
    );
  const announced = store.read(() => listAnnounced(store, clock.nowMs())).filter(takesPart);
  const toVerifier = ({ providerId: id, verifier }: Announcement): TimedVerifier[] =>
    verifier === undefined ? [] : [{ providerId: id, peer: verifier, keyHash: verifier.keyHash }];
  const tested = announced.find((one) => equalBytes(one.providerId, providerId));
  const drawn = { ...test, subject: computeSubject(test) };
  const places = announced
    .filter(({ payee }) => tested === undefined || !equalBytes(payee, tested.payee))
    .map((one) => ({ one, place: toHex(computeRefereePlace(crypto, drawn, one.providerId)) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  // A payee with many keys is one referee.
  const first = places.filter(
    ({ one }, i) => places.findIndex(({ one: other }) => equalBytes(other.payee, one.payee)) === i,
  );
  return {
    asked: tested && toVerifier(tested)[0],
    referees: first.slice(0, REFEREES).flatMap(({ one }) => toVerifier(one)),
  };
}

interface TimedAsk {
  readonly texts: Parameters<typeof createTimedJobs>[1];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

interface TimedCommitment {
  readonly jobs: readonly TimedJob[];
  /** Opens the reports. This is not timed. @returns undefined if one is missing. */
  open(): Promise<readonly ScoreReport[] | undefined>;
}

/** @returns undefined if it did not commit to every text. */
async function askVerifier(
  state: TimedDependencies,
  { providerId, peer, keyHash }: TimedVerifier,
  { texts, deadlineMs, signal }: TimedAsk,
): Promise<TimedCommitment | undefined> {
  const { crypto, calls, clock } = state;
  const jobs = createTimedJobs(state, texts, providerId);
  const call = { timeoutMs: deadlineMs, signal };
  const bound = await Promise.all(
    jobs.map((job) => askToCommit(crypto, calls, { peer, keyHash }, toMessage(job, deadlineMs), call)),
  );
  const committed = bound.flatMap((answer) => (answer.outcome === 'answered' ? [answer.value] : []));
  if (committed.length < jobs.length) return undefined;
  return {
    jobs,
    async open() {
      const startMs = clock.nowMs();
      const isOver = (): boolean => clock.nowMs() - startMs >= deadlineMs;
      const reports: ScoreReport[] = [];
      for (const [index, job] of jobs.entries()) {
        const shown = { peer, committed: committed[index] as (typeof committed)[number], call, isOver };
        const report = await openTimedJob(state, job, shown);
        if (report === undefined) return undefined;
        reports.push(report);
      }
      return reports;
    },
  };
}

/**
 * Compares the reports. A result is right if a referee has the same, to the bit. It is wrong if two referees agree on
 * another one. Results of different classes are not compared: drift was not measured for texts that no model would
 * write.
 */
function judge(
  jobs: readonly TimedJob[],
  own: readonly ScoreReport[],
  told: readonly (readonly ScoreReport[] | undefined)[],
): TestOutcome {
  const outcomes = jobs.map((job, part): TestOutcome => {
    const report = own[part] as ScoreReport;
    const words = told.flatMap((reports) => reports?.[part] ?? []).filter((one) => !isBlank(one, job));
    if (words.some((word) => isSame(report, word) === true)) return 'answered';
    const [first, second] = words;
    const areAgreed = first !== undefined && second !== undefined && isSame(first, second) === true;
    return areAgreed && isSame(report, first) === false ? 'missed' : 'unknown';
  });
  if (outcomes.includes('missed')) return 'missed';
  return outcomes.includes('unknown') ? 'unknown' : 'answered';
}

/** @returns undefined if they cannot be compared. */
function isSame(a: ScoreReport, b: ScoreReport): boolean | undefined {
  return a.exact && b.exact && a.numericClass === b.numericClass ? isSameFinding(a, b) : undefined;
}
