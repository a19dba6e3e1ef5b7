import type { Engine } from '@ogong/engine/open-engine';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import type { ProviderModality, RerunClaim, RerunFindings, RerunMeans } from './modality.ts';

/**
 * Runs a reply again as a verifier does, and weighs the report as an audit does.
 * @throws EngineError; Refusal if the engine is of another modality than the reply.
 */
export async function rerunReport<E extends Engine>(
  openScoreJob: ProviderModality<E>['openScoreJob'],
  { request, endpoint, reply, media = NO_MEDIA }: RerunClaim,
  { engine, crypto, signal, draw = NO_DRAW }: RerunMeans<E>,
): Promise<RerunFindings> {
  const inputs = reply.describeJob(endpoint, draw);
  const blobs = reply.makeJobBlobs?.(draw);
  if (reply.makeJobBlobs !== undefined && blobs === undefined)
    throw new ProtocolError('unsupported', 'the outputs of its steps are not shown here, so no step can run again');
  const job = {
    jobId: new Uint8Array(16),
    request,
    timeoutMs: 0,
    contextSize: 0,
    draw,
    ...(blobs && { blobs: [...blobs] }),
    media: [...media.values()],
    ...inputs,
  };
  const read = reply.readReport(await openScoreJob(job, { engine, crypto }).score(signal), job);
  if ('problem' in read) throw new ProtocolError('malformed', read.problem);
  const { outcome, checks } = read.weigh({});
  return { outcome, checks, numericClass: read.numericClass, difference: undefined };
}
