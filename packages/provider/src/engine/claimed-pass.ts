import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import type { ModelRequest } from './model-request.ts';

/** A reply as it was claimed, every field in range for the model at hand. */
export interface ClaimedReply {
  readonly header: Header;
  readonly request: ModelRequest;
  readonly outputTokens: Uint32Array;
  readonly listSizes: Uint8Array;
  /** Of the passes that the provider says it ran, as committed; undefined where there is only one. */
  readonly shapeClasses?: Uint8Array | undefined;
  readonly bankSeed: Uint8Array;
}

/**
 * The pass over a claim, with the prompt made from the request and not from the claim: scored and traced alike.
 * @throws EngineError, Refusal where prompt and reply do not fit.
 */
export async function planPass(
  { header, request, outputTokens, listSizes, shapeClasses, bankSeed }: ClaimedReply,
  engine: Pick<TextEngine, 'info' | 'tokenizePrompt'>,
): Promise<TextScoringRequest> {
  const { contextSize } = engine.info();
  const promptTokens = await engine.tokenizePrompt(request.prompt);
  if (promptTokens.length + outputTokens.length > contextSize) {
    throw new Refusal('unsupported', `prompt and reply exceed the context of ${contextSize} tokens here`);
  }
  return {
    promptTokens,
    outputTokens,
    sampler: header.sampler,
    bias: header.bias,
    sketch: { bankSeed, directions: header.sketchDirections },
    listSizes,
    ...(shapeClasses && { shapeClasses }),
    numericClass: header.numericClass,
  };
}
