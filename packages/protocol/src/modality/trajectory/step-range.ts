import { ProtocolError } from '../../base/bytes.ts';
import { type CodecType, hash, optional, struct, u16, within } from '../../base/codec.ts';
import { parseMediaReference } from '../media/media.ts';
import { isAbsent } from '../shared/field-rules.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseInteger } from '../shared/request-fields.ts';
import { MAX_STEPS_ASKED } from './picture-size.ts';

/** The steps that one link of a chain runs, counted from 0 over the whole picture (docs/spec/trajectory.md#chains). */
export interface StepRange {
  readonly firstStep: number;
  /** The step before which the link ends. */
  readonly lastStep: number;
}

/** A range with the latent that it begins with. */
export interface RequestRange extends StepRange {
  /** The reference of the latent's values, f32 little-endian; undefined for the first link, which begins with noise. */
  readonly latent: string | undefined;
}

const rangeFields = {
  firstStep: within(u16, 0, MAX_STEPS_ASKED - 1),
  lastStep: within(u16, 1, MAX_STEPS_ASKED),
} as const;

/** A range as a request's summary states it. */
export const stepRangeCodec = struct(rangeFields);

/** A range as a header states it. */
export const headerRangeCodec = struct({
  ...rangeFields,
  /** SHA-256 of the latent's values; undefined for the first link. */
  latentHash: optional(hash),
});
export interface HeaderRange extends CodecType<typeof headerRangeCodec> {}

/** Returns whether a link ends before the last step, so that its answer is a latent. */
export const answersLatent = (steps: number | undefined, range: StepRange | undefined): boolean =>
  range !== undefined && steps !== undefined && range.lastStep < steps;

/** @throws ProtocolError unless the range is a part of so many steps. A whole picture has no range. */
export function assertRange(range: StepRange | HeaderRange | undefined, steps: number | undefined): void {
  if (range === undefined) return;
  const { firstStep, lastStep } = range;
  const isPart = steps !== undefined && firstStep < lastStep && lastStep <= steps && lastStep - firstStep < steps;
  if (!isPart) throw new ProtocolError('malformed', `steps ${firstStep} to ${lastStep} are no part of ${steps} steps`);
  if ('latentHash' in range && (range.latentHash !== undefined) !== firstStep > 0)
    throw new ProtocolError(
      'malformed',
      `a link from step ${firstStep} ${firstStep > 0 ? 'without' : 'with'} a latent`,
    );
}

/**
 * Reads the range of a link: `first_step`, `last_step` and `latent`.
 * @param steps of the whole picture, if the request names them.
 * @returns undefined for a whole picture.
 * @throws RequestError
 */
export function parseRange(fields: BodyFields, steps: number | undefined): RequestRange | undefined {
  const given = ['first_step', 'last_step', 'latent'].filter((name) => !isAbsent(fields[name]));
  if (given.length === 0) return undefined;
  if (steps === undefined)
    throw new RequestError(`${given[0]} belongs to a part of a picture; send the steps of the whole one too`, 'steps');
  const lastStep = parseInteger(fields, 'last_step', 1, steps, steps);
  const firstStep = parseInteger(fields, 'first_step', 0, lastStep - 1, 0);
  if (firstStep === 0 && !isAbsent(fields.latent))
    throw new RequestError('a picture begins with noise; send latent with a first_step above 0', 'latent');
  const latent = firstStep === 0 ? undefined : parseMediaReference(fields.latent, 'latent');
  return firstStep === 0 && lastStep === steps ? undefined : { firstStep, lastStep, latent };
}
