import { describe, expect, it } from 'vitest';
import { inventedHoneypots } from './invented-honeypots.ts';
import { sameAnswer } from './same-answer.ts';

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
});
