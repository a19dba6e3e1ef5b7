import { HONEST } from '@ogong/provider/calibration/source-id';
import type { AttackDefinition } from '../../attackers/attack.ts';
import { ATTACKS } from '../../attackers/catalogue.ts';
import type { Experiment } from '../plan/experiments.ts';
import type { ComparedPair } from '../results.ts';
import { createDetector, type Detector } from './detector.ts';
import type { JudgedReply } from './load.ts';
import { isJudged, isUnrefuted } from './measure-attacks.ts';

export type ReadExperiment = (experiment: Experiment) => readonly JudgedReply[];

export type ClassPair = Pick<ComparedPair, 'provider' | 'verifier'>;

/** The samples of one weight type. */
export interface PairSamples {
  readonly honest: readonly Experiment[];
  readonly attacks: readonly Experiment[];
  readonly read: ReadExperiment;
  readonly code: string;
}

/** The samples between two classes, and the detector that was fitted to them. */
export interface FittedPair {
  readonly detector: Detector;
  /** The replies that the detector was fitted to and calibrated on. */
  readonly honest: readonly JudgedReply[];
  /** Those of them with arbitrary sampler settings. */
  readonly ofAnySampler: readonly JudgedReply[];
  readonly played: readonly PlayedAttack[];
}

export interface PlayedAttack {
  readonly experiment: Experiment;
  readonly attack: AttackDefinition;
  readonly replies: readonly JudgedReply[];
}

/** @returns undefined where no honest reply was sampled. */
export function fitPair(pair: ClassPair, { honest: served, attacks, read, code }: PairSamples): FittedPair | undefined {
  const main = served.filter((experiment) => isPair(experiment, pair));
  const ofAnySampler = main.filter(({ sampler }) => sampler === 'any').flatMap(read);
  const honest = [...main.filter(({ source }) => source === HONEST).flatMap(read), ...ofAnySampler];
  if (honest.length === 0) return undefined;
  const played = attacks
    .filter((experiment) => isPair(experiment, pair))
    .flatMap((experiment) => {
      const attack = ATTACKS.find(({ name }) => name === experiment.source);
      const replies = read(experiment);
      return attack === undefined || replies.length === 0 ? [] : [{ experiment, attack, replies }];
    });
  const alternatives = played
    .filter(
      ({ attack, replies }) => attack.family !== 'behaviour' && attack.caughtBy.length > 0 && isAlternative(replies),
    )
    .map(({ attack, replies }) => [attack.name, replies.filter((reply) => isJudged(attack, reply))] as const);
  const detector = createDetector({
    ...{ providerClass: pair.provider, verifierClass: pair.verifier, codeVersion: code },
    ...{ honest, attacks: new Map(alternatives) },
  });
  return { detector, honest, ofAnySampler, played };
}

export const isPair = ({ provider, verifier }: Experiment, pair: ClassPair): boolean =>
  provider === pair.provider && verifier === pair.verifier;

/** Whether an attack becomes an alternative. If stage 1 and exact checks refute most replies, statistics need no name for it. */
function isAlternative(replies: readonly JudgedReply[]): boolean {
  const left = replies.filter((reply) => isUnrefuted(reply) && reply.scored && !reply.scored.comparison.identical);
  return 2 * left.length >= replies.length;
}
