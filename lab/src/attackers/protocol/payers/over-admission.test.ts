import { describeOverAdmission, isConvicted, type OverAdmission } from '@ogong/protocol/exchange/over-admission';
import { createNetwork, type Network } from '@ogong/testing/provider/provider-fixture';
import { afterEach, expect, it } from 'vitest';
import { judgeAdmissions, overAdmission } from './over-admission.ts';

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

it('the admissions that the validator signed convict it, also after the provider was closed and opened again', async () => {
  const holds = 10_300_000n;
  const channel = { admitted: holds, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: holds };
  network = await createNetwork({ channel });
  const { served, admissions } = await overAdmission.play(network);
  expect(served).toBeGreaterThan(1);
  expect(admissions?.orders).toHaveLength(served);
  expect(isConvicted(judgeAdmissions(admissions, holds))).toBe(true);
  await network.restart();
  const again = await overAdmission.play(network);
  expect(again.admissions).toEqual(admissions);
  // Nobody is convicted where the channel did hold as much.
  const { heldAtomic } = describeOverAdmission(admissions as OverAdmission);
  const honest = judgeAdmissions(admissions, heldAtomic);
  expect(honest.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['capacity']);
});

it('nothing else stops it: a channel that holds enough is served to the end', async () => {
  network = await createNetwork();
  expect(await overAdmission.play(network)).toMatchObject({ served: 20, refusal: '' });
});
