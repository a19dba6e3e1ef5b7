import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { expect, it } from 'vitest';
import { STRIPPINGS, strippedSeal } from './stripped-seal.ts';

const marker = 'a marker in the prompt';

it.each(STRIPPINGS)('a relay that %s the seal key carries nothing', async (by) => {
  const network = await createNetwork();
  try {
    const outcome = await strippedSeal.play({ network, by, marker });
    expect(outcome).toEqual({ refused: expect.stringContaining('provider'), seenBytes: 0, read: false });
  } finally {
    await network.close();
  }
});

it('reads what is not sealed, so that this can fail', async () => {
  const network = await createNetwork();
  const calls = await openRelayedCalls(network, { policy: 'off' });
  try {
    await calls.call({ body: { messages: [{ role: 'user', content: marker }] } });
    expect(calls.isSeen(marker)).toBe(true);
  } finally {
    await calls.close();
    await network.close();
  }
});
