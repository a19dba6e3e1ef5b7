/** A seeded stream of numbers in 0..1, mulberry32: what went wrong once goes wrong again under the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a test, printed; `OGONG_SEED` overrides it. */
export function chooseSeed(fallback: number): number {
  const seed = Number(process.env.OGONG_SEED ?? fallback);
  console.info(`OGONG_SEED=${seed}`);
  return seed;
}

export function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0] as T);
}
