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
