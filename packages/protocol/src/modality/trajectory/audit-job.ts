import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { type CodecType, createFormat, hash, list, struct, u8, u16 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { drawInteger } from '../../crypto/draw-integer.ts';
import type { StepLeaves } from './leaf.ts';

/** The most steps that an audit runs again. */
export const AUDITED_STEPS = 2;

const STEPS_DOMAIN = encodeDomain('ogong-audited-steps-v1');

/**
 * Draws the steps that an audit runs again, ascending and different.
 * @param draw value of the beacon that selected the reply, 32 bytes. The provider had committed before it was known.
 * @param replyId 16 bytes.
 */
export function drawAuditedSteps(
  crypto: Crypto,
  { draw, replyId, steps }: { readonly draw: Uint8Array; readonly replyId: Uint8Array; readonly steps: number },
): readonly number[] {
  const left = Array.from({ length: steps }, (_, i) => i);
  const drawn: number[] = [];
  for (let i = 0; i < Math.min(AUDITED_STEPS, steps); i++) {
    const seed = createWriter().bytes(STEPS_DOMAIN).bytes(draw, 32).bytes(replyId, 16).u8(i).finish();
    const at = Number(drawInteger(crypto, crypto.sha256(seed), BigInt(left.length)));
    drawn.push(...left.splice(at, 1));
  }
  return drawn.sort((a, b) => a - b);
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

/** Composes the claim of the drawn steps. */
export function composeClaim(
  blind: Uint8Array,
  { steps, finalRoot }: StepLeaves,
  drawn: readonly number[],
): TrajectoryClaim {
  return {
    blind,
    steps: drawn.map((step) => ({ step, latentRoot: (steps[step] as StepLeaves['steps'][number]).latentRoot })),
    finalRoot,
  };
}
