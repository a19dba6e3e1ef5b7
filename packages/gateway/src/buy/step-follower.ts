import { ApiError } from '@ogong/host/http/api-error';
import { MAX_PICTURE_BYTES } from '@ogong/protocol/exchange/limits';
import type { PictureStep } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** Limits of a request for the steps of its picture. */
export interface StepLimits {
  /** Previews that the client wants. */
  readonly previews: number;
  /** Steps of a picture at most. */
  readonly mostSteps: number;
  /** True in a tier without steps: after its start a provider is silent until the picture is complete. Default: false. */
  readonly areHidden?: boolean;
}

/** Red, green and blue, a byte each. */
const PIXEL_BYTES = 3;

/**
 * Creates a check of the steps of one picture. Each step counts once, so that a provider cannot look alive for ever.
 * @returns the function for one event: the step, or undefined if it is none that is due. It throws an ApiError for more than the request
 * allows.
 */
export function createStepFollower({
  previews,
  mostSteps,
}: StepLimits): (step: PictureStep) => PictureStep | undefined {
  let last = 0;
  let shown = 0;
  return (event) => {
    const { step, steps, width, height, preview } = event;
    if (preview.length > 0) {
      shown++;
      const isPicture = preview.length <= MAX_PICTURE_BYTES && preview.length === width * height * PIXEL_BYTES;
      if (shown > previews || !isPicture)
        throw new ApiError('provider_failed', 'The provider sends more than the request allows.');
    }
    if (step <= last || step > steps || steps > mostSteps) return undefined;
    last = step;
    return event;
  };
}
