import { describe, expect, it } from 'vitest';
import { chosenHoneypots } from './chosen-honeypots.ts';

describe('honeypots', () => {
  it('that their validator tells nothing of settle nowhere, and those of an honest one do', async () => {
    const untold = await chosenHoneypots.play({ replies: 8, chooses: 'silence' });
    expect([untold.planted, untold.settled, untold.refused]).toEqual([0, 0, 8]);
    const { planted, settled, refused } = await chosenHoneypots.play({ replies: 8, chooses: 'nothing' });
    expect([settled, refused]).toEqual([8, 0]);
    expect(planted).toBeGreaterThan(0);
  });
});
