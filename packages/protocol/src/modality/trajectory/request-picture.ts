import { parseMediaReference } from '../media/media.ts';
import { isAbsent } from '../shared/field-rules.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseNumber, toFixed } from '../shared/request-fields.ts';
import type { StepRange } from './step-range.ts';

/** Strength 1 in a committed number. */
export const STRENGTH_ONE = 2 ** 16;
/** Share of the schedule that changes a picture, if the request names none: that of diffusers. */
const USUAL_STRENGTH = 0.8;

/** The part of a picture to change that header and verdict depend on. */
export interface AskedSource {
  /** Share of the schedule that runs, in units of 1/65,536: 1..65,536. */
  readonly strengthQ16: number;
  readonly hasMask: boolean;
}

/** A picture to change. */
export interface RequestSource extends AskedSource {
  /** The reference of the picture's file; see mediaBytes. */
  readonly picture: string;
  /** The reference of the mask's file, whose transparent pixels are painted again; undefined without one. */
  readonly mask: string | undefined;
}

/** The reason why only a part of the steps runs: a picture to change, or the range of a link. Default: all steps run. */
export type PartRun = Pick<AskedSource, 'strengthQ16'> | StepRange | undefined;

/** Counts the steps of the schedule that are left out at its beginning: at least one step runs. */
export function countLeftOut(steps: number, part: PartRun): number {
  if (part === undefined) return 0;
  if ('firstStep' in part) return part.firstStep;
  return steps - Math.max(1, Math.floor((steps * part.strengthQ16) / STRENGTH_ONE));
}

/** Counts the steps that run. */
export const countRun = (steps: number, part: PartRun): number =>
  (part && 'lastStep' in part ? part.lastStep : steps) - countLeftOut(steps, part);

/**
 * Reads the picture to change, its mask and the strength.
 * @param mayMask whether the endpoint has masks.
 * @throws RequestError
 */
export function parseSource(fields: BodyFields, { mayMask }: { readonly mayMask: boolean }): RequestSource {
  const picture = parseMediaReference(takeOnly(fields), 'image');
  const mask = mayMask && !isAbsent(fields.mask) ? parseMediaReference(unwrap(fields.mask), 'mask') : undefined;
  const usual = mask === undefined ? USUAL_STRENGTH : 1;
  const strengthQ16 = toFixed(parseNumber(fields, 'strength', 0, 1, usual), STRENGTH_ONE);
  if (strengthQ16 < 1)
    throw new RequestError('strength must be above 0: a picture with strength 0 does not change', 'strength');
  return { strengthQ16, hasMask: mask !== undefined, picture, mask };
}

/** Takes the one picture of a body: `image`, alone or in a list, or `images` as objects with an `image_url`. */
function takeOnly({ image, images }: BodyFields): unknown {
  if (!isAbsent(image) && !isAbsent(images))
    throw new RequestError('image and images mean the same; send one of them', 'images');
  const given = isAbsent(images) ? image : images;
  const param = isAbsent(images) ? 'image' : 'images';
  if (isAbsent(given)) throw new RequestError('image is missing: send a picture as data:image/png;base64,…', 'image');
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length !== 1)
    throw new RequestError(`${param}: one picture is changed at a time, not ${list.length}`, param);
  return unwrap(list[0]);
}

const unwrap = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'image_url' in value ? value.image_url : value;
