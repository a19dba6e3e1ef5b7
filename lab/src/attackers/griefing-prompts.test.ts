import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { searchGriefingPrompts } from './griefing-prompts.ts';

const provider = createFakeEngine({ weights: 1 });
const verifier = createFakeEngine({ weights: 2 });
afterAll(() => Promise.all([provider.close(), verifier.close()]));

const search = {
  provider,
  verifier,
  alphabet: Array.from({ length: 40 }, (_, i) => 260 + i),
  promptLength: 6,
  outputTokens: 4,
  survivors: 4,
  seed: 5,
};

describe('the search for griefing prompts', () => {
  it('finds worse prompts than random ones, worst first', async () => {
    const random = await searchGriefingPrompts({ ...search, tries: 4 });
    const found = await searchGriefingPrompts({ ...search, tries: 60 });
    expect(found).toHaveLength(4);
    expect(found.map(({ drift }) => drift)).toEqual(found.map(({ drift }) => drift).sort((a, b) => b - a));
    expect(found.at(-1)?.drift).toBeGreaterThanOrEqual(random[0]?.drift as number);
    for (const { tokens, text } of found) {
      expect(tokens).toHaveLength(6);
      expect(new TextDecoder().decode(await provider.detokenize(Uint32Array.from(tokens)))).toBe(text);
    }
  });

  it('finds the same prompts again, and no drift between equal engines', async () => {
    const run = () => searchGriefingPrompts({ ...search, tries: 20 });
    expect(await run()).toEqual(await run());
    const same = await searchGriefingPrompts({ ...search, verifier: provider, tries: 20 });
    for (const { drift } of same) expect(drift).toBe(0);
  });

  it('stops when its signal aborts', async () => {
    expect(await searchGriefingPrompts({ ...search, tries: 20, signal: AbortSignal.abort() })).toEqual([]);
    await expect(searchGriefingPrompts({ ...search, tries: 1, alphabet: [3] })).rejects.toThrow(RangeError);
  });
});
