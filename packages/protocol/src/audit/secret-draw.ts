import { createReader, createWriter, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { computeLog } from '../base/elementary.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { PPM } from '../exchange/reputation.ts';

/**
 * Whom a validator tests in an epoch, and when (docs/spec/canary.md). The draw follows from the beacon under the validator's VRF key: so
 * the validator cannot choose, nobody else can know it while the epoch lasts, and everybody can recompute it from the proof.
 */
const INPUT_DOMAIN = encodeDomain('ogong-secret-draw-v1');
const ARRIVAL_DOMAIN = encodeDomain('ogong-arrival-v1');

/** What is tested: that a provider answers, or that a key has a device of its own. */
export const DRAW_KINDS = ['canary', 'timed'] as const;
export type DrawKind = (typeof DRAW_KINDS)[number];

/** Of one subject in one epoch: more than so many arrivals are left out. */
export const MAX_ARRIVALS = 16;
/** The highest rate: four in an epoch. */
export const MAX_MEAN_PPM = 4 * PPM;

/** The input of the VRF. @param beacon value of the epoch, 32 bytes. */
export function computeDrawInput(
  crypto: Crypto,
  { kind, epoch, beacon }: { readonly kind: DrawKind; readonly epoch: bigint; readonly beacon: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(INPUT_DOMAIN).u8(DRAW_KINDS.indexOf(kind)).u64(epoch).bytes(beacon, 32);
  return crypto.sha256(writer.finish());
}

/**
 * When a subject is tested in the epoch: a Poisson process of that mean, by exponential gaps.
 * @param output of the VRF, 64 bytes. @param subject 64 bytes: who, and of which model. @param meanPpm tests in an epoch on average.
 * @returns moments in parts per million of the epoch, ascending; mostly none.
 * @throws ProtocolError `out-of-range` on a mean outside 1..4,000,000.
 */
export function drawArrivals(
  crypto: Crypto,
  output: Uint8Array,
  { subject, meanPpm }: { readonly subject: Uint8Array; readonly meanPpm: number },
): number[] {
  if (!Number.isInteger(meanPpm) || meanPpm < 1 || meanPpm > MAX_MEAN_PPM) {
    throw new ProtocolError('out-of-range', `a mean of ${meanPpm} parts per million`);
  }
  const arrivals: number[] = [];
  let at = 0;
  for (let number = 0; number < MAX_ARRIVALS; number++) {
    const writer = createWriter().bytes(ARRIVAL_DOMAIN).bytes(output, 64).bytes(subject, 64).u8(number);
    at += drawExponential(crypto.sha256(writer.finish())) * (PPM / meanPpm);
    if (at >= 1) break;
    arrivals.push(Math.floor(at * PPM));
  }
  return arrivals;
}

/** Of mean 1: -ln((x + 1) / 2^53) with x the first 53 bits. */
function drawExponential(bits: Uint8Array): number {
  const uniform = (Number(createReader(bits).u64() >> 11n) + 1) / 2 ** 53;
  return -computeLog(uniform);
}
