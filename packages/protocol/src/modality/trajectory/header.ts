import { ProtocolError } from '../../base/bytes.ts';
import {
  address,
  type Codec,
  type CodecType,
  constant,
  createFormat,
  f64,
  flag,
  hash,
  oneOf,
  optional,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  union,
  within,
} from '../../base/codec.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { partsCodec } from '../../commitment/composed-root.ts';
import { MAX_HEADER_BYTES } from '../../commitment/opening.ts';
import { MAX_LATENT_BYTES, MAX_REPLAY_BYTES } from '../../exchange/limits.ts';
import { VALUE_BYTES } from '../shared/values.ts';
import { drawKeyCodec } from '../text/commitment/header.ts';
import {
  countAnswers,
  guidancePlanCodec,
  hasMomentum,
  NEEDS_ALL_STEPS,
  NEEDS_GUIDANCE,
  planGuidance,
  type StepGuidance,
} from './guidance-plan.ts';
import { assertHiddenFacts, HIDDEN_VALUES, hidesSteps } from './hidden/hidden-facts.ts';
import { MAX_LATENT_VALUES } from './noise.ts';
import { assertPixels, countUnits, MAX_SIDE, MAX_STEPS_ASKED } from './picture-size.ts';
import { PROJECTION_SUMS, projectionCodec } from './projection.ts';
import {
  changesPicture,
  GUIDANCE_ONE,
  MAX_GUIDANCE,
  TRAJECTORY_ENDPOINTS,
  type TrajectoryEndpoint,
} from './request.ts';
import { countLeftOut, countRun, type PartRun, STRENGTH_ONE } from './request-picture.ts';
import { BETA_SCHEDULES, PREDICTIONS, SPACINGS } from './schedule/diffusion-times.ts';
import { SAMPLER_NAMES, type SchedulerConfig } from './schedule/scheduler-config.ts';
import { answersLatent, assertRange, headerRangeCodec } from './step-range.ts';

const beta = within(f64, 1e-9, 0.5);
const trainSteps = within(u16, 1, 1_000);

/** The training settings of a model. Every reader of a reply plans its steps from them. */
const schedulerCodec: Codec<SchedulerConfig> = union('kind', {
  diffusion: struct({
    sampler: oneOf(['ddim', 'euler', 'dpm-solver++']),
    settings: struct({
      trainSteps,
      betaStart: beta,
      betaEnd: beta,
      betaSchedule: oneOf(BETA_SCHEDULES),
      prediction: oneOf(PREDICTIONS),
      spacing: oneOf(SPACINGS),
      stepsOffset: within(u16, 0, 1_000),
      endsClean: flag,
    }),
  }),
  flow: struct({
    sampler: constant('flow-match'),
    settings: struct({ trainSteps, shift: within(f64, 0.01, 100) }),
  }),
  'even-flow': struct({
    sampler: constant('flow-match'),
    settings: struct({ trainSteps, shift: within(f64, 0.01, 100) }),
  }),
  'sized-flow': struct({
    sampler: constant('flow-match'),
    settings: struct({
      trainSteps,
      baseShift: within(f64, 0, 4),
      mostShift: within(f64, 0, 4),
      baseTokens: within(u16, 1, 65_534),
      mostTokens: within(u16, 1, 65_535),
    }),
  }),
  hidden: struct({ sampler: constant('ddim'), settings: struct({}) }),
});

/** The choices that a request may leave to the model. Reply and verifier state how they resolved them. */
export const choicesCodec = struct({
  width: within(u16, 8, MAX_SIDE),
  height: within(u16, 8, MAX_SIDE),
  steps: within(u16, 1, MAX_STEPS_ASKED),
  guidanceQ16: within(u32, 0, MAX_GUIDANCE * GUIDANCE_ONE),
  sampler: oneOf(SAMPLER_NAMES),
  /** Undefined: all steps are guided, without momentum. */
  guidancePlan: optional(guidancePlanCodec),
});
export interface PictureChoices extends CodecType<typeof choicesCodec> {}
export const encodeChoices: (choices: PictureChoices) => Uint8Array = createFormat(choicesCodec, {}).encode;

