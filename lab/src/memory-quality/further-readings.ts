import { checkCandidate } from '@ogong/memory/pipeline/check-candidate';
import { readTurns } from '@ogong/memory/pipeline/turns';
import { type FurtherReading, readFurther } from './set/threads.ts';

/** Any day, since no reading has a date. */
const DAY_MS = Date.UTC(2026, 4, 8, 12);

/** Finds the readings of single sentences that the checks let pass, beside those of the conversations. */
export function findPassing({ isTrue }: { readonly isTrue: boolean }) {
  const all = readFurther(isTrue);
  const isPassing = ({ say, reading, subject = 'user' }: FurtherReading): boolean => {
    const turns = readTurns([{ role: 'user', content: say }], DAY_MS);
    const last = turns[0]?.sentences.length ?? 1;
    const candidate = { first: 1, last, subject, when: undefined, text: reading };
    return 'supported' in checkCandidate({ ...candidate, type: 'semantic', categories: ['identity'] }, turns);
  };
  return { passing: all.filter(isPassing), refused: all.filter((one) => !isPassing(one)), count: all.length };
}
