import { ProtocolError } from '../../../base/bytes.ts';
import type { DrawRow } from '../commitment/window.ts';
import type { DrawSource } from '../sampling/draw-key.ts';
import { TAIL_RANK, WEIGHT_ONE } from '../sampling/sampler.ts';

/**
 * The draws of a reply that fell into the tail: u in 2^-24 units by position, ascending. The model and u alone decide the drawn
 * unlisted token, so a verifier needs only u. The key would reveal more.
 */
export type TailDraws = ReadonlyMap<number, number>;

const ENTRY_BYTES = 8;

export function listTailDraws(source: DrawSource, rows: readonly DrawRow[]): TailDraws {
  return new Map(rows.flatMap(({ rank }, at) => (rank === TAIL_RANK ? [[at, source.draw(at)] as const] : [])));
}

/** Encodes tail draws for a job (docs/spec/score-commitment.md): u32 position, u32 u each, little endian. */
export function encodeTailDraws(draws: TailDraws): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES * draws.size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [position, u] of draws) {
    view.setUint32(at, position, true);
    view.setUint32(at + 4, u, true);
    at += ENTRY_BYTES;
  }
  return bytes;
}

/**
 * Parses tail draws.
 * @param count positions of the reply.
 * @throws ProtocolError for bytes that encodeTailDraws over such a reply would not have written.
 */
export function parseTailDraws(bytes: Uint8Array, count: number): TailDraws {
  if (bytes.length % ENTRY_BYTES !== 0 || bytes.length > ENTRY_BYTES * count) {
    throw new ProtocolError('malformed', `${bytes.length} bytes are no tail draws of ${count} positions`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const draws = new Map<number, number>();
  let next = 0;
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const position = view.getUint32(at, true);
    const u = view.getUint32(at + 4, true);
    if (position < next) throw new ProtocolError('malformed', 'tail draws are not in order of position');
    if (position >= count) throw new ProtocolError('out-of-range', `a tail draw at ${position} of ${count}`);
    if (u >= WEIGHT_ONE) throw new ProtocolError('out-of-range', `a draw of ${u}`);
    draws.set(position, u);
    next = position + 1;
  }
  return draws;
}
