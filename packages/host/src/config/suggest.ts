/** " (did you mean --bind?)", or nothing if no candidate is near. */
export function suggest(word: string, candidates: readonly string[], prefix = ''): string {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: computeEditDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= (word.length < 4 ? 1 : 2) ? ` (did you mean ${prefix}${best.candidate}?)` : '';
}

/** Levenshtein distance: insertions, deletions and replacements of one character. */
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
