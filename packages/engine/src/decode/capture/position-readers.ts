import { hasLanes } from '@ogong/protocol/tier/lane-class';
import { createPositionReader, type PositionReader } from './position.ts';
import { createAscendingSums, createLaneSums } from './vocabulary-sums.ts';

/** Returns the reader of positions in a numeric class. It may be shared: it keeps nothing between two positions. */
export type PositionReaders = (numericClass: string) => PositionReader;

/** Creates readers at their first use. */
export function createPositionReaders(vocabularySize: number): PositionReaders {
  const readers = new Map<boolean, PositionReader>();
  return (numericClass) => {
    const inLanes = hasLanes(numericClass);
    const known = readers.get(inLanes);
    if (known !== undefined) return known;
    const createSums = inLanes ? createLaneSums : createAscendingSums;
    const reader = createPositionReader(vocabularySize, createSums(vocabularySize));
    readers.set(inLanes, reader);
    return reader;
  };
}
