import { createReader, createWriter, equalBytes } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { isClassDenied, isEqualityDue } from '../../tier/exact-class.ts';
import type { PlantedAnswer, PlantedReply, WeighPolicy } from '../modality.ts';
import { checkTrajectoryReport, encodeReportedFacts, judgeDistances, TRAJECTORY_FALLBACK } from './adjudicate.ts';
import type { TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { findTrajectoryLimits } from './measured-limits.ts';
import { areSame } from './projection.ts';
import { parseTrajectoryReport, type TrajectoryReport } from './report.ts';

/** A drawn step that gets the latent of another step, both as indices of latents. */
export interface PlantedLatent {
  readonly step: number;
  readonly latent: number;
}

const PLANT_DOMAIN = encodeDomain('ogong-honeypot-plant-v1');

/**
 * Plants the latents that the verifier of a honeypot receives (docs/spec/honeypots.md). One drawn step gets the nearest latent that the
 * job does not show otherwise. Every co-signer finds its root in the opening, so nobody has to show the latent.
 * @param drawn the audited steps, ascending.
 * @param options.seed 32 bytes; an odd first byte replaces a latent.
 * @param options.isBegun the request names the first latent, so a verifier knows it. It is neither replaced nor a replacement.
 * @returns undefined if the job shows the latents unchanged.
 */
export function plantLatent(
  crypto: Crypto,
  { steps, finalRoot }: StepLeaves,
  drawn: readonly number[],
  { seed, isBegun = false }: { readonly seed: Uint8Array; readonly isBegun?: boolean },
): PlantedLatent | undefined {
  if ((createReader(seed).u8() & 1) === 0) return undefined;
  const roots = [...steps.map(({ latentRoot }) => latentRoot), finalRoot];
  const shown = [...drawn, steps.length].map((at) => roots[at] as Uint8Array);
  const isNew = (root: Uint8Array): boolean => !shown.some((one) => equalBytes(one, root));
  const others = roots.flatMap((root, at) => (isNew(root) && !(isBegun && at === 0) ? [at] : []));
  const plants = drawn.flatMap((step) => {
    const [latent] = others.toSorted((a, b) => Math.abs(a - step) - Math.abs(b - step) || b - a);
    return latent === undefined || (isBegun && step === 0) ? [] : [{ step, latent }];
  });
  const draw = createReader(crypto.sha256(createWriter().bytes(PLANT_DOMAIN).bytes(seed, 32).finish())).u32();
  return plants[draw % plants.length];
}

/** A picture whose right report is known if the pair agrees. */
export interface PlantedPicture {
  readonly modelRoot: Uint8Array;
  readonly header: TrajectoryHeader;
  readonly leaves: StepLeaves;
  readonly drawn: readonly number[];
  readonly planted: PlantedLatent | undefined;
  readonly endorsedClass: string;
  /** Units of the verifier's work. */
  readonly units: number;
}

/** Creates the reader of the reports on a honeypot. */
export function createPlantedReader(picture: PlantedPicture): PlantedReply['read'] {
  const { modelRoot, header, drawn, endorsedClass, units } = picture;
  return (bytes, { jobId }) => {
    const report = parseTrajectoryReport(bytes);
    const shape = checkTrajectoryReport(report, { jobId, modelRoot, drawn, hasSource: header.source !== undefined });
    if (shape.status !== 'pass') return { problem: shape.detail };
    const claim = { numericClass: report.numericClass, isExact: report.exact };
    if (isClassDenied(header, claim, endorsedClass)) {
      const problem = `the verifier has signed that it computes in ${endorsedClass}, and its report denies it`;
      return { problem, isWellFormed: true };
    }
    return {
      tokens: units,
      compare: (known, drift) => compareAnswer(picture, report, parseTrajectoryReport(known), drift),
    };
  };
}

/**
 * Compares an answer with that of the pair. Facts are the same in every class, and so is the difference that another latent makes. All
 * other values are the same in one exact class only.
 */
function compareAnswer(
  picture: PlantedPicture,
  report: TrajectoryReport,
  known: TrajectoryReport,
  drift: WeighPolicy['drift'] | undefined,
): ReturnType<PlantedAnswer['compare']> {
  const { header, modelRoot, planted } = picture;
  if (!equalBytes(encodeReportedFacts(report), encodeReportedFacts(known))) return { outcome: 'refuted' };
  if (planted !== undefined && isCopied(report, known, planted.step)) return { outcome: 'refuted' };
  if (isEqualityDue(report, header)) return { outcome: isSame(report, known, planted) ? 'credited' : 'refuted' };
  const limits = findTrajectoryLimits(drift?.table, modelRoot, { header, report });
  const steps = report.steps.filter(({ step }) => step !== planted?.step);
  const isFar = (by: typeof limits): boolean => judgeDistances(picture, { ...report, steps }, by).outcome === 'reject';
  // Fixed limits alone count against nobody: the rate at which honest machines cross them was not measured.
  const isSuspect = limits.source !== TRAJECTORY_FALLBACK.source && isFar(limits) && isFar(TRAJECTORY_FALLBACK);
  return { outcome: 'credited', isSuspect };
}

type StepResult = TrajectoryReport['steps'][number];

const findStep = ({ steps }: TrajectoryReport, at: number): StepResult | undefined =>
  steps.find(({ step }) => step === at);

/** Returns whether a report repeats the known output of a step that had another latent. */
function isCopied(report: TrajectoryReport, known: TrajectoryReport, at: number): boolean {
  const [own, other] = [findStep(report, at), findStep(known, at)];
  if (own === undefined || other === undefined) return false;
  return equalBytes(own.outputRoot, other.outputRoot) || areSame(own.projection, other.projection);
}

/** Returns whether a report of the same exact class has the known values wherever the job shows the same latents. */
function isSame(report: TrajectoryReport, known: TrajectoryReport, planted: PlantedLatent | undefined): boolean {
  const isSameStep = (own: StepResult): boolean => {
    const other = findStep(known, own.step);
    if (own.step === planted?.step) return true;
    return (
      other !== undefined && equalBytes(own.outputRoot, other.outputRoot) && areSame(own.projection, other.projection)
    );
  };
  const isSameSource =
    known.source === undefined ||
    (report.source !== undefined &&
      equalBytes(report.source.latentRoot, known.source.latentRoot) &&
      areSame(report.source.projection, known.source.projection));
  const isSamePicture = equalBytes(report.responseHash, known.responseHash) && areSame(report.pixels, known.pixels);
  return isSameSource && isSamePicture && report.steps.every(isSameStep);
}
