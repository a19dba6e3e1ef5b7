import { estimateClean, type LinearForm, type StepValues } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import type { DrawnPicture } from '../../pictures/drawn-picture.ts';

/** The form of a latent: `channels` planes of `width` x `height` values. */
export interface LatentForm {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Values of a channel that become 0 and 255. */
interface ChannelRange {
  readonly least: number;
  readonly most: number;
}

/** How many standard deviations beside its mean a value still has a colour of its own. */
const SPREAD = 2.5;

/**
 * Draws the clean latent that each step stands for, without a decoder: its first three channels become red, green and blue. A latent of
 * fewer channels is grey. All steps share the ranges of the last latent.
 * @param steps the latent and the output of each step.
 * @param final the last latent.
 */
export function drawSteps(
  steps: readonly StepValues[],
  final: Float32Array,
  { estimates, form }: { readonly estimates: readonly LinearForm[]; readonly form: LatentForm },
): readonly DrawnPicture[] {
  const ranges = listColours(form).map((channel) => findRange(readChannel(final, form, channel)));
  return steps.map((values, i) => drawLatent(estimateClean(estimates[i] as LinearForm, values), form, ranges));
}

const listColours = ({ channels }: LatentForm): readonly number[] => (channels >= 3 ? [0, 1, 2] : [0, 0, 0]);

const readChannel = (values: Float32Array, { width, height }: LatentForm, channel: number): Float32Array =>
  values.subarray(channel * width * height, (channel + 1) * width * height);

function findRange(values: Float32Array): ChannelRange {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const spread = SPREAD * Math.sqrt(variance) || 1;
  return { least: mean - spread, most: mean + spread };
}

function drawLatent(values: Float32Array, form: LatentForm, ranges: readonly ChannelRange[]): DrawnPicture {
  const { width, height } = form;
  const pixels = new Uint8Array(3 * width * height);
  for (const [colour, channel] of listColours(form).entries()) {
    const { least, most } = ranges[colour] as ChannelRange;
    for (const [place, value] of readChannel(values, form, channel).entries()) {
      const share = (value - least) / (most - least);
      pixels[3 * place + colour] = Math.round(255 * Math.min(1, Math.max(0, share)));
    }
  }
  return { width, height, pixels };
}
