import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { createRegistryRoots } from '@ogong/host/views/registry-roots';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createFakeModelRegistry } from '@ogong/testing/chain/fake-model-registry';
import { describeWeights } from '@ogong/testing/chain/model-registry-compliance';
import { expect, it } from 'vitest';
import { nameSquatter } from './name-squatter.ts';

const name = { maker: 'acme', model: 'large' };
const modelId = 'ogong/verified/acme/large';

async function play(isClaimed: boolean) {
  const registry = createFakeModelRegistry();
  const maker = registry.connect(`0x${'01'.repeat(20)}`);
  if (isClaimed) {
    await maker.claimMaker(name.maker);
    await maker.publishModel(name, describeWeights('aa'));
  }
  const address = `0x${'02'.repeat(20)}` as const;
  const outcome = await nameSquatter.play({
    account: { address, client: registry.connect(address) },
    ...{ name, own: describeWeights('bb') },
  });
  const roots = createRegistryRoots({}, { client: async () => maker });
  await roots.prepare([modelId]);
  const span = { fromMs: 1_000_000, toMs: 1_000_000 };
  const judge = (byte: string) =>
    findWeightsProblem(roots, { modelId, modelRoot: fromHex(describeWeights(byte).modelRoot.slice(2), 32) }, span);
  return { outcome, judge };
}

it("a stranger gets a maker's name by no call, and only a name of its own", async () => {
  const { outcome, judge } = await play(true);
  expect(outcome).toEqual({
    ...{ claim: 'MakerTaken', publish: 'NotOwner', revoke: 'NotOwner', accept: 'NotOffered' },
    lookalike: 'done',
  });
  expect(judge('aa')).toBeUndefined();
  expect(judge('bb')).toMatch(/^other weights/);
});

it('a name that its maker did not claim belongs to the first claimant that pays the fee', async () => {
  const { outcome, judge } = await play(false);
  expect(outcome).toMatchObject({ claim: 'done', publish: 'done' });
  // It revoked what it had published, to show that it could.
  expect(judge('bb')).toMatch(/^nobody has published/);
});
