import type { Address, Hex } from '@ogong/chain/hex';
import type { ModelDescription } from '@ogong/chain/registry/model-registry';
import { expect, it } from 'vitest';
import type { ModelRegistryClient } from './fake-model-registry.ts';

export interface ModelRegistryMember {
  readonly address: Address;
  readonly client: ModelRegistryClient;
}

/** The notice of the registry under test, in seconds. */
export const NOTICE = 86_400n;

export function describeWeights(byte: string, more: Partial<ModelDescription> = {}): ModelDescription {
  const hash = (value: string): Hex => `0x${value.repeat(32)}`;
  return {
    modelRoot: hash(byte),
    tokenizerHash: hash('77'),
    licence: 'Apache-2.0',
    sources: ['https://example.org/weights.gguf'],
    adapterRoots: [hash('88')],
    ...more,
  };
}

/**
 * Tests that every client of a model registry must pass.
 * @param join returns a member that can pay, of a registry with the notice NOTICE.
 */
export function testModelRegistry(join: () => Promise<ModelRegistryMember>): void {
  let drawn = 0;
  const draw = (): string => `maker-${++drawn}`;
  const refusalOf = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'no refusal',
      (error) => error.revert?.name,
    );

  it('gives a name to the first claimant and to nobody else', async () => {
    const [maker, squatter] = [await join(), await join()];
    const name = draw();
    expect(await maker.client.makerOwner(name)).toBeUndefined();
    await maker.client.claimMaker(name);
    expect(await squatter.client.makerOwner(name)).toBe(maker.address);
    expect(await refusalOf(squatter.client.claimMaker(name))).toBe('MakerTaken');
    const model = { maker: name, model: 'tiny' };
    expect(await refusalOf(squatter.client.publishModel(model, describeWeights('aa')))).toBe('NotOwner');
    expect(await refusalOf(squatter.client.revokeModel(model))).toBe('NotOwner');
    expect(await refusalOf(squatter.client.acceptMaker(name))).toBe('NotOffered');
    await maker.client.offerMaker(name, squatter.address);
    await squatter.client.acceptMaker(name);
    expect(await maker.client.makerOwner(name)).toBe(squatter.address);
    expect(await refusalOf(maker.client.claimMaker('Upper'))).toBe('BadName');
  });

  it('puts the first weights in force at once, later ones after the notice, and none after a revocation', async () => {
    const { client } = await join();
    const name = { maker: draw(), model: 'tiny' };
    await client.claimMaker(name.maker);
    expect(await client.modelVersionAt(name, await client.now())).toBeUndefined();
    await client.publishModel(name, describeWeights('aa'));
    const now = await client.now();
    expect(await client.modelVersionAt(name, now)).toEqual({
      ...describeWeights('aa'),
      from: expect.any(BigInt),
      until: undefined,
    });
    await client.publishModel(name, describeWeights('bb', { licence: 'MIT', sources: [], adapterRoots: [] }));
    const [first, second] = await client.modelVersions(name);
    expect(second?.from).toBeGreaterThanOrEqual(now + NOTICE);
    expect(first?.until).toBe(second?.from);
    const changeAt = second?.from ?? 0n;
    expect(await client.modelVersionAt(name, changeAt - 1n)).toMatchObject({
      modelRoot: describeWeights('aa').modelRoot,
    });
    expect(await client.modelVersionAt(name, changeAt)).toMatchObject({ licence: 'MIT', sources: [] });
    await client.revokeModel(name);
    expect(await client.modelVersionAt(name, changeAt)).toBeUndefined();
    expect(await client.modelVersions(name)).toHaveLength(1);
    expect(await refusalOf(client.revokeModel(name))).toBe('NothingToRevoke');
    expect(await refusalOf(client.publishModel(name, describeWeights('00')))).toBe('ZeroRoot');
  });

  it('assigns weights to the name that claimed them first, regardless of the publisher', async () => {
    const [first, second] = [await join(), await join()];
    const [own, copy] = [draw(), draw()];
    const weights = describeWeights(`${drawn}`.padStart(2, '0'));
    const { modelRoot } = weights;
    await first.client.claimMaker(own);
    await second.client.claimMaker(copy);
    await second.client.publishModel({ maker: copy, model: 'tiny' }, weights);
    expect(await first.client.makerOf(modelRoot)).toBeUndefined();
    expect(await refusalOf(second.client.claimWeights(own, modelRoot))).toBe('NotOwner');
    expect(await refusalOf(first.client.claimWeights(own, describeWeights('00').modelRoot))).toBe('ZeroRoot');
    await first.client.claimWeights(own, modelRoot);
    await first.client.claimWeights(own, modelRoot);
    expect(await refusalOf(second.client.claimWeights(copy, modelRoot))).toBe('RootTaken');
    await first.client.publishModel({ maker: own, model: 'tiny' }, weights);
    // The claim decides about the share alone: other names keep the weights, and may still publish them.
    await second.client.publishModel({ maker: copy, model: 'again' }, weights);
    for (const model of ['tiny', 'again']) {
      expect(await first.client.modelVersions({ maker: copy, model })).toMatchObject([{ modelRoot }]);
    }
    expect(await first.client.makerOwner(copy)).toBe(second.address);
    expect(await second.client.makerOf(modelRoot)).toBe(first.address);
    await first.client.offerMaker(own, second.address);
    await second.client.acceptMaker(own);
    expect(await first.client.makerOf(modelRoot)).toBe(second.address);
  });

  it('lists each model once, and as many as requested', async () => {
    const { client } = await join();
    const maker = draw();
    await client.claimMaker(maker);
    for (const model of ['one', 'two']) await client.publishModel({ maker, model }, describeWeights('aa'));
    await client.publishModel({ maker, model: 'one' }, describeWeights('bb'));
    const own = (await client.listModels(1_000)).filter((listed) => listed.maker === maker);
    expect(own).toEqual([
      { maker, model: 'one' },
      { maker, model: 'two' },
    ]);
    expect(await client.listModels(1)).toHaveLength(1);
  });
}
