/** The most previews of a picture that a stream shows. */
export const MAX_PREVIEWS = 3;

/**
 * Lists the steps after which a provider shows a preview, ascending: `count` of them, evenly between the first step and the last. Fewer if
 * the picture has too few steps.
 * @param steps of the picture.
 * @returns numbers of computed steps, from 1.
 */
export function listPreviewSteps(steps: number, count: number): readonly number[] {
  const due = Array.from({ length: count }, (_, i) => Math.floor(((i + 1) * steps) / (count + 1)));
  return due.filter((step, i) => step > 0 && step !== due[i - 1]);
}
