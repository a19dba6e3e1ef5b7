import { MemoryError } from '../memory-error.ts';

/** UTF-16 units of a text that a person writes. */
const MAX_WRITTEN = 2_000;

/** @throws MemoryError `malformed`, `too-large` */
export function assertWritten(text: string): void {
  if (text.length > MAX_WRITTEN) throw new MemoryError('too-large', `a text has at most ${MAX_WRITTEN} characters`);
  if (text.trim() === '' || !text.isWellFormed())
    throw new MemoryError('malformed', 'a text is well-formed and not empty');
}
