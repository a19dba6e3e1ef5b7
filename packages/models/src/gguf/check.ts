import { statSync } from 'node:fs';
import { readGgufHeader } from './read.ts';
import { computeTensorBytes, GgufError, type GgufHeader } from './types.ts';

/**
 * Whether a file is a whole GGUF file: its header can be read, and it is as long as its tensors need. Only the header is read.
 * @param header of the same file, where it was read already.
 * @throws GgufError, or the file system's error.
 */
export function assertWholeGguf(path: string, header: GgufHeader = readGgufHeader(path)): void {
  const { size } = statSync(path);
  const end = findEnd(header);
  if (size >= end) return;
  throw new GgufError(
    `${path} is cut short: its tensors end at byte ${end}, and it has ${size}; fetch or copy it again`,
  );
}

/** Where the last tensor ends, in bytes. A tensor of a type that is not known counts by its beginning alone. */
function findEnd({ tensors, dataOffset }: GgufHeader): number {
  const ends = tensors.map((tensor) => dataOffset + tensor.offset + (computeTensorBytes(tensor) ?? 0));
  return ends.reduce((last, end) => Math.max(last, end), 0);
}
