import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { mediaBytes, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { listPictures } from '@ogong/protocol/modality/text/request/chat-messages';
import { assertFitsModel, type ModelRequest } from './model-request.ts';

const NO_ROWS = new Float32Array();

/**
 * Counts the tokens of a prompt without a pass. Of pictures the size alone is read.
 * @throws RequestError, EngineError if the model does not take the request.
 */
export async function countPrompt(
  engine: Pick<TextEngine, 'info' | 'measurePicture' | 'tokenizePrompt'>,
  request: ModelRequest,
  media: RequestMedia,
): Promise<number> {
  const info = engine.info();
  if (!info.capabilities.tokenize) throw new EngineError('unsupported-model', 'this model shows no tokens of prompts');
  assertFitsModel(request, info);
  const pictures = [];
  for (const reference of listPictures(request.asked.messages)) {
    const pieces = await engine.measurePicture?.(mediaBytes(reference, media));
    if (pieces === undefined) throw new EngineError('unsupported-model', 'this model measures no pictures');
    pictures.push({ pieces, rows: NO_ROWS });
  }
  const prompt = pictures.length === 0 ? request.prompt : { ...request.prompt, pictures };
  return (await engine.tokenizePrompt(prompt)).length;
}
