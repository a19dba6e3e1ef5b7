import { Refusal } from '@ogong/host/link/link-error';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  hashScoreInputs,
  SALT_BYTES,
  type ScoreJobMessage,
} from '@ogong/protocol/modality/shared/score-commitment';
import type { JobKey, KeptReport } from './report-store.ts';
import { runJob, type VerifierCall } from './run-job.ts';
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

/** The same job again is answered with the same commitment, for any caller and after a restart of either side. */
async function commitReport(state: VerifierState, message: AskedJob, call: VerifierCall): Promise<ReportCommitment> {
  const { crypto, reports, signer } = state;
  const job = openJob(message, state);
  const key = { validator: findOwner(state, call.caller, message.validator), jobId: job.jobId };
  const jobHash = hashScoreInputs(crypto, {
    ...message,
    requestHash: hashRequest(crypto, message.endpoint, message.request),
  });
  // A verifier does not know which reply it scores, so its step stands under the id of the job.
  const score = () =>
    state.metrics.steps.run(job.jobId, 'score', () =>
      runJob(state, job, { timeoutMs: message.timeoutMs, ...call }, (until) => job.score(until)),
    );
  const kept = reports.get(key, jobHash) ?? (await keepReport(state, key, { jobHash, report: await score() }));
  return { digest: kept.digest, verifierKey: signer.publicKey, signature: kept.signature };
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
