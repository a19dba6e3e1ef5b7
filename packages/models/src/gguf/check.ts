import { statSync } from 'node:fs';
import { readGgufHeader } from './read.ts';
import { computeTensorBytes, GgufError, type GgufHeader } from './types.ts';

/** Files are padded to the alignment of their tensors, which is seldom more than some kilobytes. */
const MAX_PADDING = 2 ** 20;

/**
 * Whether a file is a whole GGUF file: its header can be read, and it is as long as its tensors need, and hardly longer. Only the header is read.
 * @param header of the same file, where it was read already.
 * @throws GgufError, or the file system's error.
 */
export function assertWholeGguf(path: string, header: GgufHeader = readGgufHeader(path)): void {
  const { size } = statSync(path);
  const end = findEnd(header);
  if (size < end)
    throw new GgufError(
      `${path} is cut short: its tensors end at byte ${end}, and it has ${size}; fetch or copy it again`,
    );
  // Nobody wants to wait while they are hashed. A tensor of a type that is not known has bytes that nobody can count.
  if (size > end + MAX_PADDING && header.tensors.every((tensor) => computeTensorBytes(tensor) !== undefined))
    throw new GgufError(
      `${path} has ${size - end} bytes behind its last tensor, which no GGUF file has; fetch or copy it again`,
    );
}

/** Where the last tensor ends, in bytes. A tensor of a type that is not known counts by its beginning alone. */
function findEnd({ tensors, dataOffset }: GgufHeader): number {
  const ends = tensors.map((tensor) => dataOffset + tensor.offset + (computeTensorBytes(tensor) ?? 0));
  return ends.reduce((last, end) => Math.max(last, end), 0);
}
