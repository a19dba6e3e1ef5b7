import { ProtocolError, toHex } from '../../base/bytes.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkRoot } from '../../stage1/common-checks.ts';
import type { BlobWalk, WantedJob } from '../blob-walk.ts';
import { drawAuditedSteps } from './audit-job.ts';
import { hidesSteps } from './hidden/hidden-facts.ts';
import { replayHidden } from './hidden/hidden-replay.ts';
import { type CommittedSteps, listOutputBlobs, walkLinks } from './links.ts';
import { plantLatent } from './planted-picture.ts';
import { readTrajectoryOpening } from './replay.ts';

/**
 * Replays the links of a picture over outputs that arrive one after another.
 * @param job keeps the latents that a verifier gets. Default: no latent is kept.
 * @throws ProtocolError if the opening is not that of the record, or has a wrong form.
 */
export function* walkTrajectory(crypto: Crypto, record: RecordV2, opening: Opening, job?: WantedJob): BlobWalk {
  const root = checkRoot(crypto, record, opening);
  if (root.status !== 'pass') throw new ProtocolError('malformed', root.detail);
  const opened = readTrajectoryOpening(opening);
  if (hidesSteps(opened.header.facts))
    return { commitRoot: record.commitRoot, ...replayHidden(crypto, opened), kept: undefined };
  const refs = new Map(listOutputBlobs(opened).map((ref) => [toHex(ref.root), ref]));
  const kept = new Set(job && listJobLatents(crypto, record, opened, job));
  const committed = { ...opened, responseHash: record.responseHash };
  const walk = walkLinks(crypto, committed, (index) => kept.has(index));
  let at = walk.next();
  while (!at.done) {
    // Outputs fix all latents, so no latent is fetched.
    const ref = at.value && refs.get(toHex(at.value));
    const isPause = at.value === undefined;
    at = walk.next(isPause || ref ? yield ref : undefined);
  }
  const { checks, latents, refutedBy } = at.value;
  return { commitRoot: record.commitRoot, checks, kept: latents, refutedBy };
}

/** Lists the indices of the latents that the verifiers of a job and of its honeypot get. */
function listJobLatents(
  crypto: Crypto,
  { replyId }: Pick<RecordV2, 'replyId'>,
  { header, leaves }: Pick<CommittedSteps, 'header' | 'leaves'>,
  { draw, plantSeed }: WantedJob,
): readonly number[] {
  const { steps } = leaves;
  const drawn = drawAuditedSteps(crypto, { draw, replyId, steps });
  const planted =
    plantSeed &&
    plantLatent(crypto, leaves, drawn, { seed: plantSeed, isBegun: header.range?.latentHash !== undefined });
  return [...drawn, steps.length, ...(planted ? [planted.latent] : [])];
}
