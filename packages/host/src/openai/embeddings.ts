import { toBase64 } from '@ogong/protocol/base/bytes';
import type { EncodingFormat, VectorRequest } from '@ogong/protocol/modality/embedding/request';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import type { Json } from './format.ts';

/** A body in OpenAI's form: JSON numbers name each f32 exactly, base64 is of its bytes. */
export function formatEmbeddings(
  { model, encodingFormat }: Pick<VectorRequest, 'model' | 'encodingFormat'>,
  { vectors, promptTokens }: { readonly vectors: readonly Float32Array[]; readonly promptTokens: number },
): Json {
  const show = SHOWN[encodingFormat];
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: show(vector) })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

const SHOWN: Readonly<Record<EncodingFormat, (vector: Float32Array) => readonly number[] | string>> = {
  float: (vector) => [...vector],
  base64: (vector) => toBase64(encodeVector(vector)),
};
