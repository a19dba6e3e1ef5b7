import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { writeTexts } from './texts.ts';

const engine = createFakeEngine({ contextSize: 512 });
const other = createFakeEngine({ contextSize: 512, weights: 2 });
afterAll(() => Promise.all([engine.close(), other.close()]));

describe('texts that a model writes', () => {
  it('follow from model, prompt and number', async () => {
    const texts = await writeTexts(engine, ['One day', 'One day']);
    expect(texts).toHaveLength(2);
    for (const { promptTokens, outputTokens } of texts) {
      expect(promptTokens).toEqual(await engine.tokenizePrompt({ kind: 'text', text: 'One day' }));
      expect(outputTokens.length).toBeGreaterThan(0);
    }
    expect(texts[1]?.outputTokens).not.toEqual(texts[0]?.outputTokens);
    expect(await writeTexts(engine, ['One day', 'One day'])).toEqual(texts);
    expect(await writeTexts(other, ['One day', 'One day'])).not.toEqual(texts);
  });
});
