import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { describe, expect, it } from 'vitest';
import { friendInDoubt } from './friend-in-doubt.ts';

const countAccepts = (entries: readonly VerdictEntry[]): number =>
  entries.filter(({ verdict }) => verdict === 'accept').length;

describe('a provider of a smaller weight type, whose friend claims its class and repeats its values', () => {
  it('gains nothing from a friend without stake: the friend is never asked', async () => {
    const alone = await friendInDoubt.play({ replies: 8 });
    const { entries, credited } = await friendInDoubt.play({ replies: 8, friendStake: 0n });
    const toVerdict = ({ verdict, step, eValuePpm }: VerdictEntry) => ({ verdict, step, eValuePpm });
    expect(entries.map(toVerdict)).toEqual(alone.entries.map(toVerdict));
    expect(alone.entries.some(({ verdict }) => verdict === 'inconclusive')).toBe(true);
    expect(credited).toEqual(['honest']);
  });

  it('has no doubt turned into an accept by a friend with a small stake', async () => {
    const alone = await friendInDoubt.play({ replies: 8 });
    const { entries, credited } = await friendInDoubt.play({ replies: 8, friendStake: 1n });
    expect(credited).toEqual(['honest', 'friend']);
    expect(entries.some(({ evidence }) => evidence === 'exact')).toBe(false);
    expect(countAccepts(entries)).toBeLessThanOrEqual(countAccepts(alone.entries));
  });
});
