import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import type { EchoedPrompt } from '@ogong/host/openai/echo';
import { scoreTokens } from '../modality/text/token-scores.ts';

interface EchoWish {
  /** How many alternatives each token names; undefined if no log-probabilities are asked for. */
  readonly topLogprobs: number | undefined;
  readonly signal: AbortSignal;
}

/** A prompt as the answer begins with it. With log-probabilities it is scored in one pass. @throws EngineError */
export async function readEchoedPrompt(
  engine: TextEngine,
  prompt: Prompt,
  { topLogprobs, signal }: EchoWish,
): Promise<EchoedPrompt> {
  const text = await readText(engine, prompt);
  if (topLogprobs === undefined) return { text, tokens: [] };
  const tokens = await engine.tokenizePrompt(prompt);
  return { text, tokens: await scoreTokens(engine, tokens, { topLogprobs, signal }) };
}

async function readText(engine: TextEngine, prompt: Prompt): Promise<string> {
  if (prompt.kind === 'text') return prompt.text;
  if (prompt.kind === 'fill') return prompt.prefix;
  return prompt.kind === 'tokens' ? new TextDecoder().decode(await engine.detokenize(prompt.tokens)) : '';
}