/** Properties of the model that fix the form of its latents and the rows of its schedule. */
export const modelFactsCodec = struct({
  latentChannels: within(u8, 1, 255),
  /** Pixels of one latent value along a side. */
  latentScale: within(u8, 1, 64),
  scheduler: schedulerCodec,
});
export interface PictureModelFacts extends CodecType<typeof modelFactsCodec> {}
export const encodeModelFacts: (facts: PictureModelFacts) => Uint8Array = createFormat(modelFactsCodec, {}).encode;

/** A changed picture: where its latents begin. */
const sourceCodec = struct({
  strengthQ16: within(u32, 1, STRENGTH_ONE),
  /** SHA-256 of the picture's file. */
  pictureHash: hash,
  /** Root of the blob of its encoded latent. */
  latentRoot: hash,
  /** Projection of that latent. */
  projection: projectionCodec,
  /** Default: the whole picture is painted again. */
  mask: optional(
    struct({
      /** SHA-256 of the mask's file. */
      fileHash: hash,
      /** Root of the blob of its values. */
      root: hash,
    }),
  ),
});
export interface HeaderSource extends CodecType<typeof sourceCodec> {}

const codec = struct({
  /** hashOrder of the order that the reply answers. */
  orderHash: hash,
  endpoint: oneOf(TRAJECTORY_ENDPOINTS),
  tier: text(32),
  method: text(32),
  numericClass: text(255),
  /** Hash of the tokenizer. */
  vocabularyHash: hash,
  /** Values of a latent. */
  embeddingSize: within(u32, 1, MAX_LATENT_VALUES),
  sketchDirections: constant(PROJECTION_SUMS),
  sketchBankSeed: hash,
  drawKey: drawKeyCodec,
  choice: u8,
  promptTokensHash: hash,
  /** Pictures bill their units alone. */
  promptTokenCount: constant(0),
  /** Units: steps times 1,024 pixels. */
  outputTokenCount: u32,
  choices: choicesCodec,
  facts: modelFactsCodec,
  /** Projection of the bytes of the answer: the picture, or the latent of a link that ends before the last step. */
  pixels: projectionCodec,
  /** Undefined for a picture from noise alone. */
  source: optional(sourceCodec),
  /** The part of the steps that a link of a chain ran; undefined for a whole picture. */
  range: optional(headerRangeCodec),
  parts: partsCodec,
  payee: address,
});

/** Leaf 0 of a picture's commitment (docs/spec/trajectory.md). */
export interface TrajectoryHeader extends CommonHeader, CodecType<typeof codec> {
  readonly endpoint: TrajectoryEndpoint;
  readonly sketchDirections: typeof PROJECTION_SUMS;
  readonly promptTokenCount: 0;
}

export const TRAJECTORY_HEADER_TAG = 'ogong-header-trajectory-v1';
const format = createFormat<TrajectoryHeader>(refine(codec, assertCounts), {
  tag: TRAJECTORY_HEADER_TAG,
  maxBytes: MAX_HEADER_BYTES,
});

export const encodeTrajectoryHeader: (header: TrajectoryHeader) => Uint8Array = format.encode;
/** @throws ProtocolError */
export const parseTrajectoryHeader: (bytes: Uint8Array) => TrajectoryHeader = format.decode;

/** Counts the places of a latent. */
export const countPlaces = (
  { width, height }: Pick<PictureChoices, 'width' | 'height'>,
  { latentScale }: Pick<PictureModelFacts, 'latentScale'>,
): number => (width / latentScale) * (height / latentScale);

/** Counts the values of a latent. @throws ProtocolError `out-of-range` unless the model can make a picture of this size. */
export function countLatentValues(
  { width, height }: Pick<PictureChoices, 'width' | 'height'>,
  { latentChannels, latentScale }: Pick<PictureModelFacts, 'latentChannels' | 'latentScale'>,
): number {
  if (width % latentScale !== 0 || height % latentScale !== 0)
    throw new ProtocolError('out-of-range', `${width}x${height} pixels are no multiple of ${latentScale} a side`);
  return latentChannels * (width / latentScale) * (height / latentScale);
}

