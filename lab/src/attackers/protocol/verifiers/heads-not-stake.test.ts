import { describe, expect, it } from 'vitest';
import { headsNotStake } from './heads-not-stake.ts';

const isHonest = (name: string): boolean => name.startsWith('honest');

describe('a provider that forges replies, with many verifiers of its own', () => {
  it.each([
    { honest: 1, league: 1 },
    { honest: 2, league: 2 },
    { honest: 2, league: 5 },
  ])('gains nothing from $league verifiers without stake beside $honest with stake', async (verifiers) => {
    const { entries, marked, credited } = await headsNotStake.play({ replies: 6, ...verifiers });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'reject', feeAtomic: 0n }));
    expect(marked).toEqual([]);
    expect(credited.every(isHonest)).toBe(true);
  });

  it('gains nothing from the address of an honest verifier, which it announces as its own', async () => {
    const { entries, credited } = await headsNotStake.play({
      ...{ replies: 4, honest: 1, league: 2, endpoint: 'honest-0:1' },
    });
    expect(entries).toMatchObject(Array(4).fill({ verdict: 'reject', feeAtomic: 0n }));
    expect(credited).toEqual(['honest-0']);
  });

  it('is ejected by a majority with stake, whatever a few small stakes say', async () => {
    const { entries } = await headsNotStake.play({ replies: 3, honest: 3, league: 2, leagueStake: 1n });
    expect(entries).toMatchObject(Array(3).fill({ verdict: 'reject', evidence: 'exact', ejects: true }));
  });

  it('is not paid, and has nobody refuted, by more operators with less stake', async () => {
    const { entries, marked } = await headsNotStake.play({ replies: 6, honest: 2, league: 5, leagueStake: 1n });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'unjudged', feeAtomic: 0n, step: 'none' }));
    expect(marked).toEqual([]);
  });
});
