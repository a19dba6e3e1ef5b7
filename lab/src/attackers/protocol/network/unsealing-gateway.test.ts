import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { expect, it } from 'vitest';
import { UNSEALINGS, unsealingGateway } from './unsealing-gateway.ts';

it('a gateway reads nothing that a client seals, and has no change taken', async () => {
  const fixture = await createGatewayFixture({ providers: [{ seals: true }, { seals: true }, { seals: true }] });
  try {
    const marker = 'words that are for the provider alone';
    const { answered, refused, read } = await unsealingGateway.play({ fixture, marker });
    expect(answered).toBe(true);
    expect(read).toBe(false);
    expect(Object.keys(refused)).toHaveLength(Object.keys(UNSEALINGS).length);
    expect(refused).toEqual({
      'says that it seals nothing': 'unsupported',
      'shows a key of its own': 'seal-key',
      "shows a key of its own in the provider's name": 'seal-key',
      "shows a key of its own in the validator's name": 'seal-key',
      'answers in plain': 'malformed',
      'repeats a piece': 'out-of-order',
      'swaps two pieces': expect.any(String),
      'leaves a piece out': 'out-of-order',
      'cuts the end off': 'truncated',
    });
  } finally {
    await fixture.close();
  }
});
