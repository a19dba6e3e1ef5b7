import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { drawAuditedSteps } from '@ogong/protocol/modality/trajectory/audit-job';
import type { TrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { type CommittedSteps, replayLinks } from '@ogong/protocol/modality/trajectory/links';
import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { readTrajectoryOpening } from '@ogong/protocol/modality/trajectory/replay';
import { type PictureRequest, parsePictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countLeftOut } from '@ogong/protocol/modality/trajectory/request-picture';
import type { DrawnPicture } from '../../pictures/drawn-picture.ts';
import type { ReplyToShow } from '../modality.ts';
import { drawSteps } from './thumbnail.ts';

export interface StepReading {
  /** From 1, in the numbers of the schedule. */
  readonly number: number;
  readonly timestep: number;
  /** Length of the output, by its projection. */
  readonly length: number;
  /** Undefined without the draw of an audit. */
  readonly isAudited: boolean | undefined;
  /** Undefined without the outputs of the steps. */
  readonly thumbnail: DrawnPicture | undefined;
}

/** A picture with its steps, as receipt and log show them. */
export interface TrajectoryReading {
  readonly request: PictureRequest;
  readonly header: TrajectoryHeader;
  /** RGB8, row by row; undefined if the response has another size. */
  readonly pixels: Uint8Array | undefined;
  /** Steps that are left out, because a picture is changed. */
  readonly leftOut: number;
  readonly steps: readonly StepReading[];
}

/** @throws ProtocolError, RequestError if a part has another form. */
export function readTrajectory(reply: Pick<ReplyToShow, 'file' | 'replyId' | 'opening' | 'blobs' | 'audit'>) {
  const { file, opening } = reply;
  if (opening === undefined) throw new TypeError('a picture without its opening has no steps');
  const committed = readTrajectoryOpening(opening);
  const { header, leaves, schedule } = committed;
  const { width, height, steps } = header.choices;
  const leftOut = countLeftOut(steps, header.source ?? header.range);
  const draw = reply.audit?.draw;
  const audited = draw && drawAuditedSteps(crypto, { draw, replyId: reply.replyId, steps: leaves.steps });
  const thumbnails = drawThumbnails(committed, reply.blobs);
  return {
    request: parsePictureRequest(file.request, header.endpoint),
    ...{ header, leftOut },
    pixels: file.response.length === width * height * PIXEL_BYTES ? file.response : undefined,
    steps: leaves.steps.map(({ projection }, i) => ({
      number: leftOut + i + 1,
      timestep: schedule.steps[i]?.timestep ?? 0,
      length: Math.hypot(...projection),
      isAudited: audited?.includes(i),
      thumbnail: thumbnails?.[i],
    })),
  } satisfies TrajectoryReading;
}

/** Draws the steps if all outputs are at hand and every link holds. */
function drawThumbnails(committed: CommittedSteps, blobs: FindBlob): readonly DrawnPicture[] | undefined {
  const { header, leaves, schedule } = committed;
  if (leaves.steps.some(({ outputRoot }) => blobs(outputRoot) === undefined)) return undefined;
  const { latents, outputs } = replayLinks(crypto, committed, blobs);
  if (latents === undefined || outputs === undefined) return undefined;
  const { choices, facts } = header;
  const steps = outputs.map((output, i) => ({
    latent: latents[i] as Float32Array,
    output: output as Float32Array,
  }));
  const form = {
    width: choices.width / facts.latentScale,
    height: choices.height / facts.latentScale,
    channels: facts.latentChannels,
  };
  return drawSteps(steps, latents.at(-1) as Float32Array, { estimates: schedule.estimates, form });
}
