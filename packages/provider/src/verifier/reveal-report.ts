import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type JobRound, verifyRoundSignature } from '@ogong/protocol/exchange/round-signature';
import type { RevealRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeScoreOpening, MAX_ROUND } from '@ogong/protocol/modality/shared/score-commitment';
import { ADDRESS_BYTES, findOwner, type VerifierState } from './verifier-state.ts';

/** A report; or the round that its validator has had it opened over before, with that validator's signature. */
export type RevealedReport =
  | { readonly salt: Uint8Array; readonly report: Uint8Array; readonly signature: Uint8Array }
  | { readonly openedRound: { round: Uint8Array[]; readonly word: Uint8Array } };

type RevealState = Pick<VerifierState, 'crypto' | 'signer' | 'reports' | 'metrics' | 'chain'>;

/**
 * Opens a commitment over the one round that names it. The caller is the validator that owns the job, or a witness with its
 * signature.
 * @throws Refusal
 */
export async function revealReport(
  state: RevealState,
  { jobId, round, validator, word }: Pick<RevealRequest, 'jobId' | 'round' | 'validator' | 'word'>,
  caller: PeerId,
): Promise<RevealedReport> {
  const { crypto, signer, reports, metrics } = state;
  if (jobId.length !== 16) throw new Refusal('invalid', `a job id has 16 bytes, not ${jobId.length}`);
  if (round.length > MAX_ROUND || round.some((digest) => digest.length !== 32)) {
    throw new Refusal('invalid', `a round has at most ${MAX_ROUND} digests of 32 bytes`);
  }
  const key = { validator: findOwner(state, caller, validator), jobId };
  const all = reports.list(key);
  if (all.length === 0) throw new Refusal('not-found', 'no such job was committed to here');
  const named = all.filter((one) => round.some((digest) => equalBytes(digest, one.digest)));
  const [kept] = named;
  if (kept === undefined || named.length > 1 || round.filter((digest) => equalBytes(digest, kept.digest)).length > 1) {
    throw new Refusal('invalid', 'the round has to name the commitment that is to be opened, once');
  }
  assertWord(state, { ...key, round, word });
  if (!(await reports.bindRound(key, kept.jobHash, { round, word }))) {
    const bound = reports.findRound(key, kept.jobHash);
    if (bound === undefined || bound.word.length === 0)
      throw new Refusal('conflict', 'opened over another round already');
    return { openedRound: { round: [...bound.round], word: bound.word } };
  }
  const { salt, report } = kept;
  const signature = signer.sign(encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round }));
  metrics.opened.inc();
  return { salt, report, signature };
}

/**
 * A validator signs the round. With the signature a verifier can prove which validator had the report opened, and over which round.
 * Peers that calibrate have no signature.
 * @throws Refusal
 */
function assertWord(
  { crypto, chain }: Pick<RevealState, 'crypto' | 'chain'>,
  asked: JobRound & { readonly validator: Uint8Array; readonly word: Uint8Array },
): void {
  const { validator, word } = asked;
  if (validator.length !== ADDRESS_BYTES && word.length === 0) return;
  const signingKey = chain.findByAddress(validator)?.signingKey;
  if (signingKey === undefined) throw new Refusal('unavailable', 'the key of that validator is not known here');
  if (verifyRoundSignature(crypto, { ledger: chain.ledger, signingKey }, asked)) return;
  throw new Refusal('precondition', 'the validator has not signed for this round');
}
