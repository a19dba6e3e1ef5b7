/**
 * Creates Mulberry32: numbers that look random and are the same on every machine. Use it for data, tests and simulations; never
 * for secrets. Stored samples, vectors and printed seeds depend on its sequence.
 *
 * @param seed taken modulo 2^32, its fraction dropped.
 * @returns multiples of 2^-32, uniform in [0, 1); period 2^32.
 *
 * Source: Tommy Ettinger, mulberry32.c, 2017, public domain (CC0),
 * https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
 */
export function createSeededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Picks one of the values, each with the same chance. @param random in [0, 1). @param values at least one. */
export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}
