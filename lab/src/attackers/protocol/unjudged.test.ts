import { describe, expect, it } from 'vitest';
import { overbilledPrompt } from './overbilled-prompt.ts';
import { roomCapture } from './room-capture.ts';

describe('a free verifier that announces all the room there is', () => {
  it('is drawn by its stake alone, and the staked ones reject what its provider forged', async () => {
    const entries = await roomCapture.play({ replies: 12 });
    expect(entries.map(({ verdict, feeAtomic }) => [verdict, feeAtomic])).toEqual(Array(12).fill(['reject', 0n]));
  });
});

describe('a provider that bills a longer prompt in a class of its own', () => {
  it('is ejected by three verifiers of other classes that count the same tokens', async () => {
    const entries = await overbilledPrompt.play({ replies: 6 });
    expect(entries).toHaveLength(6);
    for (const entry of entries) expect(entry).toMatchObject({ verdict: 'reject', ejects: true, feeAtomic: 0n });
    expect(new Set(entries.map(({ evidence }) => evidence))).toEqual(new Set(['exact']));
  });
});
