import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { RevealRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeScoreOpening, MAX_ROUND } from '@ogong/protocol/modality/text/stage2/score-commitment';
import { findOwner, type VerifierState } from './verifier-state.ts';

export interface RevealedReport {
  readonly salt: Uint8Array;
  readonly report: Uint8Array;
  readonly signature: Uint8Array;
}

type RevealState = Pick<VerifierState, 'crypto' | 'signer' | 'reports' | 'metrics' | 'chain'>;

/** Opens a commitment over the one round that names it. @throws Refusal */
export async function revealReport(
  state: RevealState,
  { jobId, round }: Pick<RevealRequest, 'jobId' | 'round'>,
  caller: PeerId,
): Promise<RevealedReport> {
  const { crypto, signer, reports, metrics } = state;
  if (jobId.length !== 16) throw new Refusal('invalid', `a job id has 16 bytes, not ${jobId.length}`);
  if (round.length > MAX_ROUND || round.some((digest) => digest.length !== 32)) {
    throw new Refusal('invalid', `a round has at most ${MAX_ROUND} digests of 32 bytes`);
  }
  const key = { validator: findOwner(state, caller), jobId };
  const all = reports.list(key);
  if (all.length === 0) throw new Refusal('not-found', 'no such job was committed to here');
  const named = all.filter((one) => round.some((digest) => equalBytes(digest, one.digest)));
  const [kept] = named;
  if (kept === undefined || named.length > 1 || round.filter((digest) => equalBytes(digest, kept.digest)).length > 1) {
    throw new Refusal('invalid', 'the round has to name the commitment that is to be opened, once');
  }
  if (!(await reports.bindRound(key, kept.jobHash, round)))
    throw new Refusal('conflict', 'opened over another round already');
  const { salt, report } = kept;
  const signature = signer.sign(encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round }));
  metrics.opened.inc();
  return { salt, report, signature };
}
