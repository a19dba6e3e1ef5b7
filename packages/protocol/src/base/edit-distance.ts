/** Computes the Levenshtein distance: insertions, deletions and replacements of one UTF-16 unit. */
export function computeEditDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1);
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Longest text that is compared: the work grows with the product of both lengths. */
const MAX_COMPARED = 200;

/** Lists the candidates nearest to a word, the nearest first; equal ones in their order. */
export function findNearest(word: string, candidates: readonly string[], count: number): string[] {
  const compared = word.slice(0, MAX_COMPARED);
  return [...new Set(candidates)]
    .map((candidate) => ({
      candidate,
      distance: computeEditDistance(compared, candidate.slice(0, MAX_COMPARED)),
    }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
