import { describe, expect, it } from 'vitest';
import { falseWithholding } from './false-withholding.ts';

describe('an opening that its validator calls withheld', () => {
  it('is no silence if the provider never got a receipt for its record', async () => {
    const { answers, refusals, settled, asked } = await falseWithholding.play({
      asksWitnesses: 'for texts without a receipt',
    });
    expect(answers).toEqual([expect.stringContaining('has not signed for this record')]);
    expect({ settled, asked }).toEqual({ settled: 0, asked: 0 });
    expect(refusals).toEqual([expect.stringContaining('that is not enough')]);
  });
});
