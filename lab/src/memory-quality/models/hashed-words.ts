import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { isStopWord, readWords, stemWord } from '@ogong/memory/pipeline/words';
import { hashWords } from '@ogong/testing/memory/scripted-embedding';
import { toUncheckedEvidence, toUnit } from './vectors.ts';

/** Counts the content words of a text by their hashes, where no weights can be had. */
export const embedByHashedWords: MemoryModels['embed'] = async (texts) => ({
  value: texts.map((text) => toUnit(hashWords(listStems(text).join(' ')))),
  evidence: toUncheckedEvidence('hashed words', texts),
});

const listStems = (text: string): readonly string[] =>
  readWords(text).flatMap(({ plain }) => (isStopWord(plain) ? [] : stemWord(plain)));
