import { compareBytes, createWriter, equalBytes } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { SetMember } from '../beacon/validator-set.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { drawInteger } from '../crypto/draw-integer.ts';
import { codeOfAsked, type SilenceKind } from '../exchange/silence.ts';
import { computeDecidingEpoch } from './deciding-epoch.ts';

/**
 * The sizes of a panel of witnesses. Witnesses ask too, before a validator may claim that a party was silent
 * (docs/spec/silence.md). The beacon puts all validators of the epoch, except the handling one, into an order by stake. More
 * than half of the first three must state that they received nothing. If some of them cannot be reached, more than half of the
 * first five, seven or nine.
 */
const PANELS = [3, 5, 7, 9];
export const MAX_WITNESSES = 9;
const WITNESS_DOMAIN = encodeDomain('ogong-witness-v1');

export interface WitnessDraw {
  /** Value of the drawing epoch, 32 bytes. */
  readonly beacon: Uint8Array;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  readonly asked: SilenceKind;
  /** 32 bytes: the provider, or the verifier, that is claimed to be silent. */
  readonly target: Uint8Array;
  /** The handling validator, 20 bytes. It is no witness. */
  readonly validator: Uint8Array;
}

/**
 * Computes the epoch whose beacon and validators give the witnesses: the first that may decide about the order, however late
 * the record came.
 */
export function computeWitnessEpoch(orderEpoch: bigint): bigint {
  return computeDecidingEpoch({ orderEpoch, intakeEpoch: orderEpoch }).epoch;
}

/** Draws the witnesses in order of their places, at most nine; none if there is no other validator. */
export function drawWitnesses<T extends Pick<SetMember, 'address' | 'stake'>>(
  crypto: Crypto,
  { beacon, replyId, asked, target, validator }: WitnessDraw,
  members: readonly T[],
): T[] {
  const rest = members
    .filter(({ address, stake }) => stake > 0n && !equalBytes(address, validator))
    .sort((a, b) => compareBytes(a.address, b.address));
  const drawn: T[] = [];
  while (rest.length > 0 && drawn.length < MAX_WITNESSES) {
    const writer = createWriter().bytes(WITNESS_DOMAIN).bytes(beacon, 32).bytes(replyId, 16);
    writer.u8(codeOfAsked(asked)).bytes(target, 32).u32(drawn.length);
    const total = rest.reduce((sum, { stake }) => sum + stake, 0n);
    let left = drawInteger(crypto, crypto.sha256(writer.finish()), total);
    const at = rest.findIndex(({ stake }) => {
      if (left < stake) return true;
      left -= stake;
      return false;
    });
    drawn.push(...rest.splice(at, 1));
  }
  return drawn;
}

/**
 * Returns whether the witnesses at these places are enough. If there is no other validator, the handling validator is the whole
 * quorum, and its own claim counts.
 * @param places each once.
 * @param drawn number of witnesses.
 */
export function areEnoughWitnesses(places: readonly number[], drawn: number): boolean {
  if (drawn === 0) return true;
  return PANELS.some((panel) => {
    const size = Math.min(panel, drawn);
    return 2 * places.filter((place) => place < size).length > size;
  });
}

/** Returns the number of witnesses after so many widenings of the panel. */
export function countPanel(widenings: number): number {
  return PANELS[Math.min(widenings, PANELS.length - 1)] as number;
}
