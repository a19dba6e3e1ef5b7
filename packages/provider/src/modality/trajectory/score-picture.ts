import { EngineError } from '@ogong/engine/interface/engine-error';
import type { StepOutput, TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { computePromptBlind } from '@ogong/protocol/commitment/blinds';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { decodeValues, encodeValues, VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { parseTrajectoryClaim, type TrajectoryClaim } from '@ogong/protocol/modality/trajectory/audit-job';
import { countAnswers, type StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import {
  countCodings,
  encodeChoices,
  encodeModelFacts,
  parseTrajectoryHeader,
  planChosenGuidance,
  type TrajectoryHeader,
} from '@ogong/protocol/modality/trajectory/header';
import { computeValuesRoot } from '@ogong/protocol/modality/trajectory/links';
import { PROJECTION_SUMS, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { hashPictureTokens } from '@ogong/protocol/modality/trajectory/prompt-tokens';
import { encodeTrajectoryReport, type TrajectoryReport } from '@ogong/protocol/modality/trajectory/report';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { answersLatent, type StepRange } from '@ogong/protocol/modality/trajectory/step-range';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import type { ScorableJob, ScoringMeans } from '../modality.ts';
import { assertOutput, toEngineRequest, tokenizePrompts } from './make-picture.ts';
import { findChoiceProblem, listFacts, resolveChoices } from './picture-choices.ts';
import { readSource, type SourcePixels } from './read-source.ts';

/** A picture to check: the request and some of its latents, without outputs and pixels. */
export interface PictureJob {
  readonly jobId: Uint8Array;
  /** Redacted; its class, bank, choices and facts are the reply's. */
  readonly header: TrajectoryHeader;
  readonly request: PictureRequest;
  /** The exact bytes. */
  readonly body: Uint8Array;
  readonly media: RequestMedia;
  readonly bankSeed: Uint8Array;
  readonly claim: TrajectoryClaim;
  /** Of the drawn steps, in their order. */
  readonly latents: readonly Float32Array[];
  /** The latent to decode. */
  readonly final: Float32Array;
}

/** @throws Refusal naming what is out of range. */
export function parsePictureJob(message: ScoreJobMessage, crypto: Crypto): PictureJob {
  const { jobId, endpoint, sketchBankSeed: bankSeed } = message;
  assertJob(jobId.length === 16, `a job id has 16 bytes, not ${jobId.length}`);
  assertJob(bankSeed.length === 32, `a sketch bank seed has 32 bytes, not ${bankSeed.length}`);
  assertJob(
    trajectory.endpoints.includes(endpoint),
    `this model makes pictures; ${endpoint.slice(0, 32)} was asked for`,
  );
  assertJob(message.modality === trajectory.name, 'the job shows the answer of another modality');
  try {
    const header = parseTrajectoryHeader(message.header);
    assertJob(header.endpoint === endpoint, `the header is one of ${header.endpoint}, the job one of ${endpoint}`);
    const claim = parseTrajectoryClaim(message.claim);
    const steps = countRun(header.choices.steps, header.source ?? header.range);
    const late = claim.steps.find(({ step }) => step >= steps);
    assertJob(late === undefined, `step ${late?.step} is drawn, and the picture has ${steps} steps`);
    const { request: body } = message;
    const request = trajectory.parseRequest(body, endpoint);
    const media = attachMedia(crypto, body, message.media ?? []);
    const { source } = header;
    assertJob(
      source?.strengthQ16 === request.source?.strengthQ16 &&
        (source?.mask !== undefined) === (request.source?.hasMask ?? false),
      'the header is about another picture to change than the request',
    );
    assertJob(isSameRange(header.range, request.range), 'the header is about another range of steps than the request');
    const latents = readLatents(crypto, { header, claim }, message.blobs ?? []);
    const final = latents.pop() as Float32Array;
    return { jobId, header, request, body, media, bankSeed, claim, latents, final };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
    throw error;
  }
}

const isSameRange = (made: StepRange | undefined, asked: StepRange | undefined): boolean =>
  made?.firstStep === asked?.firstStep && made?.lastStep === asked?.lastStep;

/** Reads the latents of a claim: their sizes first, since hashing costs time. @throws Refusal, ProtocolError */
function readLatents(
  crypto: Crypto,
  { header: { embeddingSize }, claim: { blind, steps, finalRoot } }: Pick<PictureJob, 'header' | 'claim'>,
  blobs: readonly Uint8Array[],
): Float32Array[] {
  const roots = [...steps.map(({ latentRoot }) => latentRoot), finalRoot];
  assertJob(blobs.length === roots.length, `${blobs.length} latents came, and the claim names ${roots.length}`);
  const bytes = embeddingSize * VALUE_BYTES;
  const wrong = blobs.find(({ length }) => length !== bytes);
  assertJob(wrong === undefined, `a latent of ${wrong?.length} bytes came; the header says ${bytes}`);
  return blobs.map((blob, i) => {
    const latent = decodeValues(blob, embeddingSize);
    const isNamed = equalBytes(computeValuesRoot(crypto, blind, latent), roots[i] as Uint8Array);
    assertJob(isNamed, `latent ${i} is not the one that the claim names`);
    return latent;
  });
}

/** Opens a job for an engine. @throws Refusal naming what is out of range. */
export function openPictureJob(
  message: ScoreJobMessage,
  { engine, crypto }: ScoringMeans<TrajectoryEngine>,
): ScorableJob {
  const job = parsePictureJob(message, crypto);
  const score = (signal: AbortSignal) => scorePictureJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: job.latents.length + countCodings(job.header), score };
}

/**
 * The drawn steps and the decoding, computed here.
 * @returns the canonical report.
 * @throws EngineError; Refusal if this machine cannot make so large a picture.
 */
export async function scorePictureJob(
  job: PictureJob,
  {
    engine,
    crypto,
    signal,
  }: { readonly engine: TrajectoryEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { jobId, header, request, body, bankSeed, claim, latents, final } = job;
  const info = engine.info();
  const problem = findChoiceProblem(request, info);
  if (problem?.isLimit) throw new Refusal('unsupported', problem.message);
  const tokens = await tokenizePrompts(engine, request);
  const facts = {
    ...{ jobId, modelRoot: info.modelRoot, vocabularyHash: info.vocabularyHash, facts: listFacts(info) },
    promptTokensHash: hashPictureTokens(crypto, computePromptBlind(crypto, body), tokens),
    // A model that cannot serve the request says its own choices: they differ from the claimed ones.
    choices: problem ? resolveChoices(OWN_CHOICES, info) : resolveChoices(request, info),
  };
  // If the verifier refused, a picture that this model cannot have made would be unaudited, and paid.
  if (!isOfModel(header, facts)) return encodeBlankReport(job, { facts, info });
  const source = await encodeClaimedSource(job, { engine, crypto, signal });
  if (source === 'none') return encodeBlankReport(job, { facts, info });
  const engineRequest = toEngineRequest(request, header.choices, request.source ?? request.range);
  const outputs: StepOutput[] = [];
  const guidance = planChosenGuidance(header.choices, request.source);
  for (const [i, { step }] of claim.steps.entries()) {
    const at = { step, latent: latents[i] as Float32Array };
    const ran = await engine.runStep(engineRequest, at, { signal, numericClass: header.numericClass });
    assertOutput(ran.output, { step, count: at.latent.length * countAnswers(guidance[step] as StepGuidance) });
    outputs.push(ran);
  }
  const pixels = answersLatent(header.choices.steps, header.range)
    ? encodeValues(final)
    : await engine.decode(final, header.choices, { signal, numericClass: header.numericClass });
  const { numericClass } = outputs[0] as StepOutput;
  // Decoder and encoder compute in the class of the steps, if they are exact.
  const exact = outputs.every((ran) => ran.exact);
  return encodeTrajectoryReport({
    ...facts,
    ...{ numericClass, exact },
    elapsedMs: Math.min(0xffffffff, Math.round(outputs.reduce((sum, ran) => sum + ran.elapsedMs, 0))),
    steps: outputs.map(({ output }, i) => ({
      step: (claim.steps[i] as TrajectoryClaim['steps'][number]).step,
      outputRoot: computeValuesRoot(crypto, claim.blind, output),
      projection: projectValues(crypto, bankSeed, output),
    })),
    source,
    responseHash: hashResponse(crypto, claim.blind, pixels),
    pixels: projectValues(crypto, bankSeed, pixels),
  });
}

/** @returns undefined for a picture from noise alone; `none` for a model or a file of which nothing can have been made. */
async function encodeClaimedSource(
  { request, media, header, bankSeed, claim }: Pick<PictureJob, 'request' | 'media' | 'header' | 'bankSeed' | 'claim'>,
  {
    engine,
    crypto,
    signal,
  }: { readonly engine: TrajectoryEngine; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<TrajectoryReport['source'] | 'none'> {
  if (request.source === undefined) return undefined;
  const info = engine.info();
  if (!info.canEdit) return 'none';
  let input: SourcePixels | undefined;
  try {
    input = await readSource(request, media, { size: header.choices, info });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'invalid-request') return 'none';
    throw error;
  }
  const { pixels, mask } = input as SourcePixels;
  const { latent } = await engine.encode(pixels, header.choices, { signal, numericClass: header.numericClass });
  return {
    latentRoot: computeValuesRoot(crypto, claim.blind, latent),
    projection: projectValues(crypto, bankSeed, latent),
    maskRoot: mask === undefined ? NONE : computeValuesRoot(crypto, claim.blind, mask),
  };
}

type Facts = Pick<
  TrajectoryReport,
  'jobId' | 'modelRoot' | 'vocabularyHash' | 'promptTokensHash' | 'choices' | 'facts'
>;

/** Returns whether the header states the choices and properties of this model. */
const isOfModel = (header: TrajectoryHeader, own: Pick<Facts, 'choices' | 'facts'>): boolean =>
  equalBytes(encodeChoices(header.choices), encodeChoices(own.choices)) &&
  equalBytes(encodeModelFacts(header.facts), encodeModelFacts(own.facts));

/** Encodes the report of a model that cannot have made the picture: its own facts, and no values. */
function encodeBlankReport(
  { header, claim }: Pick<PictureJob, 'header' | 'claim'>,
  { facts, info }: { readonly facts: Facts; readonly info: TrajectoryInfo },
): Uint8Array {
  const { numericClass, exact } = info;
  return encodeTrajectoryReport({
    ...facts,
    ...{ numericClass, exact: exact && numericClass === header.numericClass, elapsedMs: 0 },
    steps: claim.steps.map(({ step }) => ({ step, outputRoot: NONE, projection: NO_VALUES })),
    source: header.source && { latentRoot: NONE, projection: NO_VALUES, maskRoot: NONE },
    ...{ responseHash: NONE, pixels: NO_VALUES },
  });
}

const OWN_CHOICES = {
  size: undefined,
  steps: undefined,
  guidanceQ16: undefined,
  sampler: undefined,
  guidancePlan: undefined,
};
const NONE = new Uint8Array(32);
const NO_VALUES = new Float32Array(PROJECTION_SUMS);

function assertJob(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
