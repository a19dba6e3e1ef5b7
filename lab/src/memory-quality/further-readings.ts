import { checkCandidate } from '@ogong/memory/pipeline/check-candidate';
import { readTurns } from '@ogong/memory/pipeline/turns';
import { readFurther } from './set/threads.ts';

/** Any day, since no reading has a date. */
const DAY_MS = Date.UTC(2026, 4, 8, 12);

/** Finds false readings of single sentences that the checks let pass, beside those of the conversations. */
export function findPassing() {
  const all = readFurther();
  const passing = all.filter(({ say, reading }) => {
    const candidate = { first: 1, last: 1, subject: 'user', when: undefined, text: reading };
    const turns = readTurns([{ role: 'user', content: say }], DAY_MS);
    return 'supported' in checkCandidate({ ...candidate, type: 'semantic', categories: ['identity'] }, turns);
  });
  return { passing, count: all.length };
}
