import { describe, expect, it } from 'vitest';
import { beyondRoom } from '../payers/beyond-room.ts';
import { roomCapture } from '../validators/room-capture.ts';
import { loneReject } from '../verifiers/lone-reject.ts';
import { lyingVerifier } from '../verifiers/lying-verifier.ts';
import { silentLeague } from '../verifiers/silent-league.ts';
import { overbilledPrompt } from './overbilled-prompt.ts';
import { shortReport } from './short-report.ts';

describe('a free verifier that announces all the room there is', () => {
  it('is drawn by its stake alone, and the staked ones reject what its provider forged', async () => {
    const { entries } = await roomCapture.play({ replies: 12 });
    expect(entries.map(({ verdict, feeAtomic }) => [verdict, feeAtomic])).toEqual(Array(12).fill(['reject', 0n]));
  });
});

describe('a provider that bills a longer prompt in a class of its own', () => {
  it('is ejected by three verifiers of other classes that count the same tokens', async () => {
    const { entries } = await overbilledPrompt.play({ replies: 6 });
    expect(entries).toHaveLength(6);
    for (const entry of entries) expect(entry).toMatchObject({ verdict: 'reject', ejects: true, feeAtomic: 0n });
    expect(new Set(entries.map(({ evidence }) => evidence))).toEqual(new Set(['exact']));
  });
});

describe('a provider whose forged replies are too long for every verifier', () => {
  it('is ejected by the beginnings that fit', async () => {
    const { entries, marked } = await beyondRoom.play({ replies: 6 });
    expect(entries).toHaveLength(6);
    for (const entry of entries) expect(entry).toMatchObject({ verdict: 'reject', evidence: 'exact', ejects: true });
    expect(marked).toEqual([]);
  });
});

describe('a verifier that scores the beginning and says that it has no room for more', () => {
  it('is marked where it announced more, and never credited', async () => {
    const { entries, marked, credited } = await shortReport.play({ replies: 12, announced: 4096 });
    expect(new Set(entries.map(({ verdict }) => verdict))).toEqual(new Set(['accept']));
    expect([marked, credited]).toEqual([['lazy'], ['v1', 'v2', 'v3']]);
  });

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

describe('a verifier in league that accepts what its provider forged', () => {
  it('is refuted until it is out, and so is the next key of its payee from the beginning', async () => {
    const { entries, refuted, marked } = await lyingVerifier.play({ replies: 16 });
    expect(entries).toHaveLength(16);
    const late = entries.slice(8);
    expect(late.map(({ verdict, feeAtomic }) => [verdict, feeAtomic])).toEqual(Array(8).fill(['reject', 0n]));
    expect(refuted).toEqual([2, 0]);
    expect(marked).toEqual(['liar']);
  });
});

describe('verifiers that reject an honest reply', () => {
  it('while the others are silent make it wait, and harm no name where nobody else ever answers', async () => {
    const { entries } = await loneReject.play({ replies: 6, framers: 1, silent: 3, honest: 0 });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'unjudged', evidence: 'none', ejects: false }));
  });

  it('are outvoted as soon as others answer', async () => {
    const { entries, marked } = await loneReject.play({ replies: 6, framers: 1, silent: 3, honest: 2 });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'accept', ejects: false }));
    expect(marked).toContain('framer-0');
  });

  it('in league eject nobody by their own reports', async () => {
    const { entries } = await loneReject.play({ replies: 6, framers: 2, silent: 3, honest: 0 });
    expect(entries).toMatchObject(Array(6).fill({ verdict: 'reject', evidence: 'statistical', ejects: false }));
  });
});
