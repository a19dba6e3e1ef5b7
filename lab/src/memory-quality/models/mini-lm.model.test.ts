import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openMiniLm } from './mini-lm.ts';
import { MINI_LM_PATH } from './mini-lm-file.ts';

/** Cosines that the makers of the model publish for these sentences. */
const SENTENCES = ['The weather is lovely today.', "It's so sunny outside!", 'He drove to the stadium.'];
const COSINES = [0.666, 0.1046, 0.1411];

const isThere = existsSync(MINI_LM_PATH);

it.skipIf(!isThere)(
  'all-MiniLM-L6-v2 has the published cosines (skips before the first npm run memory-quality)',
  async () => {
    const { embed, close } = await openMiniLm();
    try {
      const { value } = await embed(SENTENCES, new AbortController().signal);
      const [a, b, c] = value as [Float32Array, Float32Array, Float32Array];
      const cosine = (x: Float32Array, y: Float32Array): number =>
        x.reduce((sum, one, at) => sum + one * (y[at] ?? 0), 0);
      const found = [cosine(a, b), cosine(a, c), cosine(b, c)];
      expect(found).toEqual(COSINES.map((wanted) => expect.closeTo(wanted, 3)));
    } finally {
      await close();
    }
  },
);
