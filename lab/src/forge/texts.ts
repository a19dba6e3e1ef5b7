import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { createPrompt } from '@ogong/provider/calibration/prompts';

export interface WrittenText {
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
}

/** Most tokens of a text after its prompt. */
const LENGTH = 128;

/** Training texts that a model writes, one after the other. The same model writes the same texts. */
export async function writeTexts(engine: TextEngine, prompts: readonly string[]): Promise<readonly WrittenText[]> {
  const texts: WrittenText[] = [];
  for (const [number, text] of prompts.entries()) {
    let promptTokens = new Uint32Array(0);
    for await (const event of engine.generate({
      prompt: { kind: 'text', text },
      sampler: PLAIN_SAMPLER,
      bias: [],
      drawKey: new Uint8Array(32).fill(number),
      maxTokens: LENGTH,
      stop: [],
      sketch: { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS },
      topLogprobs: 0,
    })) {
      if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
      else if (event.kind === 'end') texts.push({ promptTokens, outputTokens: event.outputTokens });
    }
  }
  return texts;
}

/** Stories that the model in a file writes, with their prompts. @throws EngineError */
export async function writeStories(modelPath: string, count: number): Promise<readonly Uint32Array[]> {
  const engine = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 2 * LENGTH });
  try {
    const prompts = Array.from({ length: count }, (_, number) => createPrompt('story', number));
    const texts = await writeTexts(engine, prompts);
    return texts.map(({ promptTokens, outputTokens }) => Uint32Array.from([...promptTokens, ...outputTokens]));
  } finally {
    await engine.close();
  }
}
