import { decodeFunctionData, encodeAbiParameters, keccak256 } from 'viem';
import { expect, it } from 'vitest';
import { ChainError } from '../errors.ts';
import { modelRegistryAbi as abi } from '../generated/abi.ts';
import type { Address, Hex } from '../hex.ts';
import { createTransactor, type Transactor } from '../transactor.ts';
import { createModelWrites } from './model-registry.ts';

const registry: Address = `0x${'11'.repeat(20)}`;
const root: Hex = `0x${'ab'.repeat(32)}`;
const KEY: Hex = `0x${'01'.repeat(32)}`;
const OTHER_KEY: Hex = `0x${'02'.repeat(32)}`;

/** The rules of claims of weights, in memory: a block for each call. */
function createRegistry() {
  const seals = new Map<Address, { readonly seal: Hex; readonly block: number }>();
  const claim: { by?: Address; announcedIn?: number } = {};
  const salts: Hex[] = [];
  let block = 1;
  const refuse = (name: string): never => {
    throw new ChainError('reverted', name, { revert: { name, args: [] } });
  };

  /** @param isCutOff the process ends once a claim is announced. */
  function connect(privateKey: Hex, { isCutOff = false, isRemote = false, chainId = 7 } = {}) {
    const { address, deriveSecret } = createTransactor({ rpcUrl: 'http://127.0.0.1:1', chainId, privateKey });
    const own = address as Address;
    const reads = {
      readContract: async () => claim.by ?? `0x${'00'.repeat(20)}`,
      getBlockNumber: async () => BigInt(block),
    };
    const transactor = {
      client: { chain: { id: chainId } },
      address: own,
      deriveSecret: isRemote ? undefined : deriveSecret,
      read: (_what: string, call: (client: unknown) => unknown) => call(reads),
      async send(_what: string, _to: Address, data: Hex) {
        const { functionName, args } = decodeFunctionData({ abi, data });
        if (functionName === 'announce') {
          seals.set(own, { seal: args[0], block });
          if (isCutOff) throw new Error('cut off');
          return { blockNumber: BigInt(block++) };
        }
        const [, modelRoot, salt] = args as readonly [string, Hex, Hex];
        const types = [{ type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const;
        const seal = keccak256(encodeAbiParameters(types, [own, modelRoot, salt]));
        const announced = seals.get(own);
        if (announced?.seal !== seal || announced.block >= block) return refuse('NotAnnounced');
        seals.delete(own);
        if (claim.announcedIn !== undefined && claim.announcedIn <= announced.block) return refuse('RootTaken');
        salts.push(salt);
        Object.assign(claim, { by: own, announcedIn: announced.block });
        return { blockNumber: BigInt(block++) };
      },
    } as unknown as Transactor;
    return { own, ...createModelWrites(transactor, registry, async () => {}) };
  }

  return { connect, claim, salts, mine: () => block++ };
}

it('claims by what was announced before it was cut off, also where somebody has claimed since', async () => {
  const { connect, claim, mine } = createRegistry();
  const maker = connect(KEY, { isCutOff: true });
  await expect(maker.claimWeights('acme', root)).rejects.toThrow('cut off');
  mine();
  await connect(OTHER_KEY).claimWeights('copy', root);
  await connect(KEY).claimWeights('acme', root);
  expect(claim).toEqual({ by: maker.own, announcedIn: 1 });
});

it('announces again where the key is elsewhere, and says that the weights are taken', async () => {
  const { connect, claim, mine } = createRegistry();
  await expect(connect(KEY, { isCutOff: true, isRemote: true }).claimWeights('acme', root)).rejects.toThrow('cut off');
  mine();
  await connect(KEY, { isRemote: true }).claimWeights('acme', root);
  expect(claim.announcedIn).toBe(2);
  const late = connect(OTHER_KEY).claimWeights('copy', root);
  await expect(late).rejects.toMatchObject({ revert: { name: 'RootTaken' } });
});

it('seals with other salts on other chains and for other keys', async () => {
  const drawn = new Set<Hex>();
  for (const [key, chainId] of [
    [KEY, 7],
    [KEY, 8],
    [OTHER_KEY, 7],
  ] as const) {
    const { connect, salts } = createRegistry();
    await connect(key, { chainId }).claimWeights('acme', root);
    for (const salt of salts) drawn.add(salt);
  }
  expect(drawn.size).toBe(3);
});
