import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { createPrompt } from '@ogong/node/calibration/prompts';
import { NAT, WEIGHT_ONE } from '@ogong/protocol/sampler';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/sketch';

const LENGTH = 128;

/** Texts in a model's own words, to train on: token ids, prompts included. */
export async function writeTexts(modelPath: string, count: number): Promise<readonly Uint32Array[]> {
  const engine = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 2 * LENGTH });
  const texts: Uint32Array[] = [];
  try {
    for (let number = 0; number < count; number++) {
      const tokens: number[] = [];
      for await (const event of engine.generate({
        prompt: { kind: 'text', text: createPrompt('story', number) },
        sampler: {
          temperatureQ16: NAT,
          topK: 0,
          topPQ24: WEIGHT_ONE,
          minPQ24: 0,
          presencePenaltyQ16: 0,
          frequencyPenaltyQ16: 0,
          filterOrder: [],
        },
        bias: [],
        drawKey: new Uint8Array(32).fill(number),
        maxTokens: LENGTH,
        stop: [],
        sketch: { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS },
        topLogprobs: 0,
      })) {
        if (event.kind === 'start') tokens.push(...event.promptTokens);
        else if (event.kind === 'end') tokens.push(...event.outputTokens);
      }
      texts.push(Uint32Array.from(tokens));
    }
    return texts;
  } finally {
    await engine.close();
  }
}
