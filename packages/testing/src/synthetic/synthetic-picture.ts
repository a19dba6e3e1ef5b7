import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, type Opening } from '@ogong/protocol/commitment/opening';
import type { RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import type { GuidancePlan, StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import {
  countLatentValues,
  encodeTrajectoryHeader,
  planChosenGuidance,
  type TrajectoryHeader,
} from '@ogong/protocol/modality/trajectory/header';
import { encodeStepLeaves, type StepLeaves } from '@ogong/protocol/modality/trajectory/leaf';
import { computeValuesRoot, createNoise } from '@ogong/protocol/modality/trajectory/links';
import { countUnits, PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { PROJECTION_SUMS, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import type { TrajectoryReport } from '@ogong/protocol/modality/trajectory/report';
import { countLeftOut, countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { guideStep, joinAnswers } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import { advanceLatent, type StepValues } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import {
  planSchedule,
  type SamplerName,
  type SchedulerConfig,
} from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import { keepPlaces, type LatentSource, startLatent } from '@ogong/protocol/modality/trajectory/schedule/source';
import { answersLatent, type StepRange } from '@ogong/protocol/modality/trajectory/step-range';
import { getTier } from '@ogong/protocol/tier/registry';

/** A picture without a model: outputs follow from latents by fixed factors. */
export interface SyntheticPicture {
  readonly header: TrajectoryHeader;
  readonly leaves: StepLeaves;
  readonly opening: Opening;
  readonly record: RecordV2;
  /** RGB8. */
  readonly response: Uint8Array;
  readonly latents: readonly Float32Array[];
  readonly outputs: readonly Float32Array[];
  /** Latent and mask of the picture to change. */
  readonly sources: readonly Float32Array[];
  /** Finds every latent and output. */
  readonly blobs: FindBlob;
  /** Makes the report of an honest verifier of the same model and class, from the latents that were committed. */
  report(steps: readonly number[], change?: Partial<TrajectoryReport>): TrajectoryReport;
}

export interface SyntheticPictureOptions {
  readonly crypto: Crypto;
  readonly steps?: number;
  readonly sampler?: SamplerName;
  readonly scheduler?: SchedulerConfig;
  readonly numericClass?: string;
  readonly tier?: string;
  /** Factor of the model: another number is another model. */
  readonly weight?: number;
  /** Blinds of the answered request. Default: made up, for no request. */
  readonly blinds?: Blinds;
  /** Header fields that order and beacon decide. Default: made up. */
  readonly fixed?: Partial<Pick<TrajectoryHeader, 'orderHash' | 'sketchBankSeed' | 'payee' | 'drawKey'>>;
  readonly record?: Partial<Pick<RecordV2, 'replyId' | 'requestHash' | 'modelRoot'>>;
  /** Makes a changed picture. Default: it comes from noise alone. */
  readonly source?: { readonly strengthQ16: number; readonly hasMask: boolean };
  /** Makes a link of a chain. A later link begins with a made-up latent by default. Default: a whole picture. */
  readonly range?: StepRange & { readonly latent?: Float32Array | undefined };
  /** Default: all steps are guided, without momentum. */
  readonly guidancePlan?: GuidancePlan;
  /** Changes on the way, before they are committed. */
  readonly bend?: {
    readonly output?: (output: Float32Array, step: number) => Float32Array;
    readonly latent?: (latent: Float32Array, index: number) => Float32Array;
    /** How a step is guided, other than the header says. */
    readonly guide?: (guidance: StepGuidance, step: number) => StepGuidance;
    readonly state?: (state: Float32Array, step: number) => Float32Array;
    readonly pixels?: (pixels: Uint8Array) => Uint8Array;
    readonly header?: (header: TrajectoryHeader) => TrajectoryHeader;
    readonly leaves?: (leaves: StepLeaves) => StepLeaves;
  };
}

const FLOW: SchedulerConfig = { kind: 'flow', sampler: 'flow-match', settings: { trainSteps: 1000, shift: 1 } };
const SIZE = { width: 16, height: 16 };
const LATENT = { latentChannels: 3, latentScale: 2 };
const BLINDS: Blinds = { prompt: new Uint8Array(32).fill(0xb1), answer: new Uint8Array(32).fill(0xb2) };
const EXACT_CLASS = 'fake-1/js/f64/exact/hash/kv-none';
const GUIDANCE_Q16 = 3 * 65_536;

const PICTURE_FILE = utf8Encode('the file of a picture');
const MASK_FILE = utf8Encode('the file of a mask');

/** The latent of a made-up picture, and a mask that keeps every third place. */
function createSource(count: number, hasMask: boolean): LatentSource {
  const latent = Float32Array.from({ length: count }, (_, i) => ((i % 11) - 5) / 8);
  const places = count / LATENT.latentChannels;
  return { latent, mask: hasMask ? Float32Array.from({ length: places }, (_, i) => (i % 3 === 0 ? 0 : 1)) : undefined };
}

const predict = (latent: Float32Array, timestep: number, weight: number): Float32Array =>
  latent.map((value, i) => weight * value + ((i % 7) - 3) / 8 + timestep / 4_096);

/** The output of a step: the guided one, which needs no second answer here, or both answers of a step with momentum. */
function answer(
  latent: Float32Array,
  timestep: number,
  { weight, momentum }: StepGuidance & { readonly weight: number },
): Float32Array {
  const output = predict(latent, timestep, weight);
  return momentum === undefined
    ? output
    : joinAnswers(
        output,
        output.map((value, i) => 0.75 * value - (i % 5) / 16),
      );
}

/** Shows a latent in twice its size: a value is four pixels. */
function decode(latent: Float32Array): Uint8Array {
  const { width, height } = SIZE;
  const columns = width / LATENT.latentScale;
  const pixels = new Uint8Array(width * height * PIXEL_BYTES);
  for (let at = 0; at < pixels.length; at++) {
    const pixel = Math.floor(at / PIXEL_BYTES);
    const row = Math.floor(Math.floor(pixel / width) / LATENT.latentScale);
    const value = latent[
      ((at % PIXEL_BYTES) * (height / 2) + row) * columns + Math.floor((pixel % width) / 2)
    ] as number;
    pixels[at] = Math.round(Math.min(1, Math.max(0, value / 4 + 0.5)) * 255);
  }
  return pixels;
}

export function createSyntheticPicture(options: SyntheticPictureOptions): SyntheticPicture {
  const { crypto, steps = 5, scheduler = FLOW, numericClass = EXACT_CLASS, tier = 'verified', weight = 0.5 } = options;
  const { sampler = scheduler.sampler, blinds = BLINDS, fixed = {}, bend = {} } = options;
  const facts = { ...LATENT, scheduler };
  const { guidancePlan } = options;
  const choices = { ...SIZE, steps, guidanceQ16: GUIDANCE_Q16, sampler, guidancePlan };
  const sketchBankSeed = fixed.sketchBankSeed ?? new Uint8Array(32).fill(9);
  const rootOf = (values: Float32Array): Uint8Array => computeValuesRoot(crypto, blinds.answer, values);
  const embeddingSize = countLatentValues(choices, facts);
  const asked = options.source;
  const source = asked && createSource(embeddingSize, asked.hasMask);
  const { range } = options;
  const first = range && range.firstStep > 0 ? (range.latent ?? createSource(embeddingSize, false).latent) : undefined;
  const run = countRun(steps, asked ?? range);
  const unfinished: TrajectoryHeader = {
    orderHash: new Uint8Array(32).fill(6),
    endpoint: asked === undefined ? 'image' : 'image-edit',
    ...{ tier, method: getTier(tier).method, numericClass },
    vocabularyHash: new Uint8Array(32).fill(5),
    embeddingSize,
    ...{ sketchDirections: PROJECTION_SUMS, sketchBankSeed },
    drawKey: { mode: 'seed', seed: 7n, requestHash: fill(0x44), modelRoot: fill(2), choice: 0 },
    choice: 0,
    promptTokensHash: hashTokens(crypto, blinds.prompt, utf8Encode('a red circle')),
    promptTokenCount: 0,
    outputTokenCount: countUnits(choices, run),
    ...{ choices, facts, pixels: new Float32Array(PROJECTION_SUMS), parts: [] },
    source: asked &&
      source && {
        ...{ strengthQ16: asked.strengthQ16, pictureHash: crypto.sha256(PICTURE_FILE) },
        latentRoot: rootOf(source.latent),
        projection: projectValues(crypto, sketchBankSeed, source.latent),
        mask: source.mask && { fileHash: crypto.sha256(MASK_FILE), root: rootOf(source.mask) },
      },
    range: range && {
      ...{ firstStep: range.firstStep, lastStep: range.lastStep },
      latentHash: first && crypto.sha256(encodeValues(first)),
    },
    payee: new Uint8Array(20).fill(6),
    ...fixed,
  };
  const schedule = planSchedule(scheduler, steps, sampler, {
    firstStep: countLeftOut(steps, asked ?? range),
    lastStep: range?.lastStep,
  });
  const latents: Float32Array[] = [];
  const outputs: Float32Array[] = [];
  const states: (Float32Array | undefined)[] = [];
  const guidance = planChosenGuidance(choices, asked ?? range);
  const noise = createNoise(crypto, unfinished);
  let latent = first ?? startLatent(schedule, noise, source);
  let before: StepValues | undefined;
  for (const [i, step] of schedule.steps.entries()) {
    latent = bend.latent?.(latent, i) ?? latent;
    const planned = guidance[i] as StepGuidance;
    const guided = bend.guide?.(planned, i) ?? planned;
    const honest = answer(latent, step.timestep, { weight, ...guided });
    const output = bend.output?.(honest, i) ?? honest;
    const made = guideStep(guided, output, states.at(-1));
    latents.push(latent);
    outputs.push(output);
    states.push(made.state && (bend.state?.(made.state, i) ?? made.state));
    const values = { latent, output: made.output };
    latent = keepPlaces(advanceLatent(step, values, before), schedule, { index: i + 1, noise, source });
    before = values;
  }
  latent = bend.latent?.(latent, run) ?? latent;
  latents.push(latent);
  const finish = (final: Float32Array) => (answersLatent(steps, range) ? encodeValues(final) : decode(final));
  const pixels = finish(latent);
  const response = bend.pixels?.(pixels) ?? pixels;
  const unbent: StepLeaves = {
    steps: outputs.map((output, i) => ({
      latentRoot: rootOf(latents[i] as Float32Array),
      outputRoot: rootOf(output),
      stateRoot: states[i] && rootOf(states[i]),
      projection: projectValues(crypto, sketchBankSeed, output),
    })),
    finalRoot: rootOf(latent),
  };
  const leaves = bend.leaves?.(unbent) ?? unbent;
  const finished = { ...unfinished, pixels: projectValues(crypto, sketchBankSeed, response) };
  const header = bend.header?.(finished) ?? finished;
  const opening = { blind: blinds.answer, header: encodeTrajectoryHeader(header), windows: encodeStepLeaves(leaves) };
  const startNs = 1_700_000_000_000_000_000n;
  const record: RecordV2 = {
    ...{ replyId: new Uint8Array(16).fill(3), requestHash: fill(0x44), modelRoot: fill(2) },
    ...options.record,
    responseHash: hashResponse(crypto, blinds.answer, response),
    ...{ commitRoot: computeCommitment(crypto, opening).root, tokenCount: run },
    ...{ startNs, endNs: startNs + 1_000_000_000n },
  };
  const sources = [source?.latent, source?.mask].filter((values) => values !== undefined);
  const bytes = new Map(
    [...latents, ...outputs, ...sources, ...states.filter((state) => state !== undefined)].map((values) => [
      toHex(rootOf(values)),
      encodeValues(values),
    ]),
  );
  return {
    ...{ header, leaves, opening, record, response, latents, outputs, sources },
    blobs: (root) => bytes.get(toHex(root)),
    report: (ran, change = {}) => ({
      ...{ jobId: new Uint8Array(16).fill(1), modelRoot: record.modelRoot, numericClass },
      ...{ exact: numericClass === EXACT_CLASS, elapsedMs: 3 },
      ...{ vocabularyHash: unfinished.vocabularyHash, promptTokensHash: unfinished.promptTokensHash, choices, facts },
      steps: ran.map((step) => {
        const { timestep } = schedule.steps[step] as { timestep: number };
        const output = answer(latents[step] as Float32Array, timestep, {
          ...{ weight: 0.5, ...(guidance[step] as StepGuidance) },
        });
        return { step, outputRoot: rootOf(output), projection: projectValues(crypto, sketchBankSeed, output) };
      }),
      source: unfinished.source && {
        ...{ latentRoot: unfinished.source.latentRoot, projection: unfinished.source.projection },
        maskRoot: unfinished.source.mask?.root ?? new Uint8Array(32),
      },
      responseHash: hashResponse(crypto, blinds.answer, finish(latent)),
      pixels: projectValues(crypto, sketchBankSeed, finish(latent)),
      ...change,
    }),
  };
}

const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);
