import { formatPreviewEvent, formatStepEvent } from './picture-formats.ts';
import type { PictureSize } from './picture-size.ts';
import { listPreviewSteps } from './previews.ts';
import type { PictureRequest } from './request.ts';

/** A computed step of a picture, with a preview or without. */
interface ComputedStep extends PictureSize {
  /** Computed steps, from 1. */
  readonly step: number;
  readonly steps: number;
  /** RGB8, row by row; empty without one. */
  readonly preview: Uint8Array;
}

/**
 * Creates the formatter of the steps of one picture. If another provider begins the picture again, a preview that was shown is left out.
 * @param options.created Unix time, s.
 * @param options.namesSteps whether the caller wants events that OpenAI's API does not have. @param options.encodePng encodes RGB8.
 * @returns the function that makes the events of a step.
 */
export function createStepFormatter(
  request: Pick<PictureRequest, 'endpoint' | 'partialPictures'>,
  {
    created,
    choice,
    namesSteps,
    encodePng,
  }: {
    readonly created: number;
    readonly choice: number;
    readonly namesSteps: boolean;
    readonly encodePng: (picture: PictureSize & { readonly pixels: Uint8Array }) => Promise<Uint8Array>;
  },
): (computed: ComputedStep) => Promise<readonly object[]> {
  let shown = 0;
  return async ({ step, steps, width, height, preview: pixels }) => {
    const events = namesSteps ? [formatStepEvent(request, { choice, step, steps })] : [];
    const index = pixels.length > 0 ? listPreviewSteps(steps, request.partialPictures).indexOf(step) : -1;
    if (index < shown) return events;
    shown = index + 1;
    const png = await encodePng({ width, height, pixels });
    return [...events, formatPreviewEvent(request, { created, choice, index, size: { width, height }, png })];
  };
}
