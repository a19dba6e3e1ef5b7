import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { RevealRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeScoreOpening, MAX_ROUND } from '@ogong/protocol/modality/text/stage2/score-commitment';
import type { JobKey } from './report-store.ts';
import type { VerifierState } from './verifier-state.ts';

export interface RevealedReport {
  readonly salt: Uint8Array;
  readonly report: Uint8Array;
  readonly signature: Uint8Array;
}

type RevealState = Pick<VerifierState, 'crypto' | 'signer' | 'reports' | 'metrics'>;

/** Opens a commitment over the one round that names it. @throws Refusal */
export async function revealReport(
  { crypto, signer, reports, metrics }: RevealState,
  { jobId, round }: Pick<RevealRequest, 'jobId' | 'round'>,
  validator: JobKey['validator'],
): Promise<RevealedReport> {
  if (jobId.length !== 16) throw new Refusal('invalid', `a job id has 16 bytes, not ${jobId.length}`);
  if (round.length > MAX_ROUND || round.some((digest) => digest.length !== 32)) {
    throw new Refusal('invalid', `a round has at most ${MAX_ROUND} digests of 32 bytes`);
  }
  const key = { validator, jobId };
  const kept = reports.get(key);
  if (kept === undefined) throw new Refusal('not-found', 'no such job was committed to here');
  if (round.filter((digest) => equalBytes(digest, kept.digest)).length !== 1) {
    throw new Refusal('invalid', 'the round has to name the commitment that is to be opened, once');
  }
  if (!(await reports.bindRound(key, round))) throw new Refusal('conflict', 'opened over another round already');
  const { salt, report } = kept;
  const signature = signer.sign(encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round }));
  metrics.opened.inc();
  return { salt, report, signature };
}
