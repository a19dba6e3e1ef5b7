import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { expect, it } from 'vitest';
import { replayedUnits } from './replayed-units.ts';

it('a relay reads nothing of a sealed reply, and changes or repeats nothing that is taken', async () => {
  const network = await createNetwork();
  try {
    const { carriedBytes, read, changed, again, elsewhere } = await replayedUnits.play({ network, marker: 'a marker' });
    expect(carriedBytes).toBeGreaterThan(5_000);
    expect(read).toBe(false);
    for (const [what, refused] of Object.entries(changed)) expect(refused, what).toContain('does not open');
    expect(Object.keys(changed).length).toBe(6);
    expect(again).toContain('served once');
    expect(elsewhere).toContain('does not open');
  } finally {
    await network.close();
  }
});
