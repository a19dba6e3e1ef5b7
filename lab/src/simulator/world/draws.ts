/** Random numbers in [0, 1) by name. A draw does not depend on earlier ones, so a run with one fault less stays similar. */
export interface NamedDraws {
  /** Returns the draw of a name, which is always the same. */
  at(name: string): number;
  /** Returns the next draw of a name. */
  next(name: string): number;
}

const FNV_PRIME = 0x01000193;
const FNV_BASIS = 0x811c9dc5;

/** 32 bits of a text: FNV-1a, then the finalizer of MurmurHash3, whose steps are public domain. Not for secrets. */
export function mix(seed: number, text: string): number {
  let hash = (FNV_BASIS ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME) >>> 0;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function createDraws(seed: number): NamedDraws {
  const counts = new Map<string, number>();
  const at = (name: string): number => mix(seed, name) / 2 ** 32;
  return {
    at,
    next(name) {
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      return at(`${name} ${count}`);
    },
  };
}

/** Derives bytes from a seed and a name: keys and random bytes of a simulated world. */
export function drawBytes(seed: number, name: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < length; i += 4) {
    const word = mix(seed, `${name} ${i}`);
    if (i + 4 <= length) view.setUint32(i, word);
    else for (let j = i; j < length; j++) bytes[j] = word >>> (8 * (j - i));
  }
  return bytes;
}
