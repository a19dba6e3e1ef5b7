import { describe, expect, it } from 'vitest';
import { loneReject } from '../verifiers/lone-reject.ts';
import { silentLeague } from '../verifiers/silent-league.ts';
import { shortReport } from './short-report.ts';

describe('a verifier that scores the beginning and says that it has no room for more', () => {
  it('is not marked where it announced as little, and is paid for as little; others decide', async () => {
    const { entries, marked, credited } = await shortReport.play({ replies: 12, announced: 40 });
    expect(new Set(entries.map(({ verdict }) => verdict))).toEqual(new Set(['accept']));
    expect([marked, credited]).toEqual([[], ['lazy', 'v1', 'v2', 'v3']]);
    for (const { verifiers } of entries) {
      const tokens = verifiers.map((mark) => (mark.outcome === 'credited' ? mark.tokens : 0));
      // The prompt and one window of the reply; the others score all of it.
      expect(tokens.every((count) => count === Math.max(...tokens) || count <= 40)).toBe(true);
    }
    const all = entries.flatMap(({ verifiers }) =>
      verifiers.map((mark) => (mark.outcome === 'credited' ? mark.tokens : 0)),
    );
    expect(new Set(all).size).toBe(2);
  });
});

describe('a provider whose verifiers in league answer nothing', () => {
  it('is rejected by the others, to whom the draw goes on', async () => {
    const { entries, credited } = await silentLeague.play({ replies: 8, others: true });
    expect(entries.map(({ verdict, feeAtomic }) => [verdict, feeAtomic])).toEqual(Array(8).fill(['reject', 0n]));
    expect(credited).toEqual(['v1', 'v2']);
  });

  it('is paid nothing where nobody else ever answers', async () => {
    const { entries, credited } = await silentLeague.play({ replies: 4, others: false });
    const unpaid = { verdict: 'unjudged', evidence: 'none', feeAtomic: 0n, ejects: false };
    expect(entries).toMatchObject(Array(4).fill(unpaid));
    expect(credited).toEqual([]);
  });
});

describe('verifiers that reject an honest reply', () => {
  it('while the others are silent make it wait, and harm no name where nobody else ever answers', async () => {
    const { entries } = await loneReject.play({ replies: 6, framers: 1, silent: 3, honest: 0 });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'unjudged', evidence: 'none', ejects: false }));
  });

  it('in league eject nobody by their own reports', async () => {
    const { entries } = await loneReject.play({ replies: 6, framers: 2, silent: 3, honest: 0 });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'reject', evidence: 'statistical', ejects: false }));
  });
});
