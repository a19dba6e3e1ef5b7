import { createNetwork, type Network } from '@ogong/testing/provider/provider-fixture';
import { afterEach, expect, it } from 'vitest';
import { overAdmission } from './over-admission.ts';

let network: Network | undefined;
afterEach(async () => {
  await network?.close();
  network = undefined;
});

it('a provider works for no more than the channel holds, whatever its validator says', async () => {
  // Room for an order of the largest fee, and for the fees of a few replies.
  const holds = 10_300_000n;
  const channel = { admitted: holds, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: holds };
  network = await createNetwork({ channel });
  const first = await overAdmission.play(network);
  expect(first.served).toBeGreaterThan(0);
  expect(first.owedAtomic).toBeLessThanOrEqual(holds);
  expect(first.refusal).toContain(`holds ${holds} on the chain`);
  await network.restart();
  expect(await overAdmission.play(network)).toMatchObject({ served: 0 });
});

it('nothing else stops it: a channel that holds enough is served to the end', async () => {
  network = await createNetwork();
  expect(await overAdmission.play(network)).toMatchObject({ served: 20, refusal: '' });
});
