import { describe, expect, it } from 'vitest';
import { falseSilence } from './false-silence.ts';

describe('a verifier that a validator calls silent', () => {
  it('settled while its claim was believed', async () => {
    const { refusals, settled, asked } = await falseSilence.play({ asksWitnesses: false, isBelieved: true });
    expect({ refusals, settled, asked }).toEqual({ refusals: [], settled: 1, asked: 0 });
  });

  it('settles nowhere where nobody asked it', async () => {
    const { refusals, settled, asked } = await falseSilence.play({ asksWitnesses: false });
    expect({ settled, asked }).toEqual({ settled: 0, asked: 0 });
    expect(refusals).toEqual([expect.stringContaining('that is not enough')]);
  });

  it('commits to every witness, so none of them says that it was silent', async () => {
    const { answers, refusals, settled } = await falseSilence.play({ asksWitnesses: true });
    expect(answers).toEqual(['commitment']);
    expect(settled).toBe(0);
    expect(refusals).toEqual([expect.stringContaining('it gave its commitment here')]);
  });
});
