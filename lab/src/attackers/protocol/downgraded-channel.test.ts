import { DEFAULT_POLICY } from '@ogong/attestation/policy-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSoftwareAttester } from '@ogong/provider/machine/software-attester';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CHANNEL_BENDS, downgradedChannel } from './downgraded-channel.ts';

const attester = createSoftwareAttester(new Uint8Array(32).fill(0x7d), 'a program');
const policy = { ...DEFAULT_POLICY, images: [toHex(attester.image)], softwareKeys: [toHex(attester.publicKey)] };
const marker = 'a marker in the prompt';
let network: Awaited<ReturnType<typeof createNetwork>>;
beforeEach(async () => {
  network = await createNetwork({ modelId: 'ogong/tee/test/fake', attester });
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
