import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, check, fail, pass } from '../../base/checks.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkPosture } from '../../tier/posture.ts';
import { TIERS } from '../../tier/registry.ts';
import type { ReplayOptions } from '../modality.ts';
import { countPlaces, parseTrajectoryHeader, planChosenGuidance, type TrajectoryHeader } from './header.ts';
import { hidesSteps } from './hidden/hidden-facts.ts';
import { findHiddenProblem, replayHidden } from './hidden/hidden-replay.ts';
import { parseStepLeaves, type StepLeaves } from './leaf.ts';
import { type CommittedSteps, type ReplayedSteps, replayLinks } from './links.ts';
import { countLeftOut, countRun } from './request-picture.ts';
import { planSchedule } from './schedule/scheduler-config.ts';

/** A picture's opening in its parts. */
export interface TrajectoryOpening extends CommittedSteps {}

export interface TrajectoryReplay {
  readonly checks: readonly Check[];
  /** The opening in its parts, if it has the form of one. */
  readonly opened: TrajectoryOpening | undefined;
  /** The kept latents, if the outputs were shown and every link held. */
  readonly latents: ReplayedSteps['latents'];
  /** The blobs that refute the opening, if some do. */
  readonly refutedBy?: readonly Uint8Array[] | undefined;
}

/** Counts the steps that have a leaf: those that run, or none if the server shows none. */
export const countCommittedSteps = ({
  choices,
  facts,
  source,
  range,
}: Pick<TrajectoryHeader, 'choices' | 'facts' | 'source' | 'range'>): number =>
  hidesSteps(facts) ? 0 : countRun(choices.steps, source ?? range);

/** Reads the parts of an opening. @throws ProtocolError */
export function readTrajectoryOpening({ blind, header: headerBytes, windows }: Opening): TrajectoryOpening {
  const header = parseTrajectoryHeader(headerBytes);
  const { steps, sampler } = header.choices;
  const part = header.source ?? header.range;
  const shown = countCommittedSteps(header);
  // One leaf for each step that runs, and the last latent's. Counted before anything is computed.
  if (windows.length !== shown + 1)
    throw new ProtocolError('malformed', `${windows.length} leaves of a trajectory of ${shown} steps`);
  const leaves = parseStepLeaves(windows);
  const guidance = planChosenGuidance(header.choices, part);
  const at = leaves.steps.findIndex(({ stateRoot }, i) => !stateRoot !== (guidance[i]?.momentum === undefined));
  if (at >= 0) throw new ProtocolError('malformed', `step ${at} commits a momentum where it has none, or the reverse`);
  return {
    ...{ blind, header, leaves, guidance },
    schedule: planSchedule(header.facts.scheduler, steps, sampler, {
      firstStep: countLeftOut(steps, part),
      lastStep: header.range?.lastStep,
      places: countPlaces(header.choices, header.facts),
    }),
  };
}

/**
 * Runs stage 1 of a picture (docs/spec/trajectory.md). The caller must have checked that the leaves hash to the signed root.
 * @param options.blobs finds the outputs of the steps, and latents. Without them a link is not checked.
 * @param options.walked the result of walkTrajectory, in their place.
 */
export function replayTrajectory(
  crypto: Crypto,
  { tokenCount, commitRoot, responseHash }: Pick<RecordV2, 'tokenCount' | 'commitRoot' | 'responseHash'>,
  opening: Opening,
  { tiers = TIERS, blobs, walked }: ReplayOptions,
): TrajectoryReplay {
  let opened: TrajectoryOpening;
  try {
    opened = readTrajectoryOpening(opening);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { checks: [fail('commitment-form', error.message)], opened: undefined, latents: undefined };
  }
  const { header, leaves } = opened;
  const problem = findHiddenProblem(header, tiers);
  if (problem !== undefined)
    return { checks: [fail('commitment-form', problem)], opened: undefined, latents: undefined };
  if (walked && !equalBytes(walked.commitRoot, commitRoot))
    throw new TypeError('the blobs of another commitment were walked');
  const { checks, latents, refutedBy } = hidesSteps(header.facts)
    ? replayHidden(crypto, opened)
    : walked
      ? { ...walked, latents: walked.kept }
      : replayLinks(crypto, { ...opened, responseHash }, blobs);
  return {
    checks: [
      pass('commitment-form', describeForm(header, leaves)),
      checkPosture(header, tiers),
      check('token-count', leaves.steps.length === tokenCount, [
        `${tokenCount} steps`,
        `the record says ${tokenCount} steps, and the opening has ${leaves.steps.length}`,
      ]),
      ...checks,
    ],
    ...{ opened, latents, refutedBy },
  };
}

const describeForm = ({ choices, facts }: TrajectoryHeader, { steps }: StepLeaves): string => {
  const { width, height, sampler } = choices;
  if (hidesSteps(facts)) return `a picture of ${width}x${height} pixels, without steps`;
  return `${steps.length} steps of ${sampler} to a picture of ${width}x${height} pixels`;
};
