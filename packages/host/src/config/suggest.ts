import { computeEditDistance, findNearest } from '@ogong/protocol/base/edit-distance';

/** " (did you mean --bind?)", or nothing if no candidate is near. */
export function suggest(word: string, candidates: readonly string[], prefix = ''): string {
  const [best] = findNearest(word, candidates, 1);
  if (best === undefined || computeEditDistance(word.slice(0, 64), best) > (word.length < 4 ? 1 : 2)) return '';
  return ` (did you mean ${prefix}${best}?)`;
}
