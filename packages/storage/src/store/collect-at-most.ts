/** Reads a stream to its end, or until `maxBytes` are there. A longer stream is cut. */
export async function collectAtMost(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let left = maxBytes;
  for await (const piece of stream) {
    pieces.push(piece.subarray(0, left));
    left -= piece.length;
    if (left <= 0) break;
  }
  return new Uint8Array(Buffer.concat(pieces));
}
