import { utf8Encode } from '../../base/bytes.ts';
import type { Demands } from '../demands.ts';
import { applyRules, type DroppedFields, type FieldRules, isAbsent } from '../shared/field-rules.ts';
import { parsePreference, type RequestPreference } from '../shared/preference-fields.ts';
import { RequestError } from '../shared/request-error.ts';
import {
  type BodyFields,
  isWellFormedText,
  MAX_CHOICES,
  parseBoolean,
  parseDemands,
  parseInteger,
  parseModelName,
  parseNumber,
  parseObject,
  parseSeed,
  toFixed,
} from '../shared/request-fields.ts';
import { TRAJECTORY_ENDPOINT_INFO } from './endpoints.ts';
import { EDIT_FIELDS, PICTURE_FIELDS, VARIATION_FIELDS } from './fields.ts';
import { type GuidancePlan, hasMomentum, NEEDS_ALL_STEPS, parseGuidancePlan } from './guidance-plan.ts';
import {
  countUnits,
  MAX_DEFAULT_STEPS,
  MAX_PIXELS,
  MAX_SIDE,
  MAX_STEPS_ASKED,
  type PictureSize,
} from './picture-size.ts';
import { MAX_PREVIEWS } from './previews.ts';
import { type AskedSource, countRun, parseSource, type RequestSource } from './request-picture.ts';
import { SAMPLER_NAMES, type SamplerName } from './schedule/scheduler-config.ts';
import { parseRange, type RequestRange, type StepRange } from './step-range.ts';

export type TrajectoryEndpoint = keyof typeof TRAJECTORY_ENDPOINT_INFO;
/** Endpoints, in the order of their codes in headers and summaries. */
export const TRAJECTORY_ENDPOINTS = Object.keys(TRAJECTORY_ENDPOINT_INFO) as readonly TrajectoryEndpoint[];

/** @throws RequestError for an endpoint of another modality. */
export function readPictureEndpoint(name: string): TrajectoryEndpoint {
  const endpoint = TRAJECTORY_ENDPOINTS.find((one) => one === name);
  if (endpoint === undefined) throw new RequestError(`${name.slice(0, 32)} is no endpoint of pictures`);
  return endpoint;
}

/** Returns whether an endpoint changes a picture, and so needs one. */
export const changesPicture = (endpoint: TrajectoryEndpoint): boolean => endpoint !== 'image';

/** One unit of a committed guidance. */
export const GUIDANCE_ONE = 2 ** 16;
export const MAX_GUIDANCE = 50;
const MAX_PROMPT_BYTES = 32_000;

/** The fields that header, fee and verdict depend on, without text. Co-signers see only these (docs/spec/trajectory.md). */
export interface AskedPicture {
  readonly endpoint: TrajectoryEndpoint;
  readonly model: string;
  readonly demands: Demands;
  readonly choices: number;
  readonly seed: bigint | undefined;
  /** Pixels. Default: the model's own size. */
  readonly size: PictureSize | undefined;
  /** Default: the model's own number. */
  readonly steps: number | undefined;
  /** In units of 1/65,536. Default: the model's own. */
  readonly guidanceQ16: number | undefined;
  /** Default: the sampler that the model's files name. */
  readonly sampler: SamplerName | undefined;
  /** Default: all steps are guided, without momentum. */
  readonly guidancePlan: GuidancePlan | undefined;
  /** The picture to change; undefined for a picture from noise alone. */
  readonly source: AskedSource | undefined;
  /** The part of the steps that a link of a chain runs; undefined for a whole picture. */
  readonly range: StepRange | undefined;
}

