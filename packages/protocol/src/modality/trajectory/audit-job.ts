import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type CodecType, createFormat, hash, list, struct, u8, u16 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { drawInteger } from '../../crypto/draw-integer.ts';
import type { StepLeaf, StepLeaves } from './leaf.ts';

/** The most steps that an audit runs again. */
export const AUDITED_STEPS = 2;

const STEPS_DOMAIN = encodeDomain('ogong-audited-steps-v1');

/** The weight of the step with the longest output. Each step has at least 1. */
const LONGEST_WEIGHT = 2 ** 16;

/**
 * Draws the steps that an audit runs again, ascending and different. The first one is drawn by the squared length of its output, so that
 * a false output that leads far away is rarely missed. The others are drawn alike.
 * @param draw value of the beacon that selected the reply, 32 bytes. The provider had committed before it was known.
 * @param replyId 16 bytes.
 * @param steps the committed projections, which keep the lengths of the outputs.
 */
export function drawAuditedSteps(
  crypto: Crypto,
  {
    draw,
    replyId,
    steps,
  }: {
    readonly draw: Uint8Array;
    readonly replyId: Uint8Array;
    readonly steps: readonly Pick<StepLeaf, 'projection'>[];
  },
): readonly number[] {
  const left = steps.map((_, i) => i);
  const drawn: number[] = [];
  for (let i = 0; i < Math.min(AUDITED_STEPS, steps.length); i++) {
    const seed = createWriter().bytes(STEPS_DOMAIN).bytes(draw, 32).bytes(replyId, 16).u8(i).finish();
    const pick = (bound: number): number => Number(drawInteger(crypto, crypto.sha256(seed), BigInt(bound)));
    const at = i === 0 ? pickByWeight(weighSteps(steps), pick) : pick(left.length);
    drawn.push(...left.splice(at, 1));
  }
  return drawn.sort((a, b) => a - b);
}

/** Weighs steps by the squared lengths of their outputs: integers of 1..LONGEST_WEIGHT. */
function weighSteps(steps: readonly Pick<StepLeaf, 'projection'>[]): readonly number[] {
  const squares = steps.map(({ projection }) => projection.reduce((sum, value) => sum + value * value, 0));
  const longest = Math.max(...squares);
  return squares.map((square) => (longest === 0 ? 1 : Math.max(1, Math.floor((square / longest) * LONGEST_WEIGHT))));
}

/** @returns the index of the weight in which a number below their sum falls. */
function pickByWeight(weights: readonly number[], pick: (sum: number) => number): number {
  let rest = pick(weights.reduce((sum, weight) => sum + weight, 0));
  return weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
}

const claimCodec = struct({
  /** Blind of the answer: the verifier names its own outputs by roots under it. */
  blind: hash,
  steps: list(struct({ step: u16, latentRoot: hash }), {
    count: u8,
    min: 1,
    max: AUDITED_STEPS,
    ascending: (a, b) => a.step - b.step,
  }),
  /** Root of the latent to decode. */
  finalRoot: hash,
});

/**
 * The part of the answer that a verifier gets: the drawn latents and the last one, by their roots. Their bytes travel beside it. It sees no
 * output, so it has nothing to copy.
 */
export interface TrajectoryClaim extends CodecType<typeof claimCodec> {}

const claimFormat = createFormat(claimCodec, { tag: 'ogong-trajectory-claim-v1', maxBytes: 1024 });
export const encodeTrajectoryClaim: (claim: TrajectoryClaim) => Uint8Array = claimFormat.encode;
/** @throws ProtocolError */
export const parseTrajectoryClaim: (bytes: Uint8Array) => TrajectoryClaim = claimFormat.decode;

/** Composes the claim of the drawn steps. @param planted a drawn step that gets another latent, for a honeypot. */
export function composeClaim(
  blind: Uint8Array,
  { steps, finalRoot }: StepLeaves,
  drawn: readonly number[],
  planted?: { readonly step: number; readonly latent: number },
): TrajectoryClaim {
  const rootOf = (at: number): Uint8Array => steps[at]?.latentRoot ?? finalRoot;
  return {
    blind,
    steps: drawn.map((step) => ({ step, latentRoot: rootOf(step === planted?.step ? planted.latent : step) })),
    finalRoot,
  };
}
