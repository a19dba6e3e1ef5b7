import { toHex } from '../base/bytes.ts';
import type { Announcement } from './announcement.ts';

/** Length of the prefixes of provider ids in requests for supply. It is long enough that no two keys can be found with the same prefix. */
export const HELD_PREFIX_BYTES = 8;

/** Bytes of one held announcement: the prefix of its provider, and u64 its sequence. */
export const HELD_BYTES: number = HELD_PREFIX_BYTES + 8;

export const toPrefix = (providerId: Uint8Array): string => toHex(providerId.subarray(0, HELD_PREFIX_BYTES));

/** Encodes which announcements the caller holds, so that a router hands on only newer ones (docs/spec/match.md). */
export function encodeHeld(all: readonly Pick<Announcement, 'providerId' | 'sequence'>[]): Uint8Array {
  const held = new Uint8Array(all.length * HELD_BYTES);
  const view = new DataView(held.buffer);
  for (const [i, { providerId, sequence }] of all.entries()) {
    held.set(providerId.subarray(0, HELD_PREFIX_BYTES), i * HELD_BYTES);
    view.setBigUint64(i * HELD_BYTES + HELD_PREFIX_BYTES, sequence);
  }
  return held;
}
