import type { SoldWeights } from '../plan/profiles.ts';
import type { AttackRow, EjectionRow } from '../results.ts';
import type { Detector } from './detector.ts';
import { type ClassPair, fitPair, type PairSamples } from './fit-pair.ts';
import { measureAttack } from './measure-attacks.ts';
import { type EjectionOptions, measureEjection, measureServed } from './measure-ejection.ts';

export interface OtherPairOptions extends PairSamples {
  readonly weights: SoldWeights;
  readonly maxTokens: number;
  readonly lives: EjectionOptions;
}

export interface OtherPair {
  readonly detector: Detector | undefined;
  readonly attacks: readonly AttackRow[];
  readonly ejection: readonly EjectionRow[];
}

const NOTHING: OtherPair = { detector: undefined, attacks: [], ejection: [] };

/** Attacks and honest lives between other classes; nothing if too few honest replies were sampled. */
export function measureOtherPair(pair: ClassPair, options: OtherPairOptions): OtherPair {
  const { weights, lives } = options;
  const fitted = fitPair(pair, options);
  if (fitted === undefined || fitted.detector.rows.length === 0) return NOTHING;
  const { detector, honest, played } = fitted;
  const attacks = played.map(({ experiment, attack, replies }) => {
    const { maxTokens = options.maxTokens } = experiment;
    const seen = { other: replies, same: [], vulkan: [] };
    const row = measureAttack({ attack, weights, ...seen, ...pair, maxTokens }, detector, lives.seed);
    // Evidence is plotted for the main pair only. For the other pairs it would fill most of the file.
    return { ...row, evidence: [] };
  });
  const halves = detector.judgeHonest(honest);
  const test = `${weights}: per reply, ${pair.provider} → ${pair.verifier}`;
  const ejection =
    halves.flat().length === 0 ? [] : [measureEjection(test, halves, lives), measureServed(test, halves, lives.beta)];
  return { detector, attacks, ejection };
}
