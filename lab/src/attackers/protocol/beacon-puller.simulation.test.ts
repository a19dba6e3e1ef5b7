import { describe, expect, it } from 'vitest';
import { beaconPuller } from './beacon-puller.ts';

describe('a proposer that pulls the others from one of its views to the next', () => {
  // Proofs of the random function are real, hence the time.
  it('costs the network no more epochs than a validator that is silent', { timeout: 300_000 }, () => {
    const { honest, oneSilent, attacked } = beaconPuller.play({ hours: 0.2 });
    expect(honest).toBeGreaterThan(9);
    expect(oneSilent).toBeGreaterThan(7);
    expect(attacked).toBeGreaterThanOrEqual(oneSilent - 1);
  });
});
