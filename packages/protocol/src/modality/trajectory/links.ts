import { equalBytes } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { type BlobRef, computeBlobRoot } from '../../commitment/blob.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { FindBlob } from '../modality.ts';
import { encodeValues, readValues, VALUE_BYTES, viewValues } from '../shared/values.ts';
import { computeDrawKey } from '../text/sampling/draw-key.ts';
import { countAnswers, type StepGuidance } from './guidance-plan.ts';
import { countMaskValues, type TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { createGuidanceReader } from './momentum-links.ts';
import { createLatentNoise, walkNoise } from './noise.ts';
import { areSame, projectValues } from './projection.ts';
import { advanceLatent, type Schedule, type ScheduleStep, type StepValues } from './schedule/schedule.ts';
import { keepPlaces, type LatentSource, startLatent } from './schedule/source.ts';
import { answersLatent } from './step-range.ts';

/** A committed trajectory, with the parts that fix how it is replayed. */
export interface CommittedSteps {
  /** Blind of the answer. */
  readonly blind: Uint8Array;
  readonly header: TrajectoryHeader;
  readonly leaves: StepLeaves;
  readonly schedule: Schedule;
  /** Of the record. Default: the answer of a link is not compared with its last latent. */
  readonly responseHash?: Uint8Array;
  /** Of each step that runs. */
  readonly guidance: readonly StepGuidance[];
}

export interface ReplayedSteps {
  readonly checks: readonly Check[];
  /** The latents that were to be kept, the noise first and the decoded one last, if every link held. */
  readonly latents: readonly (Float32Array | undefined)[] | undefined;
  /** The outputs after guidance, as far as their latents were to be kept, if every link held. */
  readonly outputs?: readonly (Float32Array | undefined)[];
  /** The blobs that show what is wrong, if something is: anybody with the opening and their bytes sees it. */
  readonly refutedBy?: readonly Uint8Array[];
}

/**
 * A replay that reads one blob at a time: it yields the root of each, and gets its bytes if they are at hand. It yields nothing where it
 * can pause.
 */
export type LinkWalk = Generator<Uint8Array | undefined, ReplayedSteps, Uint8Array | undefined>;

/** Returns whether the latent with this index is kept until the replay ends. */
export type KeepsLatent = (index: number) => boolean;

/** Computes the root of the blob of these values. */
export const computeValuesRoot = (crypto: Crypto, blind: Uint8Array, values: Float32Array): Uint8Array =>
  computeBlobRoot(crypto, blind, viewValues(values));

/** Computes the noise of the draw key. @internal a replay walks it in parts */
export const createNoise = (
  crypto: Crypto,
  { drawKey, embeddingSize }: Pick<TrajectoryHeader, 'drawKey' | 'embeddingSize'>,
): Float32Array => createLatentNoise(crypto, computeDrawKey(crypto, drawKey), embeddingSize);

/**
 * Lists the blobs that fix all latents, in the order in which walkLinks reads them. Latent and mask of a changed picture come first, or
 * the first latent of a later link. The outputs follow.
 */
export function listOutputBlobs({ header, leaves }: Pick<CommittedSteps, 'header' | 'leaves'>): BlobRef[] {
  const { source, range } = header;
  const bytes = header.embeddingSize * VALUE_BYTES;
  const outputs = leaves.steps.map(({ outputRoot: root, stateRoot }) => ({
    bytes: stateRoot ? 2 * bytes : bytes,
    root,
  }));
  const [first] = leaves.steps;
  if (range?.latentHash && first) return [{ bytes, root: first.latentRoot }, ...outputs];
  if (source === undefined) return outputs;
  const mask = source.mask && { bytes: countMaskValues(header) * VALUE_BYTES, root: source.mask.root };
  return [{ bytes, root: source.latentRoot }, ...(mask ? [mask] : []), ...outputs];
}

/**
 * Replays links over blobs that are all at hand.
 * @param blobs finds outputs and latents. Default: none is at hand, and only the noise is checked.
 */
export function replayLinks(
  crypto: Crypto,
  committed: CommittedSteps,
  blobs: FindBlob = () => undefined,
): ReplayedSteps {
  const walk = walkLinks(crypto, committed);
  let at = walk.next();
  while (!at.done) at = walk.next(at.value && blobs(at.value));
  return at.value;
}

/**
 * Replays the links of a trajectory without a model. The noise of the draw key must be the first latent, or its mix with the latent of the
 * picture to change. A later link of a chain begins with the latent of its request, and a link that ends early answers with its last one.
 * Each latent must follow from the one before and its output, to the bit. The outputs fix all latents, so no other latent needs to be
 * fetched.
 *
 * Evidence of a broken link shows the values of that link alone. Then each link whose values are at hand is replayed.
 *
 * The walk holds the values of two steps, the noise, the picture to change, and the latents to keep.
 * @param keeps default: all latents are kept.
 */
export function* walkLinks(crypto: Crypto, committed: CommittedSteps, keeps: KeepsLatent = () => true): LinkWalk {
  const { blind, header, leaves, schedule, guidance } = committed;
  const roots = [...leaves.steps.map(({ latentRoot }) => latentRoot), leaves.finalRoot];
  /** The latent and the output of each step, as far as they are at hand. */
  const known: KnownStep[] = [];
  const readGuidance = createGuidanceReader(crypto, committed);
  const latents: (Float32Array | undefined)[] = [];
  const outputs: (Float32Array | undefined)[] = [];
  const begun = yield* readSource(crypto, header);
  if ('refuted' in begun) return begun.refuted;
  const { source } = begun;
  const noise = yield* walkNoise(crypto, computeDrawKey(crypto, header.drawKey), header.embeddingSize);
  const given = yield* readGivenLatent(crypto, committed);
  if (given && 'refuted' in given) return given.refuted;
  let next = given ? given.latent : header.source && !source ? undefined : startLatent(schedule, noise, source);
  let held = 0;
  for (const [i, root] of roots.entries()) {
    // No verifier reads a latent with such a value.
    const isReadable = next?.every(Number.isFinite) ?? true;
    if (next !== undefined && !(isReadable && equalBytes(computeValuesRoot(crypto, blind, next), root)))
      return refute(fail('links', isReadable ? describeBroken(i, header) : `latent ${i} is not finite`, i), [
        ...listLinkValues(schedule, known, i - 1),
        ...listSourceValues(source, i),
      ]);
    if (next !== undefined) held++;
    const step = leaves.steps[i];
    const shown = [next === undefined ? yield root : undefined, step && (yield step.outputRoot)];
    const sizes = [1, countAnswers(guidance[i] ?? NO_MOMENTUM)].map((count) => count * header.embeddingSize);
    const [latent, answer] = shown.map((bytes, at) => bytes && readValues(bytes, sizes[at] as number));
    const wrong = [latent, answer].indexOf('malformed');
    if (wrong >= 0)
      return refute(fail('links', `the values of step ${i} are not numbers of its latent`, i), [
        shown[wrong] as Uint8Array,
      ]);
    const values = { latent: next ?? latent } as Pick<KnownStep, 'latent'>;
    latents.push(keeps(i) ? values.latent : undefined);
    if (step === undefined) {
      if (values.latent && !isAnswered(crypto, committed, values.latent))
        return refute(fail('links', 'the answer is not the last latent of the link'), [encodeValues(values.latent)]);
      break;
    }
    const committedOutput = answer as Float32Array | undefined;
    if (committedOutput && !areSame(projectValues(crypto, header.sketchBankSeed, committedOutput), step.projection)) {
      const detail = `the projection of step ${i} is not that of its output`;
      return refute(fail('projections', detail, i), [shown[1] as Uint8Array]);
    }
    const guided = yield* readGuidance(i, committedOutput);
    if ('problem' in guided) return refute(fail('links', guided.problem, i), guided.refutedBy);
    known.push({ ...values, ...guided });
    outputs.push(keeps(i) ? guided.output : undefined);
    const moved = advance(schedule.steps[i] as ScheduleStep, known[i] as KnownStep, known[i - 1]);
    const isMixed = header.source?.mask !== undefined;
    next =
      moved === undefined || (isMixed && source?.mask === undefined)
        ? undefined
        : keepPlaces(moved, schedule, { index: i + 1, noise, source });
    // No later link reads more than two steps.
    if (i > 1) known[i - 2] = UNKNOWN;
  }
  const { length: steps } = leaves.steps;
  if (held <= steps) {
    const unseen = `the outputs of ${steps + 1 - held} of ${steps} steps are not shown here`;
    const reason = `${unseen}; the payer's gateway and validators replay them`;
    return { checks: [skip('links', reason), skip('projections', reason)], latents: undefined };
  }
  const checks = [
    pass(
      'links',
      `${steps} steps from ${describeStart(header)} to the ${describeEnd(header)} follow from their outputs`,
    ),
    pass('projections', `${steps} projections recomputed from their outputs`),
  ];
  return { checks, latents, outputs };
}

/**
 * Reads the latent that a later link of a chain begins with: its request names the SHA-256 of the values.
 * @returns undefined for all other pictures; no latent if its values are not at hand.
 */
function* readGivenLatent(
  crypto: Crypto,
  { header, leaves }: Pick<CommittedSteps, 'header' | 'leaves'>,
): Generator<
  Uint8Array,
  { readonly latent: Float32Array | undefined } | { readonly refuted: ReplayedSteps } | undefined,
  Uint8Array | undefined
> {
  const { latentHash } = header.range ?? {};
  const [first] = leaves.steps;
  if (latentHash === undefined || first === undefined) return undefined;
  const bytes = yield first.latentRoot;
  if (bytes === undefined) return { latent: undefined };
  const latent = readValues(bytes, header.embeddingSize);
  if (latent === 'malformed' || !equalBytes(crypto.sha256(bytes), latentHash))
    return { refuted: refute(fail('links', "the first latent is not that of the link's request", 0), [bytes]) };
  return { latent };
}

/** Returns whether a link that ends before the last step answers with this latent. */
function isAnswered(
  crypto: Crypto,
  { blind, header: { choices, range }, responseHash }: CommittedSteps,
  latent: Float32Array,
): boolean {
  if (responseHash === undefined || !answersLatent(choices.steps, range)) return true;
  return equalBytes(hashResponse(crypto, blind, encodeValues(latent)), responseHash);
}

/**
 * Reads the latent and the mask of the picture to change, as far as they are at hand.
 * @returns no source without the latent, and a mask that is at hand.
 */
function* readSource(
  crypto: Crypto,
  header: TrajectoryHeader,
): Generator<
  Uint8Array,
  { readonly source: LatentSource | undefined } | { readonly refuted: ReplayedSteps },
  Uint8Array | undefined
> {
  const named = header.source;
  const latentBytes = named && (yield named.latentRoot);
  const latent = latentBytes && readValues(latentBytes, header.embeddingSize);
  if (latent === 'malformed') {
    const detail = 'the values of the picture to change are not numbers of its latent';
    return { refuted: refute(fail('links', detail), [latentBytes as Uint8Array]) };
  }
  if (named && latent && !areSame(projectValues(crypto, header.sketchBankSeed, latent), named.projection)) {
    const detail = 'the projection of the picture to change is not that of its latent';
    return { refuted: refute(fail('projections', detail), [latentBytes as Uint8Array]) };
  }
  const maskBytes = named?.mask && (yield named.mask.root);
  const mask = maskBytes && readValues(maskBytes, countMaskValues(header));
  if (mask === 'malformed' || mask?.some((value) => value !== 0 && value !== 1)) {
    return { refuted: refute(fail('links', 'the mask has a value besides 0 and 1'), [maskBytes as Uint8Array]) };
  }
  return { source: latent && { latent, mask } };
}

/** Lists the values of the picture to change that a latent depends on: the first one, and each one with kept places. */
function listSourceValues(source: LatentSource | undefined, index: number): Uint8Array[] {
  if (source === undefined) return [];
  const mask = source.mask && index > 0 ? [encodeValues(source.mask)] : [];
  return index === 0 || mask.length > 0 ? [encodeValues(source.latent), ...mask] : [];
}

const refute = (check: Check, refutedBy: readonly Uint8Array[]): ReplayedSteps => ({
  ...{ checks: [check], latents: undefined, refutedBy },
});

const UNKNOWN: KnownStep = { latent: undefined, output: undefined, fixedBy: [] };

/** A step as far as its values are at hand. */
interface KnownStep {
  readonly latent: Float32Array | undefined;
  /** After guidance. */
  readonly output: Float32Array | undefined;
  /** The committed values that fix the output. */
  readonly fixedBy: readonly Float32Array[];
}

const NO_MOMENTUM: StepGuidance = { factor: 1, momentum: undefined };

const isWhole = (values: KnownStep | undefined): values is KnownStep & StepValues =>
  values?.latent !== undefined && values.output !== undefined;

const hasHistory = ({ latentBefore, outputBefore }: ScheduleStep): boolean => latentBefore !== 0 || outputBefore !== 0;

/** @returns undefined if values that the step reads are not at hand. */
function advance(step: ScheduleStep, values: KnownStep, before: KnownStep | undefined): Float32Array | undefined {
  if (!isWhole(values)) return undefined;
  if (!hasHistory(step)) return advanceLatent(step, values);
  return isWhole(before) ? advanceLatent(step, values, before) : undefined;
}

/** Lists the values that a step reads: its latent and output, and those of the step before if it reads them. */
function listLinkValues({ steps }: Schedule, known: readonly KnownStep[], index: number): Uint8Array[] {
  const step = steps[index];
  if (step === undefined) return [];
  const read = known.slice(hasHistory(step) ? index - 1 : index, index + 1).filter(isWhole);
  return read.flatMap(({ latent, fixedBy }) => [latent, ...fixedBy].map(encodeValues));
}

function describeStart({ source, range }: Pick<TrajectoryHeader, 'source' | 'range'>): string {
  if (range?.latentHash) return "the latent of the link's request";
  return source ? 'the picture to change and the noise of the draw key' : 'the noise of the draw key';
}

const describeEnd = ({ choices, range }: Pick<TrajectoryHeader, 'choices' | 'range'>): string =>
  answersLatent(choices.steps, range) ? 'latent of the answer' : "picture's latent";

function describeBroken(i: number, { source }: Pick<TrajectoryHeader, 'source'>): string {
  if (i > 0) return `latent ${i} does not follow from step ${i - 1}`;
  if (source) return 'the first latent is not the mix of the picture to change and the noise of the draw key';
  return 'the first latent is not the noise of the draw key';
}
