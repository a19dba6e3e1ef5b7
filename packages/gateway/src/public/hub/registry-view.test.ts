import { createHubChain } from '@ogong/testing/hub/hub-chain';
import { expect, it } from 'vitest';
import { createRegistryView } from './registry-view.ts';

const registry = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(8) };
const nameOf = (i: number) => ({ maker: 'acme', model: `m${i}` });

it('reads new names behind the known ones, and refuses a flood of entries for a while', async () => {
  let nowMs = 0;
  const chain = createHubChain(new Uint8Array(20).fill(1));
  const publish = (i: number): void =>
    chain.publish(nameOf(i), { modelRoot: new Uint8Array(32).fill(i % 256), sources: [] });
  for (let i = 0; i < 301; i++) publish(i);
  const view = createRegistryView({ client: async () => chain.client, registry, clock: { nowMs: () => nowMs } });
  expect(await view.names()).toHaveLength(301);
  publish(301);
  expect(await view.names()).toHaveLength(301);
  for (let i = 0; i < 300; i++) await view.entry(nameOf(i));
  await expect(view.entry(nameOf(300))).rejects.toMatchObject({ code: 'too_many_requests' });
  nowMs += 15_000;
  expect((await view.names()).at(-1)).toEqual(nameOf(301));
  expect((await view.entry(nameOf(300))).versions).toHaveLength(1);
  expect(view.nameOfRoot('07'.repeat(32))).toEqual(nameOf(263));
});
