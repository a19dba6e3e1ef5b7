import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { hashWords } from '@ogong/testing/memory/scripted-embedding';
import { toUncheckedEvidence, toUnit } from './vectors.ts';

/** Counts words by their hashes, where no weights can be had. */
export const embedByHashedWords: MemoryModels['embed'] = async (texts) => ({
  value: texts.map((text) => toUnit(hashWords(text))),
  evidence: toUncheckedEvidence('hashed words', texts),
});
