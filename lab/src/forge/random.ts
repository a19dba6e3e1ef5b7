/**
 * Draws seeded numbers of mean 0 and variance 1: the scaled sum of four uniform 16-bit draws (xorshift32). The arithmetic is
 * exact, so a forged model has the same bytes on every machine.
 */
export function createGaussian(seed: number): () => number {
  // Small seeds would leave the state almost empty for its first steps.
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < 8; i++) next();
  // Each of the four has variance (2^32 - 1) / 12.
  const scale = 1 / Math.sqrt((4 * (2 ** 32 - 1)) / 12);
  return () => {
    const a = next();
    const b = next();
    return ((a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 2 * 0xffff) * scale;
  };
}
