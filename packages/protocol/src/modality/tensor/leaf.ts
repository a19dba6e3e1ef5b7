import { concatBytes, createWriter, equalBytes, ProtocolError } from '../../base/bytes.ts';
import type { WindowBytes } from '../../commitment/opening.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import type { HeaderOutput, TensorHeader } from './header.ts';
import { MAX_TENSORS, type Tensor } from './tensor-form.ts';

/** Bytes of a chunk of values. The last chunk of an output may have fewer. */
export const CHUNK_BYTES = 32_768;
/** Full chunks of the longest response, and one of each output. */
export const MAX_LEAVES = MAX_RESPONSE_BYTES / CHUNK_BYTES + MAX_TENSORS;

/** Counts the leaves of an output. One without values has one, too. */
export const countChunks = ({ sizeBytes }: Pick<HeaderOutput, 'sizeBytes'>): number =>
  Math.max(1, Math.ceil(sizeBytes / CHUNK_BYTES));

/** Encodes the place of a chunk, which is the first part of its leaf: u16 output, u16 chunk. */
const encodePlace = (output: number, chunk: number): Uint8Array => createWriter(4).u16(output).u16(chunk).finish();

/** Makes the leaves of outputs: for each, its values chunk by chunk. */
export const encodeTensorLeaves = (outputs: readonly Pick<Tensor, 'data'>[]): WindowBytes[] =>
  outputs.flatMap(({ data }, output) =>
    Array.from({ length: countChunks({ sizeBytes: data.length }) }, (_, chunk) => ({
      draws: encodePlace(output, chunk),
      sketch: data.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES),
    })),
  );

/** Joins the outputs of a header from their leaves. @throws ProtocolError unless encodeTensorLeaves would make these leaves. */
export function joinTensorLeaves({ outputs }: Pick<TensorHeader, 'outputs'>, leaves: readonly WindowBytes[]): Tensor[] {
  let at = 0;
  const joined = outputs.map((output, index): Tensor => {
    const own = leaves.slice(at, at + countChunks(output));
    const chunks = own.map(({ draws, sketch }, chunk) => {
      const isPlaced = equalBytes(draws, encodePlace(index, chunk));
      const size = Math.min(CHUNK_BYTES, output.sizeBytes - chunk * CHUNK_BYTES);
      if (!isPlaced || sketch.length !== size)
        throw new ProtocolError('malformed', `leaf ${at + chunk + 1} is not chunk ${chunk} of output ${index}`);
      return sketch;
    });
    at += own.length;
    return { ...output.form, data: concatBytes(...chunks) };
  });
  if (at !== leaves.length) throw new ProtocolError('malformed', `${leaves.length} leaves, the header has ${at}`);
  return joined;
}
