import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { softwareMachine, softwarePolicy, TEE_MODEL_ID } from '@ogong/testing/provider/software-machine';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CHANNEL_BENDS, downgradedChannel } from './downgraded-channel.ts';

const policy = softwarePolicy;
const marker = 'a marker in the prompt';
let network: Awaited<ReturnType<typeof createNetwork>>;
beforeEach(async () => {
  network = await createNetwork({ modelId: TEE_MODEL_ID, attester: softwareMachine });
});
afterEach(() => network.close());

it.each(CHANNEL_BENDS)('a relay that %s carries nothing', async (by) => {
  const outcome = await downgradedChannel.play({ network, policy, by, marker });
  expect(outcome).toEqual({ refused: expect.stringContaining('Nothing is sent'), seenBytes: 0 });
});

it('carries sealed bytes where it bends nothing, so that this can fail', async () => {
  const calls = await openRelayedCalls(network, { machinePolicy: policy });
  try {
    await calls.call({ body: { messages: [{ role: 'user', content: marker }] } });
    expect(calls.seen.length).toBeGreaterThan(0);
    expect(calls.isSeen(marker)).toBe(false);
  } finally {
    await calls.close();
  }
});
