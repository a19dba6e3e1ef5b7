import { createFour } from '@ogong/testing/validator/test-four';
import { describe, expect, it } from 'vitest';
import { freeAbandonment } from './free-abandonment.ts';

describe('replies that their provider never promised', () => {
  it('are admitted by no validator, so none is called abandoned', async () => {
    const four = await createFour();
    const { refusals, logged } = await freeAbandonment.play({ four, isValidatorInLeague: false });
    expect(refusals.filter((text) => text.includes('has not agreed'))).toHaveLength(5);
    expect(logged).toBe(0);
  });
});
