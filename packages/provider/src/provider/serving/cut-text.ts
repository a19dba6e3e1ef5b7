/**
 * A text in pieces of so many UTF-8 bytes at most, none of which ends inside a character. A provider then never sends more than a
 * window beyond its payer's signed progress, however much its engine makes at once (docs/spec/progress.md).
 * @param mostBytes 4 at least.
 */
export function cutText(text: string, mostBytes: number): string[] {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return [text];
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + mostBytes, bytes.length);
    while (end < bytes.length && isInside(bytes, end)) end--;
    pieces.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return pieces;
}

/** Whether this byte goes on with a character that began before it. */
const isInside = (bytes: Uint8Array, at: number): boolean => ((bytes[at] as number) & 0xc0) === 0x80;
