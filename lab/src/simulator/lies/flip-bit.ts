import type { NamedDraws } from '../world/draws.ts';

/** The same bytes with one bit turned; none where there are none. */
export function flipBit(bytes: Uint8Array, draws: NamedDraws): Uint8Array {
  if (bytes.length === 0) return bytes;
  const changed = bytes.slice();
  const at = Math.floor(draws.next('where') * changed.length);
  changed[at] = (changed[at] as number) ^ (1 << Math.floor(draws.next('bit') * 8));
  return changed;
}
