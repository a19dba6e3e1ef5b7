import { ProtocolError } from '@ogong/protocol/base/bytes';
import { hasMomentum, NEEDS_GUIDANCE } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { PIXEL_BYTES, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { Schedule } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import type { LatentSource } from '@ogong/protocol/modality/trajectory/schedule/source';
import { EngineError } from '../../interface/engine-error.ts';
import type { TrajectoryInfo, TrajectoryRequest } from '../../interface/trajectory.ts';

/** UTF-16 units of a prompt at most. Longer ones cost time in the tokenizer, and all but their beginning is cut. */
const MOST_PROMPT_LENGTH = 1 << 16;
const MOST_GUIDANCE = 1_000;

const refuse = (message: string): never => {
  throw new EngineError('invalid-request', message);
};

type SizeRules = Pick<TrajectoryInfo, 'size' | 'hasFixedSize' | 'sizeStep' | 'mostPixels'>;

/** @throws EngineError `invalid-request` for a size that the model cannot compute. */
export function assertPictureSize({ width, height }: PictureSize, info: SizeRules): void {
  const { size, sizeStep, mostPixels } = info;
  if (info.hasFixedSize && (width !== size.width || height !== size.height))
    refuse(`the model makes pictures of ${size.width}x${size.height} pixels alone, not of ${width}x${height}`);
  if ([width, height].some((side) => !Number.isInteger(side) || side < 1 || side % sizeStep !== 0))
    refuse(`a picture of ${width}x${height} pixels; both sides are multiples of ${sizeStep}`);
  if (width * height > mostPixels) refuse(`a picture of ${width}x${height} pixels; at most ${mostPixels} are computed`);
}

export const countLatentValues = (
  { width, height }: PictureSize,
  { latentChannels, latentScale }: Pick<TrajectoryInfo, 'latentChannels' | 'latentScale'>,
): number => latentChannels * (width / latentScale) * (height / latentScale);

/** @throws EngineError `invalid-request` if the length is another one, or a value is not finite. */
export function assertValues(values: Float32Array, { count, name }: { count: number; name: string }): void {
  if (values.length !== count) refuse(`the ${name} has ${values.length} values; the picture needs ${count}`);
  if (!values.every(Number.isFinite)) refuse(`the ${name} has a value that is not finite`);
}

/** @throws EngineError `invalid-request` unless the latent fits the picture, and the mask has 0 or 1 for each of its places. */
export function assertSource(
  { latent, mask }: LatentSource,
  { count, places }: { count: number; places: number },
): void {
  assertValues(latent, { count, name: 'latent of the picture to change' });
  if (mask === undefined) return;
  assertValues(mask, { count: places, name: 'mask' });
  if (mask.some((value) => value !== 0 && value !== 1)) refuse('the mask has a value besides 0 and 1');
}

/** @throws EngineError `invalid-request` unless these are the pixels of the size. */
export function assertPixels(pixels: Uint8Array, { width, height }: PictureSize): void {
  const bytes = width * height * PIXEL_BYTES;
  if (pixels.length !== bytes)
    refuse(`the picture has ${pixels.length} bytes; ${width}x${height} pixels have ${bytes}`);
}

/** Plans the steps of a request. @throws EngineError `invalid-request` for a request that the model cannot run. */
export function planPicture(request: TrajectoryRequest, info: TrajectoryInfo): Schedule {
  assertPictureSize(request, info);
  const { prompt, negativePrompt, guidance, steps, sampler, leftOut, lastStep } = request;
  if (Math.max(prompt.length, negativePrompt.length) > MOST_PROMPT_LENGTH)
    refuse(`a prompt is longer than ${MOST_PROMPT_LENGTH} characters`);
  if (!(Math.abs(guidance) <= MOST_GUIDANCE)) refuse(`guidance is ${guidance}; possible are 0 to ${MOST_GUIDANCE}`);
  if (request.guidancePlan !== undefined && !info.hasNegative)
    refuse('the model has no negative prompt, so its guidance has no window and no momentum');
  if (hasMomentum(request.guidancePlan) && guidance <= 1) refuse(NEEDS_GUIDANCE);
  try {
    const places = countLatentValues(request, info) / info.latentChannels;
    return planSchedule(info.scheduler, steps, sampler, { firstStep: leftOut, lastStep, places });
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new EngineError('invalid-request', cause.message, { cause });
  }
}
