import { describe, expect, it } from 'vitest';
import { sameAnswer } from '../providers/same-answer.ts';
import { chosenHoneypots } from './chosen-honeypots.ts';
import { inventedHoneypots } from './invented-honeypots.ts';

describe('honeypots', () => {
  it('that no beacon drew settle nowhere, and those that it drew do', async () => {
    const { replies, invented, drawn, settled, refused } = await inventedHoneypots.play({ replies: 12 });
    expect(invented).toBe(replies);
    expect(drawn).toBeGreaterThan(0);
    expect(refused).toBe(replies - drawn);
    expect(refused).toBeGreaterThan(0);
    expect(settled).toBe(drawn);
  });

  it('refute a verifier that reports whatever the provider committed, until nobody asks it', async () => {
    const { answers, refuted, others, isAsked } = await sameAnswer.play({ replies: 24 });
    expect(answers).toBeGreaterThan(refuted);
    expect(refuted).toBeGreaterThan(1);
    expect(others).toBe(0);
    expect(isAsked).toBe(false);
  });

  it('with a nonce that their validator has looked for settle nowhere', async () => {
    const { replies, planted, tries, settled, refused } = await chosenHoneypots.play({ replies: 8, chooses: 'nonce' });
    expect([planted, settled, refused]).toEqual([0, 0, replies]);
    expect(tries).toBeGreaterThan(replies);
  });

  it('that their validator tells nothing of settle nowhere, and those of an honest one do', async () => {
    const untold = await chosenHoneypots.play({ replies: 8, chooses: 'silence' });
    expect([untold.planted, untold.settled, untold.refused]).toEqual([0, 0, 8]);
    const { planted, settled, refused } = await chosenHoneypots.play({ replies: 8, chooses: 'nothing' });
    expect([settled, refused]).toEqual([8, 0]);
    expect(planted).toBeGreaterThan(0);
  });
});
