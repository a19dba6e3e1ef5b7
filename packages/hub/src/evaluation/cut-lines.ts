import { concatBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_EVALUATION_BYTES } from '../evaluation-size.ts';
import { MAX_LINE_BYTES } from './evaluation-lines.ts';

/** Returns the lines of a file without their ends. A last line without an end is left out. @throws ProtocolError `too-large` */
export async function* cutLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  let totalBytes = 0;
  for await (const piece of pieces) {
    totalBytes += piece.length;
    if (totalBytes > MAX_EVALUATION_BYTES)
      throw new ProtocolError('too-large', `an evaluation has at most ${MAX_EVALUATION_BYTES} bytes`);
    for (let from = 0; from < piece.length; ) {
      const at = piece.indexOf(0x0a, from);
      const part = piece.subarray(from, at < 0 ? piece.length : at);
      kept.push(part);
      keptBytes += part.length;
      if (keptBytes > MAX_LINE_BYTES)
        throw new ProtocolError('too-large', `a line of an evaluation has at most ${MAX_LINE_BYTES} bytes`);
      if (at < 0) break;
      yield concatBytes(...kept);
      kept = [];
      keptBytes = 0;
      from = at + 1;
    }
  }
}
