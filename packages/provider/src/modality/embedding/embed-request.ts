import type { EmbeddingEngine, EmbeddingInfo, EmbedResult } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { shortenVector } from '@ogong/protocol/modality/embedding/vector';

/** Returns the number of values of each vector of a request. */
export const countValues = (
  { dimensions }: Pick<EmbeddingRequest, 'dimensions'>,
  { embeddingSize }: Pick<EmbeddingInfo, 'embeddingSize'>,
): number => dimensions || embeddingSize;

/** Explains why a model has no vectors of the requested size; undefined if it has. */
export function findSizeProblem(
  request: Pick<EmbeddingRequest, 'dimensions'>,
  { embeddingSize }: Pick<EmbeddingInfo, 'embeddingSize'>,
): string | undefined {
  if (request.dimensions <= embeddingSize) return undefined;
  return `dimensions must be at most ${embeddingSize} for this model, not ${request.dimensions}`;
}

/** Embeds the inputs of a request, and shortens the vectors as it asks. @throws EngineError */
export async function embedRequest(
  engine: EmbeddingEngine,
  { inputs, query, dimensions }: Pick<EmbeddingRequest, 'inputs' | 'query' | 'dimensions'>,
  { signal, numericClass }: { readonly signal: AbortSignal; readonly numericClass?: string },
): Promise<EmbedResult> {
  const claimed = numericClass === undefined ? {} : { numericClass };
  const result = await engine.embed({ inputs, query, ...claimed }, { signal });
  try {
    const shortened = result.inputs.map(({ tokens, vector }) => ({
      tokens,
      vector: shortenVector(vector, dimensions),
    }));
    return { ...result, inputs: shortened };
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new EngineError('engine-crashed', `the model computed no vector: ${cause.message}`, { cause });
  }
}
