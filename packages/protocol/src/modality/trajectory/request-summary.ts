import { ProtocolError } from '../../base/bytes.ts';
import {
  createFormat,
  flag,
  hash,
  i64,
  oneOf,
  optional,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  within,
} from '../../base/codec.ts';
import { demandsCodec } from '../demands.ts';
import { MAX_CHOICES, MAX_MODEL_NAME } from '../shared/request-fields.ts';
import { guidancePlanCodec } from './guidance-plan.ts';
import { assertPixels, MAX_SIDE, MAX_STEPS_ASKED } from './picture-size.ts';
import { type AskedPicture, changesPicture, GUIDANCE_ONE, MAX_GUIDANCE, TRAJECTORY_ENDPOINTS } from './request.ts';
import { STRENGTH_ONE } from './request-picture.ts';
import { SAMPLER_NAMES } from './schedule/scheduler-config.ts';
import { assertRange, stepRangeCodec } from './step-range.ts';

const side = within(u16, 8, MAX_SIDE);

const sourceCodec = struct({ strengthQ16: within(u32, 1, STRENGTH_ONE), hasMask: flag });

const summaryCodec = struct({
  endpoint: oneOf(TRAJECTORY_ENDPOINTS),
  model: text(3 * MAX_MODEL_NAME),
  demands: demandsCodec,
  choices: within(u8, 1, MAX_CHOICES),
  seed: optional(i64),
  size: optional(refine(struct({ width: side, height: side }), assertPixels)),
  steps: optional(within(u16, 1, MAX_STEPS_ASKED)),
  guidanceQ16: optional(within(u32, 0, MAX_GUIDANCE * GUIDANCE_ONE)),
  sampler: optional(oneOf(SAMPLER_NAMES)),
  guidancePlan: optional(guidancePlanCodec),
  source: optional(sourceCodec),
  range: optional(stepRangeCodec),
  /** SHA-256 of the exact body. */
  bodyHash: hash,
});
const summaryFormat = createFormat(refine(summaryCodec, assertParts), { tag: 'ogong-picture-request-v1' });

function assertParts({
  endpoint,
  source,
  steps,
  range,
}: Pick<AskedPicture, 'endpoint' | 'source' | 'steps' | 'range'>): void {
  if (range !== undefined && changesPicture(endpoint))
    throw new ProtocolError('malformed', `${endpoint} in a part of its steps`);
  assertRange(range, steps);
  if (changesPicture(endpoint) !== (source !== undefined))
    throw new ProtocolError('malformed', `${endpoint} with${source ? '' : 'out'} a picture to change`);
}

/** Encodes a summary. The request's hash is that of these bytes (docs/spec/trajectory.md). */
export const encodePictureSummary = (asked: AskedPicture, bodyHash: Uint8Array): Uint8Array =>
  summaryFormat.encode({ ...asked, bodyHash });

/** @throws ProtocolError */
export const parsePictureSummary: (bytes: Uint8Array) => AskedPicture & { readonly bodyHash: Uint8Array } =
  summaryFormat.decode;
