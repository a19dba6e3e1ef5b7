import { ProtocolError } from '../../../base/bytes.ts';
import type { StepGuidance } from '../guidance-plan.ts';

/** The guided output of a step, and the state that the next step reads. */
export interface GuidedOutput {
  /** The model's output after guidance, v. */
  readonly output: Float32Array;
  /** The momentum m; undefined for a step without it. */
  readonly state: Float32Array | undefined;
}

/** Joins the answers of a step with momentum: that of the prompt, then that of the negative prompt. */
export function joinAnswers(positive: Float32Array, negative: Float32Array): Float32Array {
  const both = new Float32Array(positive.length + negative.length);
  both.set(positive);
  both.set(negative, positive.length);
  return both;
}

/**
 * Computes the momentum of a step: m = (p - n) + b m', in doubles from left to right, rounded to f32 once. m' is that of the step before.
 * @param answers p and n, f32[2 * values]; not mutated.
 * @param before m', f32[values]. Default: zero, as for the first step of a window.
 * @throws ProtocolError `malformed` if the lengths differ.
 * Source: Sadat et al. 2024, Adaptive Projected Guidance, the momentum part.
 */
export function advanceMomentum(momentum: number, answers: Float32Array, before?: Float32Array): Float32Array {
  const count = answers.length / 2;
  if (!Number.isInteger(count) || (before !== undefined && before.length !== count))
    throw new ProtocolError(
      'malformed',
      `${answers.length} values of two answers, and a momentum of ${before?.length}`,
    );
  return Float32Array.from({ length: count }, (_, i) => {
    const apart = (answers[i] as number) - (answers[count + i] as number);
    return before === undefined ? apart : apart + momentum * (before[i] as number);
  });
}

/** Computes the guided output v = p + (g - 1) m, in doubles, rounded to f32 once. @param answers p and n. */
export const guideByMomentum = (factor: number, answers: Float32Array, state: Float32Array): Float32Array =>
  state.map((value, i) => (answers[i] as number) + (factor - 1) * value);

/**
 * Computes the guided output of a step from its committed output.
 * @param committed the guided output itself, or both answers of a step with momentum; not mutated.
 * @param before the state of the step before.
 */
export function guideStep(
  { factor, momentum }: StepGuidance,
  committed: Float32Array,
  before?: Float32Array,
): GuidedOutput {
  if (momentum === undefined) return { output: committed, state: undefined };
  const state = advanceMomentum(momentum, committed, before);
  return { output: guideByMomentum(factor, committed, state), state };
}