/**
/**
 * Counts the bytes of all blobs that stage 1 reads: at most MAX_REPLAY_BYTES.
 * @param outputs of the steps that run; both answers of a step with momentum count as two.
 * @param part of a changed picture or a link: its latent, and a mask, count as two outputs.
 */
export const countReplayBytes = (outputs: number, values: number, part?: unknown): number =>
  (outputs + (part === undefined ? 0 : 2)) * values * VALUE_BYTES;

/** Counts what a verifier computes beside the drawn steps, in steps: a decoding, and the encoding of a picture to change. */
export const countCodings = ({
  choices,
  source,
  range,
}: Pick<TrajectoryHeader, 'choices' | 'source' | 'range'>): number =>
  (answersLatent(choices.steps, range) ? 0 : 1) + (source ? 1 : 0);

/** Plans the guidance of each step that runs. */
export const planChosenGuidance = (
  { guidanceQ16, guidancePlan, steps }: Pick<PictureChoices, 'guidanceQ16' | 'guidancePlan' | 'steps'>,
  part: PartRun | undefined,
): readonly StepGuidance[] =>
  planGuidance({
    ...{ guidance: guidanceQ16 / GUIDANCE_ONE, guidancePlan, steps, leftOut: countLeftOut(steps, part) },
    lastStep: part && 'lastStep' in part ? part.lastStep : undefined,
  });

/** Counts the outputs of the steps that run. Both answers of a step with momentum count as two. */
export const countOutputs = (
  choices: Pick<PictureChoices, 'guidanceQ16' | 'guidancePlan' | 'steps'>,
  part: PartRun | undefined,
): number => planChosenGuidance(choices, part).reduce((sum, step) => sum + countAnswers(step), 0);

/** Counts the values of a mask: one for each place of the latent. */
export const countMaskValues = ({
  embeddingSize,
  facts: { latentChannels },
}: Pick<TrajectoryHeader, 'embeddingSize' | 'facts'>): number => embeddingSize / latentChannels;

function assertCounts({
  endpoint,
  embeddingSize,
  outputTokenCount,
  choices,
  facts,
  source,
  range,
}: Pick<
  TrajectoryHeader,
  'endpoint' | 'embeddingSize' | 'outputTokenCount' | 'choices' | 'facts' | 'source' | 'range'
>): void {
  if (changesPicture(endpoint) !== (source !== undefined))
    throw new ProtocolError('malformed', `${endpoint} with${source ? '' : 'out'} a picture to change`);
  if (source !== undefined && range !== undefined)
    throw new ProtocolError('malformed', 'a picture to change in a part of its steps');
  assertRange(range, choices.steps);
  assertPixels(choices);
  const { scheduler } = facts;
  if (scheduler.kind === 'sized-flow' && scheduler.settings.baseTokens >= scheduler.settings.mostTokens)
    throw new ProtocolError('malformed', 'a schedule whose shift is stated for one number of tokens alone');
  const isHidden = hidesSteps(facts);
  if (isHidden) assertHiddenFacts(facts, source ?? range ?? choices.guidancePlan);
  const values = isHidden ? HIDDEN_VALUES : countLatentValues(choices, facts);
  if (values !== embeddingSize)
    throw new ProtocolError('malformed', `a latent of ${embeddingSize} values, not ${values}`);
  if (values * VALUE_BYTES > MAX_LATENT_BYTES)
    throw new ProtocolError('too-large', `a latent of ${values} values is too large for an audit`);
  if (hasMomentum(choices.guidancePlan) && choices.guidanceQ16 <= GUIDANCE_ONE)
    throw new ProtocolError('malformed', NEEDS_GUIDANCE);
  if (hasMomentum(choices.guidancePlan) && range !== undefined) throw new ProtocolError('malformed', NEEDS_ALL_STEPS);
  const run = countRun(choices.steps, source ?? range);
  if (countReplayBytes(countOutputs(choices, source ?? range), values, source ?? range) > MAX_REPLAY_BYTES)
    throw new ProtocolError('too-large', `${run} steps of ${values} values are too many to replay`);
  const units = countUnits(choices, run);
  if (units !== outputTokenCount) throw new ProtocolError('malformed', `${outputTokenCount} units, not ${units}`);
}
