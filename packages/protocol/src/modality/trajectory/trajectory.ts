import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_PICTURE_BYTES } from '../../exchange/limits.ts';
import { checkRoot } from '../../stage1/common-checks.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import type { LocalReplyContext, Modality, ReplayedReply, ReplayOptions } from '../modality.ts';
import { encodeValues } from '../shared/values.ts';
import { adjudicateTrajectory, checkTrajectoryReport } from './adjudicate.ts';
import { composeClaim, drawAuditedSteps, encodeTrajectoryClaim, parseTrajectoryClaim } from './audit-job.ts';
import { TRAJECTORY_CANARY } from './canary.ts';
import {
  countCodings,
  encodeTrajectoryHeader,
  parseTrajectoryHeader,
  TRAJECTORY_HEADER_TAG,
  type TrajectoryHeader,
} from './header.ts';
import { checkLocalTrajectoryHeader, checkTrajectoryHeader, type TrajectoryContext } from './header-checks.ts';
import { listOutputBlobs } from './links.ts';
import { findTrajectoryLimits } from './measured-limits.ts';
import { countUnits, MAX_STEPS_ASKED } from './picture-size.ts';
import { createPlantedReader, type PlantedLatent, plantLatent } from './planted-picture.ts';
import { PROJECTION_SUMS } from './projection.ts';
import { countCommittedSteps, readTrajectoryOpening, replayTrajectory } from './replay.ts';
import { encodeTrajectoryReport, parseTrajectoryReport } from './report.ts';
import {
  type AskedPicture,
  boundModelBill,
  boundUnits,
  type PictureRequest,
  parsePictureRequest,
  readPictureEndpoint,
  TRAJECTORY_ENDPOINTS,
} from './request.ts';
import { encodePictureSummary, parsePictureSummary } from './request-summary.ts';
import { walkTrajectory } from './walk.ts';

/** A processor computes a step of Stable Diffusion 1.5 at 512x512, 256 units, in about ten seconds. */
const MS_PER_UNIT = 50;

/** Pictures: a latent that a model moves from noise to a picture, step by step. */
export const trajectory = {
  name: 'trajectory',
  units: 'steps of 1,024 pixels',
  endpoints: TRAJECTORY_ENDPOINTS as readonly string[],
  headerTag: TRAJECTORY_HEADER_TAG,
  parseRequest: (body: Uint8Array, endpoint: string): PictureRequest =>
    parsePictureRequest(body, readPictureEndpoint(endpoint)),
  encodeSummary: (_crypto: Crypto, request: PictureRequest, bodyHash: Uint8Array) =>
    encodePictureSummary(request, bodyHash),
  parseSummary: parsePictureSummary,
  // A unit is one step over 1,024 pixels. The prompt costs nothing.
  boundTokens: (asked: AskedPicture) => ({ promptTokens: 0, outputTokens: boundUnits(asked) }),
  boundBilled: (asked: AskedPicture, contextSize: number) => boundModelBill(asked, contextSize),
  expectMs: (asked: AskedPicture, contextSize: number) => MS_PER_UNIT * boundModelBill(asked, contextSize),
  // A prompt that is longer than the text encoder's context is cut, as pipelines of pictures do.
  boundContext: (asked: AskedPicture) => boundUnits(asked),
  parseHeader: parseTrajectoryHeader,
  countContext: ({ outputTokenCount }: TrajectoryHeader) => outputTokenCount,
  countOutputs: (header: TrajectoryHeader) => countCommittedSteps(header),
  localDirections: PROJECTION_SUMS,
  maxResponseBytes: MAX_PICTURE_BYTES,
  hasProgress: false,
  wasCutShort: () => false,
  expectJobMs({ header, claim }) {
    const parsed = parseTrajectoryHeader(header);
    const runs = parseTrajectoryClaim(claim).steps.length + countCodings(parsed);
    return MS_PER_UNIT * countUnits(parsed.choices, runs);
  },
  countLeaves: (steps) => (steps <= MAX_STEPS_ASKED ? steps + 1 : 0),
  checkHeader: (crypto: Crypto, header: TrajectoryHeader, context: TrajectoryContext) =>
    checkTrajectoryHeader(crypto, header, context),
  checkLocalHeader: (crypto: Crypto, header: TrajectoryHeader, context: LocalReplyContext<PictureRequest>) =>
    checkLocalTrajectoryHeader(crypto, header, context),
  openingChecks: [
    ...['commitment-root', 'commitment-form', 'posture', 'token-count', 'links', 'projections', 'blinding'],
    ...['header-order', 'choices', 'draw-key', 'response-size', 'pixels', 'sketch-bank', 'payee', 'fee'],
  ],
  blobChecks: ['links', 'projections'],
  walkBlobs: walkTrajectory,
  listReplayBlobs: (opening: Opening) => listOutputBlobs(readTrajectoryOpening(opening)),
  canary: TRAJECTORY_CANARY,
  plants: () => true,
  replay,
} satisfies Modality;

