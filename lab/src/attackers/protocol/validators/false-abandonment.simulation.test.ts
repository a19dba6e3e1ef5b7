import { describe, expect, it } from 'vitest';
import { falseAbandonment } from './false-abandonment.ts';

describe('a delivered reply that its validator calls abandoned', () => {
  it('is shown to every witness, and settles nowhere without their statements', async () => {
    const { answers, refusals, settled } = await falseAbandonment.play({ isForged: false });
    expect(answers).toEqual(['taken']);
    expect(settled).toBe(0);
    expect(refusals).toEqual([expect.stringContaining('received the data that the entry calls missing')]);
  });

  it('settles nowhere with statements that the validator signs itself', async () => {
    const { refusals, settled } = await falseAbandonment.play({ isForged: true });
    expect(settled).toBe(0);
    expect(refusals).toEqual([expect.stringContaining('place 0 did not sign this')]);
  });
});
