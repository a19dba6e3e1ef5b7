import { createReader, createWriter, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { computeLog } from '../base/elementary.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { PPM } from '../exchange/reputation.ts';

/**
 * The draw of the providers that a validator tests in an epoch, and of the moments (docs/spec/canary.md). It follows from the
 * beacon under the validator's VRF key. So the validator cannot choose, nobody else can know the draw during the epoch, and
 * everybody can recompute it from the proof.
 */
const INPUT_DOMAIN = encodeDomain('ogong-secret-draw-v1');
const ARRIVAL_DOMAIN = encodeDomain('ogong-arrival-v1');

/** The property under test: that a provider answers, or that a key has a device of its own. */
export const DRAW_KINDS = ['canary', 'timed'] as const;
export type DrawKind = (typeof DRAW_KINDS)[number];

/** The most arrivals of one subject in one epoch. Further arrivals are dropped. */
export const MAX_ARRIVALS = 16;
/** The highest rate: four in an epoch. */
export const MAX_MEAN_PPM = 4 * PPM;

/** Computes the input of the VRF. @param beacon value of the epoch, 32 bytes. */
export function computeDrawInput(
  crypto: Crypto,
  { kind, epoch, beacon }: { readonly kind: DrawKind; readonly epoch: bigint; readonly beacon: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(INPUT_DOMAIN).u8(DRAW_KINDS.indexOf(kind)).u64(epoch).bytes(beacon, 32);
  return crypto.sha256(writer.finish());
}

/**
 * Draws the moments at which a subject is tested in the epoch: a Poisson process of that mean, by exponential gaps.
 * @param output of the VRF, 64 bytes.
 * @param subject provider and model, 64 bytes (computeSubject).
 * @param meanPpm average number of tests in an epoch, parts per million.
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

/** Draws an exponential value of mean 1: -ln((x + 1) / 2^53) with x the first 53 bits. */
function drawExponential(bits: Uint8Array): number {
  const uniform = (Number(createReader(bits).u64() >> 11n) + 1) / 2 ** 53;
  return -computeLog(uniform);
}
