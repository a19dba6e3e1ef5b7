import { describe, expect, it } from 'vitest';
import { falseSilence } from './false-silence.ts';

describe('a verifier that a validator calls silent', () => {
  it('settled while its claim was believed', async () => {
    const { refusals, settled, asked } = await falseSilence.play({ asksWitnesses: false, isBelieved: true });
    expect({ refusals, settled, asked }).toEqual({ refusals: [], settled: 1, asked: 0 });
  });
});
