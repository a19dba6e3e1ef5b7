import { setTimeout as delay } from 'node:timers/promises';
import { Refusal } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  hashScoreInputs,
  SALT_BYTES,
  type ScoreJobMessage,
} from '@ogong/protocol/modality/shared/score-commitment';
import type { JobKey, KeptReport } from './report-store.ts';
import { type JobLimits, runJob, type VerifierCall } from './run-job.ts';
import { openJob } from './scorer.ts';
import { ADDRESS_BYTES, findOwner, isValidator, type VerifierState } from './verifier-state.ts';

/** How many calibration jobs run at a time, and how many of their reports are kept. Audits must always find room. */
export const MAX_GUEST_JOBS = 4;
const MAX_GUEST_REPORTS = 16;

/** A job, in whose name it is asked for: of the caller if that is empty. */
export type AskedJob = ScoreJobMessage & { readonly validator?: Uint8Array };

export interface ReportCommitment {
  readonly digest: Uint8Array;
  readonly verifierKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** A peer that calibrates waits on its own side when too many of its jobs run. @throws Refusal */
export async function answerScoreRequest(
  state: VerifierState,
  message: AskedJob,
  call: VerifierCall,
): Promise<ReportCommitment> {
  if (isValidator(state, call.caller)) return commitReport(state, message, call);
  if (state.guestJobs >= MAX_GUEST_JOBS) {
    throw new Refusal('unavailable', `${state.guestJobs} calibration jobs run already`);
  }
  state.guestJobs++;
  try {
    return await commitReport(state, message, call);
  } finally {
    state.guestJobs--;
  }
}

/**
 * The same job again is answered with the same commitment, for any caller and after a restart of either side. A validator's job goes on
 * when its call ends, so a slow verifier is done when it is asked again.
 */
async function commitReport(state: VerifierState, message: AskedJob, call: VerifierCall): Promise<ReportCommitment> {
  const { crypto, reports, signer, running, maxJobMs } = state;
  const job = openJob(message, state);
  const key = { validator: findOwner(state, call.caller, message.validator), jobId: job.jobId };
  const jobHash = hashScoreInputs(crypto, {
    ...message,
    requestHash: hashRequest(crypto, message.endpoint, message.request),
  });
  const { timeoutMs } = message;
  // A verifier does not know which reply it scores, so its step stands under the id of the job.
  const score = (limits: Omit<JobLimits, 'caller'>) =>
    state.metrics.steps.run(job.jobId, 'score', () =>
      runJob(state, job, { caller: call.caller, ...limits }, (until) => job.score(until)),
    );
  const make = async (limits: Omit<JobLimits, 'caller'>): Promise<KeptReport> =>
    keepReport(state, key, { jobHash, report: await score(limits) });
  const runOn = (): Promise<KeptReport> => {
    const name = [key.validator, key.jobId, jobHash].map(toHex).join();
    const made = running.get(name) ?? make({ timeoutMs: maxJobMs }).finally(() => running.delete(name));
    running.set(name, made);
    return answerInTime(made, timeoutMs);
  };
  const run = (): Promise<KeptReport> =>
    isValidator(state, call.caller) && timeoutMs > 0 ? runOn() : make({ timeoutMs, signal: call.signal });
  const kept = reports.get(key, jobHash) ?? (await run());
  return { digest: kept.digest, verifierKey: signer.publicKey, signature: kept.signature };
}

/** Share of a caller's time after which it learns that the job still runs. The answer has to arrive in time. */
const ANSWER_SHARE = 0.9;

/** @throws Refusal `unavailable` if the work is not done in time: a late verifier says so, and is not silent. */
async function answerInTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const timer = new AbortController();
  const late = delay(ANSWER_SHARE * timeoutMs, undefined, { signal: timer.signal }).then((): never => {
    throw new Refusal('unavailable', 'the job is not done yet; ask again');
  });
  return Promise.race([work, late]).finally(() => timer.abort());
}

/** @returns the report under the key: of two reports, the first one. */
export function keepReport(
  state: Pick<VerifierState, 'crypto' | 'clock' | 'signer' | 'reports' | 'randomBytes' | 'keyHash' | 'reportTtlMs'>,
  key: JobKey,
  { jobHash, report }: Pick<KeptReport, 'jobHash' | 'report'>,
): Promise<KeptReport> {
  const { crypto, clock, signer, reports, randomBytes, keyHash, reportTtlMs } = state;
  const { jobId } = key;
  const salt = randomBytes(SALT_BYTES);
  const reportHash = crypto.sha256(report);
  const digest = computeScoreDigest(crypto, { jobId, keyHash, inputsHash: jobHash, salt, reportHash });
  const signature = signer.sign(encodeScoreCommitment({ jobId, digest }));
  const nowMs = clock.nowMs();
  const keepLast = key.validator.length === ADDRESS_BYTES ? undefined : MAX_GUEST_REPORTS - 1;
  const terms = { nowMs, forgetBeforeMs: nowMs - reportTtlMs, keepLast };
  return reports.put(key, { jobHash, report, salt, digest, signature }, terms);
}