/** The part of a request that a model reads. It is the same for gateway, provider, verifier and consumer. */
export interface PictureRequest extends AskedPicture {
  readonly source: RequestSource | undefined;
  readonly range: RequestRange | undefined;
  /** Empty for a variation. */
  readonly prompt: string;
  /** Empty without one. */
  readonly negativePrompt: string;
  /** The form in which the gateway shows the picture. The commitment covers its pixels. */
  readonly responseFormat: 'b64_json' | 'url';
  readonly stream: boolean;
  /** Pictures that a stream shows before the last one, 0..3. */
  readonly partialPictures: number;
  readonly preference: RequestPreference;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

const RULES: Readonly<Record<TrajectoryEndpoint, FieldRules>> = {
  image: PICTURE_FIELDS,
  'image-edit': EDIT_FIELDS,
  'image-variation': VARIATION_FIELDS,
};

/** Parses a body of an endpoint of pictures. @throws RequestError naming the offending parameter. */
export function parsePictureRequest(body: Uint8Array, endpoint: TrajectoryEndpoint = 'image'): PictureRequest {
  const fields = parseObject(body);
  const collected: DroppedFields = { dropped: [] };
  applyRules(collected, fields, RULES[endpoint]);
  const named = parseModelName(fields.model);
  const stepsField = pickField(fields, ['steps', 'num_inference_steps']);
  const steps = stepsField && parseInteger(fields, stepsField, 1, MAX_STEPS_ASKED, 1);
  const guidance = pickField(fields, ['guidance', 'guidance_scale', 'cfg_scale']);
  const guidanceQ16 = guidance && toFixed(parseNumber(fields, guidance, 0, MAX_GUIDANCE, 1), GUIDANCE_ONE);
  const guidancePlan = parseGuidancePlan(fields, guidanceQ16 as number | undefined);
  const range = parseRange(fields, steps);
  if (range && hasMomentum(guidancePlan)) throw new RequestError(NEEDS_ALL_STEPS, 'guidance_momentum');
  return {
    ...{ endpoint, model: named.model },
    prompt: parsePrompt(fields.prompt, 'prompt', { isRequired: endpoint !== 'image-variation' }),
    negativePrompt: parsePrompt(fields.negative_prompt, 'negative_prompt', { isRequired: false }),
    choices: parseInteger(fields, 'n', 1, MAX_CHOICES, 1),
    seed: parseSeed(fields.seed),
    size: parseSize(fields),
    steps,
    guidanceQ16,
    sampler: parseSampler(fields.sampler),
    guidancePlan,
    source: changesPicture(endpoint) ? parseSource(fields, { mayMask: endpoint === 'image-edit' }) : undefined,
    range,
    responseFormat: parseFormat(fields.response_format),
    stream: parseBoolean(fields, 'stream'),
    partialPictures: parseInteger(fields, 'partial_images', 0, MAX_PREVIEWS, 0),
    demands: parseDemands(fields.ogong),
    preference: parsePreference(fields.ogong, named),
    dropped: collected.dropped,
  };
}

/** The most units that a request can bill. */
export function boundUnits({ size, steps, range }: Pick<AskedPicture, 'size' | 'steps' | 'range'>): number {
  return countUnits(size ?? { width: MAX_PIXELS, height: 1 }, countRun(steps ?? MAX_DEFAULT_STEPS, range));
}

/**
 * The most units that a model bills for a request.
 * @param contextSize the most units of a picture of the model: MAX_STEPS_ASKED steps over its most pixels. A request without a size has no
 * more pixels.
 */
export function boundModelBill(request: Pick<AskedPicture, 'size' | 'steps' | 'range'>, contextSize: number): number {
  const bound = boundUnits(request);
  if (request.size !== undefined) return bound;
  const run = countRun(request.steps ?? MAX_DEFAULT_STEPS, request.range);
  return Math.min(bound, Math.ceil((run * contextSize) / MAX_STEPS_ASKED));
}

/** Finds the one of several names of a field that a body has. @throws RequestError if it has two of them. */
function pickField<const N extends string>(fields: BodyFields, names: readonly N[]): N | undefined {
  const given = names.filter((name) => !isAbsent(fields[name]));
  if (given.length > 1) throw new RequestError(`${given.join(' and ')} mean the same; send one of them`, given[1]);
  return given[0];
}

function parsePrompt(value: unknown, param: string, { isRequired }: { readonly isRequired: boolean }): string {
  if (isAbsent(value) && !isRequired) return '';
  if (!isWellFormedText(value) || (isRequired && value.length === 0))
    throw new RequestError(`${param} must be a text`, param);
  if (utf8Encode(value).length > MAX_PROMPT_BYTES)
    throw new RequestError(`${param} must have at most ${MAX_PROMPT_BYTES} bytes`, param);
  return value;
}

function parseSize(fields: BodyFields): PictureSize | undefined {
  const { size, width, height } = fields;
  const isNamed = !isAbsent(size) && size !== 'auto';
  if (!isAbsent(width) || !isAbsent(height)) {
    if (isNamed) throw new RequestError('size, and width with height, mean the same; send one of them', 'size');
    return assertSize(width, height, isAbsent(width) ? 'width' : 'height');
  }
  if (!isNamed) return undefined;
  const [, across, down] = (typeof size === 'string' && /^(\d{1,4})x(\d{1,4})$/.exec(size)) || [];
  return assertSize(Number(across), Number(down), 'size');
}

function assertSize(width: unknown, height: unknown, param: string): PictureSize {
  const isSide = (side: unknown): side is number =>
    Number.isInteger(side) && (side as number) >= 8 && (side as number) <= MAX_SIDE;
  if (!isSide(width) || !isSide(height))
    throw new RequestError(`${param}: a picture has a size such as 512x512, of 8 to ${MAX_SIDE} pixels a side`, param);
  if (width * height > MAX_PIXELS)
    throw new RequestError(`${param}: a picture has at most ${MAX_PIXELS} pixels, such as 1024x1024`, param);
  return { width, height };
}

function parseSampler(value: unknown): SamplerName | undefined {
  if (isAbsent(value)) return undefined;
  const sampler = SAMPLER_NAMES.find((one) => one === value);
  if (sampler === undefined) throw new RequestError(`sampler is one of ${SAMPLER_NAMES.join(', ')}`, 'sampler');
  return sampler;
}

function parseFormat(value: unknown): PictureRequest['responseFormat'] {
  if (isAbsent(value) || value === 'b64_json') return 'b64_json';
  if (value === 'url') return 'url';
  throw new RequestError('response_format must be b64_json or url', 'response_format');
}
