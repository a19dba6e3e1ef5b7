import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { countScored } from '@ogong/protocol/modality/text/stage2/scored-prefix';
import type { ModelRequest } from './model-request.ts';

/** A reply as it was claimed, every field in range for the model at hand. */
export interface ClaimedReply {
  readonly header: Header;
  readonly request: ModelRequest;
  /** The exact bytes of the request. */
  readonly body: Uint8Array;
  readonly outputTokens: Uint32Array;
  readonly listSizes: Uint8Array;
  /** Shape classes of the passes that the provider committed; undefined if there is only one. */
  readonly shapeClasses?: Uint8Array | undefined;
  readonly bankSeed: Uint8Array;
  /** The committed rows of the pictures, with their grids. Default: there are no pictures. */
  readonly pictures?: TextScoringRequest['pictures'];
}

/**
 * The pass over a claim, with the prompt made from the request and not from the claim: scored and traced alike. Where prompt and
 * reply do not fit, it is over the whole windows that do, and has no output tokens if none does.
 * @throws EngineError
 */
export async function planPass(
  { header, request, outputTokens, listSizes, shapeClasses, bankSeed, pictures = [] }: Omit<ClaimedReply, 'body'>,
  engine: Pick<TextEngine, 'info' | 'tokenizePrompt'>,
): Promise<TextScoringRequest> {
  const { contextSize } = engine.info();
  const promptTokens = await engine.tokenizePrompt(request.prompt);
  const count = countScored({ contextSize, promptTokenCount: promptTokens.length }, outputTokens.length);
  return {
    promptTokens,
    outputTokens: outputTokens.subarray(0, count),
    sampler: header.sampler,
    bias: header.bias,
    grammar: request.asked.grammar,
    sketch: { bankSeed, directions: header.sketchDirections },
    listSizes: listSizes.subarray(0, count),
    ...(shapeClasses && { shapeClasses: shapeClasses.subarray(0, count) }),
    ...(pictures.length > 0 && { pictures }),
    numericClass: header.numericClass,
  };
}
