import type { TextEngine } from '@ogong/engine/interface/text';
import { computeOrderDay } from '@ogong/protocol/exchange/order';
import { parseModelRequest } from '@ogong/provider/modality/text/model-request';
import { answerHonestly, commitRows, type VisionAttack, type VisionMeans, type VisionOrder } from './attack.ts';

/** Tokenizes the question without its pictures. */
const tokenizeText = ({ sold }: VisionMeans, { order, textBody }: VisionOrder): Promise<Uint32Array> =>
  sold.tokenizePrompt(parseModelRequest(textBody, 'chat', computeOrderDay(order)).prompt);

/** Answers from the text alone, and commits tokens and rows of the pictures. */
async function answerFromText(means: VisionMeans, order: VisionOrder) {
  const { sold } = means;
  const tokens = await tokenizeText(means, order);
  const blind: TextEngine = {
    ...sold,
    generate: (request, ...options) => sold.generate({ ...request, prompt: { kind: 'tokens', tokens } }, ...options),
  };
  return answerHonestly(blind, order);
}

export const droppedPicture: VisionAttack = {
  name: 'picture-dropped',
  aim: 'an answer from the text alone; no picture is committed',
  caughtBy: 'sampler',
  async answer(means, order) {
    const answer = await answerFromText(means, order);
    return { ...commitRows(answer, []), promptTokens: await tokenizeText(means, order) };
  },
};

export const statedText: VisionAttack = {
  name: 'picture-dropped-rows',
  aim: 'an answer from the text alone, beside the rows of the picture',
  caughtBy: 'prompt-tokens',
  async answer(means, order) {
    return { ...(await answerFromText(means, order)), promptTokens: await tokenizeText(means, order) };
  },
};

export const hiddenText: VisionAttack = {
  name: 'picture-dropped-hidden',
  aim: 'an answer from the text alone, beside the rows of the picture and the tokens of the right prompt',
  caughtBy: 'equality',
  answer: answerFromText,
};
