import { createWriter, equalBytes, toHex } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type Check, check, fail, type Outcome, pass, skip } from '../../base/checks.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import { judgeOutcome } from '../../tier/outcome.ts';
import type { TierEntry } from '../../tier/tier.ts';
import type { Fault } from '../text/stage2/fault.ts';
import { encodeChoices, encodeModelFacts, type PictureChoices, type TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { computeProjectionDistance } from './projection.ts';
import type { TrajectoryReport } from './report.ts';

/** Limits for relative distances if no equality holds: reject above `reject`, inconclusive from `doubt` on. */
export interface TrajectoryLimits {
  /** Source of the limits: `fallback`, or their measurement. */
  readonly source: string;
  /** Of one step's output. */
  readonly output: { readonly doubt: number; readonly reject: number };
  /** Of the decoded picture. */
  readonly pixels: { readonly doubt: number; readonly reject: number };
}

/**
 * Honest classes of the CPU differ by at most 1e-5 in one step, and weights in fp16 by at least 1.6e-4 (docs/detection/pictures.md). A
 * projection tells about two thirds of a distance at least. A byte that is rounded differently counts in a small dark picture. The
 * largest distance of 800 honest pictures was 1.9e-3, and the least of a false one 4.6e-2.
 */
export const TRAJECTORY_FALLBACK: TrajectoryLimits = {
  source: 'fallback',
  output: { doubt: 3e-5, reject: 1e-3 },
  pixels: { doubt: 4e-3, reject: 1e-2 },
};

/** A picture that stage 1 found consistent. */
export interface CommittedPicture {
  readonly modelRoot: Uint8Array;
  readonly responseHash: Uint8Array;
  readonly header: TrajectoryHeader;
  readonly leaves: StepLeaves;
}

export interface TrajectoryVerdict {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** The fault of a reject by a value that is the same in every class. */
  readonly fault?: Fault;
}

/** Checks whether a report answers the job at all. If not, its verifier is marked and another one is drawn. */
export function checkTrajectoryReport(
  report: TrajectoryReport,
  {
    jobId,
    modelRoot,
    drawn,
    hasSource,
  }: Pick<CommittedPicture, 'modelRoot'> & {
    readonly jobId: Uint8Array;
    readonly drawn: readonly number[];
    /** Whether a picture was changed. */
    readonly hasSource: boolean;
  },
): Check {
  const id = 'report-shape';
  if (!equalBytes(report.jobId, jobId)) return fail(id, 'the report answers another job');
  if (!equalBytes(report.modelRoot, modelRoot)) return fail(id, 'the report is about another model');
  const ran = report.steps.map(({ step }) => step);
  if (ran.length !== drawn.length || ran.some((step, i) => step !== drawn[i]))
    return fail(id, `steps ${ran.join(', ')} ran again, and ${drawn.join(', ')} were drawn`);
  if ((report.source !== undefined) !== hasSource)
    return fail(id, `the report is about a picture ${report.source ? 'to change' : 'from noise alone'}`);
  return pass(id, `steps ${ran.join(', ')} ran again in ${report.numericClass}`);
}

/** Runs stage 2: one verifier's well-formed report against the committed picture. */
export function adjudicateTrajectory(
  committed: Omit<CommittedPicture, 'modelRoot'>,
  report: TrajectoryReport,
  {
    limits = TRAJECTORY_FALLBACK,
    tiers,
  }: { readonly limits?: TrajectoryLimits; readonly tiers?: readonly TierEntry[] | undefined } = {},
): TrajectoryVerdict {
  const { header } = committed;
  const { tier } = header;
  const checks = [...checkFacts(header, report)];
  // These values are the same in every class, so a tier treats a difference like one in an exact class.
  if (checks.some(({ status }) => status === 'fail')) {
    const fault = { isFact: true, seen: encodeReportedFacts(report) };
    return { ...judgeOutcome(tier, { outcome: 'reject', checks, exact: true }, tiers), fault };
  }
  if (isEqualityDue(report, header)) {
    const equality = checkEquality(committed, report);
    const outcome = equality.status === 'pass' ? 'accept' : 'reject';
    return judgeOutcome(tier, { outcome, checks: [...checks, equality], exact: true }, tiers);
  }
  const apart = `no exact class: provider ${header.numericClass}, verifier ${report.numericClass}`;
  const { outcome, found } = judgeDistances(committed, report, limits);
  return judgeOutcome(tier, { outcome, checks: [...checks, skip('equality', apart), ...found], exact: false }, tiers);
}

const NO_ROOT = new Uint8Array(32);
const FACT_DOMAIN = encodeDomain('ogong-trajectory-facts-v1');

/** Encodes the part of a report that is the same in every class. */
export function encodeReportedFacts({
  vocabularyHash,
  promptTokensHash,
  choices,
  facts,
  source,
}: TrajectoryReport): Uint8Array {
  return createWriter()
    .bytes(FACT_DOMAIN)
    .bytes(vocabularyHash, 32)
    .bytes(promptTokensHash, 32)
    .bytes(encodeChoices(choices))
    .bytes(encodeModelFacts(facts))
    .bytes(source?.maskRoot ?? NO_ROOT, 32)
    .finish();
}

/** Lists choices as values that can be compared. */
const listChoices = ({ guidancePlan, ...choices }: PictureChoices) => ({
  ...choices,
  startQ16: guidancePlan?.startQ16,
  endQ16: guidancePlan?.endQ16,
  momentumQ16: guidancePlan?.momentumQ16,
});

function checkFacts(header: TrajectoryHeader, report: TrajectoryReport): readonly Check[] {
  const { choices, facts, source } = header;
  const ofPrompt = equalBytes(header.promptTokensHash, report.promptTokensHash);
  const ofModel =
    equalBytes(header.vocabularyHash, report.vocabularyHash) &&
    equalBytes(encodeModelFacts(facts), encodeModelFacts(report.facts));
  const own = listChoices(choices);
  const wrong = Object.entries(listChoices(report.choices)).filter(
    ([name, value]) => own[name as keyof typeof own] !== value,
  );
  return [
    check('prompt-tokens', ofPrompt, [
      'the prompt makes the committed tokens',
      'the prompt makes other tokens than the committed ones',
    ]),
    check('model-facts', ofModel, [
      `tokenizer ${toHex(report.vocabularyHash.subarray(0, 6))}, and the model's own schedule`,
      'the model has another tokenizer, latent or schedule than the header says',
    ]),
    check('model-choices', wrong.length === 0, [
      `${choices.steps} steps of ${choices.sampler}, as request and model say`,
      `request and model say ${wrong.map(([name, value]) => `${name} ${value}`).join(', ')}`,
    ]),
    ...(source === undefined
      ? []
      : [
          check('mask', equalBytes(source.mask?.root ?? NO_ROOT, report.source?.maskRoot ?? NO_ROOT), [
            'the mask of the request makes the committed one',
            'the mask of the request makes another one than the committed one',
          ]),
        ]),
  ];
}

function checkEquality(
  { responseHash, header, leaves }: Omit<CommittedPicture, 'modelRoot'>,
  report: TrajectoryReport,
): Check {
  const id = 'equality';
  const where = `in the exact class ${header.numericClass}`;
  const differing = report.steps.find(({ step, outputRoot }) => {
    const own = leaves.steps[step];
    return own === undefined || !equalBytes(own.outputRoot, outputRoot);
  });
  if (differing) return fail(id, `the output of step ${differing.step} differs, ${where}`, differing.step);
  if (header.source && !equalBytes(header.source.latentRoot, report.source?.latentRoot ?? NO_ROOT))
    return fail(id, `the latent of the picture to change differs, ${where}`);
  if (!equalBytes(responseHash, report.responseHash)) return fail(id, `the picture is not its latent's, ${where}`);
  return pass(id, `${report.steps.length} outputs and the picture equal bit for bit in ${header.numericClass}`);
}

interface Distance {
  readonly id: string;
  readonly value: number;
  readonly limit: TrajectoryLimits['output'];
  readonly step?: number;
  /** Source of this limit. Default: that of the others. */
  readonly source?: string;
}

/** Compares outputs, picture and source by their projections. */
export function judgeDistances(
  { header, leaves }: Pick<CommittedPicture, 'header' | 'leaves'>,
  report: TrajectoryReport,
  limits: TrajectoryLimits,
): { readonly outcome: Outcome; readonly found: readonly Check[] } {
  const steps = report.steps.map(({ step, projection }): Distance => {
    const own = leaves.steps[step] as StepLeaves['steps'][number];
    return {
      id: 'output-distance',
      value: computeProjectionDistance(own.projection, projection),
      limit: limits.output,
      step,
    };
  });
  const picture = {
    id: 'pixel-distance',
    value: computeProjectionDistance(header.pixels, report.pixels),
    limit: limits.pixels,
  };
  const worst = steps.reduce((most, one) => (one.value <= most.value ? most : one), steps[0] as Distance);
  const encoding = header.source && {
    id: 'encoding-distance',
    value: report.source
      ? computeProjectionDistance(header.source.projection, report.source.projection)
      : Number.POSITIVE_INFINITY,
    // Drift tables have no measure of encoders.
    limit: TRAJECTORY_FALLBACK.output,
    source: TRAJECTORY_FALLBACK.source,
  };
  const measured: readonly Distance[] = [...(encoding ? [encoding] : []), worst, picture];
  // A distance that is not a number must never pass.
  const isBad = ({ value, limit }: Distance): boolean => !(value <= limit.reject);
  const found = measured.map((one) => {
    const detail = `${one.value.toExponential(1)}, reject above ${one.limit.reject} (${one.source ?? limits.source})`;
    return isBad(one) ? fail(one.id, detail, one.step) : pass(one.id, detail);
  });
  if (measured.some(isBad)) return { outcome: 'reject', found };
  return { outcome: measured.some(({ value, limit }) => value > limit.doubt) ? 'inconclusive' : 'accept', found };
}
