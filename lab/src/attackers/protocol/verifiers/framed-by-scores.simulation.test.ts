import { describe, expect, it } from 'vitest';
import { framedByScores } from './framed-by-scores.ts';

describe('verifiers in league that reject an honest reply by scores where they are asked first', () => {
  it('are refuted by the exact class, which is asked by a later beacon, unless that draws a third of them', async () => {
    const { entries, lies, refuted } = await framedByScores.play({ replies: 24, league: 3, honest: 5 });
    const rejects = entries.filter(({ verdict }) => verdict === 'reject').length;
    expect(entries).toHaveLength(24);
    expect(entries.some(({ ejects }) => ejects)).toBe(false);
    expect(rejects).toBeLessThan(lies / 2);
    expect(refuted.league).toBeGreaterThanOrEqual(2 * (lies - rejects));
    expect(refuted.honest).toBe(0);
  });

  it('eject nobody where a validator lists two of them and nobody else', async () => {
    const { entries, lies } = await framedByScores.play({ replies: 6, league: 2, honest: 0 });
    expect(lies).toBe(6);
    const isHarmless = { verdict: 'reject', evidence: 'statistical', step: 'none', ejects: false };
    expect(entries).toMatchObject(Array(6).fill(isHarmless));
  });

  it('need three, of whom two are drawn first and one by a later beacon', async () => {
    const { entries } = await framedByScores.play({ replies: 3, league: 3, honest: 0 });
    expect(entries.map(({ ejects }) => ejects)).toEqual([false, false, true]);
  });
});
