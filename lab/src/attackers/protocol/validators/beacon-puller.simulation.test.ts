import { describe, expect, it } from 'vitest';
import { beaconPuller } from './beacon-puller.ts';

describe('a proposer that pulls the others from one of its views to the next', () => {
  it('costs the network no more epochs than a validator that is silent', () => {
    const { honest, oneSilent, attacked } = beaconPuller.play({ hours: 1 });
    expect(honest).toBeGreaterThan(57);
    expect(oneSilent).toBeGreaterThan(53);
    expect(attacked).toBeGreaterThanOrEqual(oneSilent - 2);
  });
});