const ZERO = new Uint8Array(32);
const NO_VALUES = new Float32Array(PROJECTION_SUMS);

function replay(
  crypto: Crypto,
  record: RecordV2,
  opening: Opening,
  { tiers, blobs, walked }: ReplayOptions = {},
): ReplayedReply {
  const root = checkRoot(crypto, record, opening);
  const { checks, opened, latents, refutedBy } =
    root.status === 'pass'
      ? replayTrajectory(crypto, record, opening, { tiers, blobs, walked })
      : { checks: [], opened: undefined, latents: undefined, refutedBy: undefined };
  const getOpened = (): NonNullable<typeof opened> => {
    if (opened === undefined) throw new TypeError('an opening without a form describes no job');
    return opened;
  };
  const drawSteps = (draw: Uint8Array): readonly number[] =>
    drawAuditedSteps(crypto, { draw, replyId: record.replyId, steps: getOpened().leaves.steps });
  const countWork = (header: TrajectoryHeader, drawn: readonly number[]): number =>
    countUnits(header.choices, drawn.length + countCodings(header));
  /** @param planted the step that gets another latent. */
  const describe = (endpoint: string, drawn: readonly number[], planted?: PlantedLatent) => {
    const { blind, header, leaves } = getOpened();
    return {
      endpoint,
      modelRoot: record.modelRoot,
      header: encodeTrajectoryHeader(redactHeader(header)),
      sketchBankSeed: header.sketchBankSeed,
      modality: 'trajectory',
      claim: encodeTrajectoryClaim(composeClaim(blind, leaves, drawn, planted)),
    };
  };
  const makeBlobs = (drawn: readonly number[], planted?: PlantedLatent) => {
    if (latents === undefined) return undefined;
    const indices = [...drawn, latents.length - 1].map((at) => (at === planted?.step ? planted.latent : at));
    const kept = indices.map((at) => latents[at]);
    if (kept.includes(undefined)) throw new TypeError('a latent of the job was not kept');
    return kept.map((latent) => encodeValues(latent as Float32Array));
  };
  return {
    checks: [root, ...checks],
    header: opened?.header,
    refutedBy,
    describeJob: (endpoint, draw) => describe(endpoint, drawSteps(draw)),
    makeJobBlobs: (draw) => latents && makeBlobs(drawSteps(draw)),
    plant({ endpoint, draw, seed, endorsedClass }) {
      const { header, leaves } = getOpened();
      const { modelRoot } = record;
      const drawn = drawSteps(draw);
      const planted = plantLatent(crypto, leaves, drawn, { seed, isBegun: header.range?.latentHash !== undefined });
      const units = countWork(header, drawn);
      return {
        inputs: describe(endpoint, drawn, planted),
        makeBlobs: () => makeBlobs(drawn, planted),
        read: createPlantedReader({ modelRoot, header, leaves, drawn, planted, endorsedClass, units }),
      };
    },
    readReport(bytes, { jobId, draw }) {
      const { header, leaves } = getOpened();
      const { modelRoot, responseHash } = record;
      const report = parseTrajectoryReport(bytes);
      const drawn = drawSteps(draw);
      const shape = checkTrajectoryReport(report, { jobId, modelRoot, drawn, hasSource: header.source !== undefined });
      if (shape.status !== 'pass') return { problem: shape.detail };
      return {
        numericClass: report.numericClass,
        claimsExact: isEqualityDue(report, header),
        isBlank: false,
        tokens: countWork(header, drawn),
        finding: encodeTrajectoryReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0 }),
        answer: bytes,
        weigh: ({ drift }) => ({
          ...adjudicateTrajectory({ responseHash, header, leaves }, report, {
            limits: findTrajectoryLimits(drift?.table, modelRoot, { header, report }),
            tiers,
          }),
          comparison: undefined,
        }),
      };
    },
  };
}

/** Redacts a header for a verifier: fields that identify the reply, or contain the provider's results, become zero. */
function redactHeader(header: TrajectoryHeader): TrajectoryHeader {
  return {
    ...header,
    ...{ orderHash: ZERO, vocabularyHash: ZERO, choice: 0, promptTokensHash: ZERO, payee: new Uint8Array(20) },
    drawKey: { mode: 'seed', seed: 0n, requestHash: ZERO, modelRoot: ZERO, choice: 0 },
    pixels: NO_VALUES,
    source: header.source && {
      ...header.source,
      ...{ latentRoot: ZERO, projection: NO_VALUES },
      mask: header.source.mask && { ...header.source.mask, root: ZERO },
    },
  };
}
