import { encodeAbiParameters, encodeFunctionData, keccak256 } from 'viem';
import { ChainError } from '../errors.ts';
import { modelRegistryAbi as abi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import { waitForNextBlock } from '../next-block.ts';
import type { Transactor } from '../transactor.ts';

/** A model's name without its tier: every tier has the same weights. */
export interface RegistryName {
  readonly maker: string;
  readonly model: string;
}

/** A maker's description of one model. */
export interface ModelDescription {
  /** Content root of the weights. */
  readonly modelRoot: Hex;
  readonly tokenizerHash: Hex;
  /** SPDX expression. */
  readonly licence: string;
  /** Where the weights can be got. */
  readonly sources: readonly string[];
  /** Content roots of the adapters that may be used with it. */
  readonly adapterRoots: readonly Hex[];
}

export interface ModelVersion extends ModelDescription {
  /** Seconds since 1970. */
  readonly from: bigint;
  /** Seconds since 1970: it is in force before this, and no longer. Undefined while no end is known. */
  readonly until: bigint | undefined;
}

export interface ModelRegistryWrites {
  /** Announces the claim, pays the fee and claims. Nobody who sees the claim coming can take the name. */
  claimMaker(maker: string): Promise<unknown>;
  /** Offers a maker's name to another address, which takes it with acceptMaker. */
  offerMaker(maker: string, to: BytesLike): Promise<unknown>;
  acceptMaker(maker: string): Promise<unknown>;
  /**
   * Claims weights for a maker's name, by a hidden announcement a block before; to be called before anybody else knows them. Does nothing
   * where they are the account's already. A call that was cut off is repeated: it finds its own announcement, where the key is here.
   * @throws ChainError where they are somebody else's.
   */
  claimWeights(maker: string, modelRoot: BytesLike): Promise<void>;
  /**
   * Says which weights a model is: the first time at once, later from one notice on. It claims nothing.
   * @param from seconds since 1970, for a later time than that.
   */
  publishModel(name: RegistryName, description: ModelDescription, from?: bigint): Promise<unknown>;
  /** Takes back what is in force and what is announced, at once. */
  revokeModel(name: RegistryName): Promise<unknown>;
}

export interface ModelRegistryReads {
  /** Time of the newest block, in seconds since 1970: contracts count by it. */
  now(): Promise<bigint>;
  /** Owner of a maker's name; undefined if nobody has claimed it. */
  makerOwner(maker: string): Promise<Address | undefined>;
  /** Price of a claim, in atomic units. */
  makerFee(): Promise<bigint>;
  /** Account that has the maker's share in the earnings of these weights; undefined if nobody has claimed them. */
  makerOf(modelRoot: BytesLike): Promise<Address | undefined>;
  /** @returns undefined where nothing was in force at that time. */
  modelVersionAt(name: RegistryName, atSeconds: bigint): Promise<ModelVersion | undefined>;
  /** The oldest first. The last may be announced only. */
  modelVersions(name: RegistryName): Promise<readonly ModelVersion[]>;
  /** Names in the order of their first publication. @param limit at most so many. @param first index of the first one; default: 0. */
  listModels(limit: number, first?: number): Promise<readonly RegistryName[]>;
}

const NO_OWNER = `0x${'00'.repeat(20)}`;
/** Models that one call asks for. */
const PAGE = 256n;
const SALT_DOMAIN = 'ogong-claim-salt-v1';

/** Nothing was announced, something else since, or this too long ago. */
const isUnannounced = (error: unknown): boolean =>
  error instanceof ChainError && ['NotAnnounced', 'ClaimOver'].includes(error.revert?.name ?? '');

export function createModelReads({ read }: Pick<Transactor, 'read'>, address: Address): ModelRegistryReads {
  const registry = { address, abi } as const;
  return {
    now: () => read('head', async (client) => (await client.getBlock({ blockTag: 'latest' })).timestamp),
    makerOwner: (maker) =>
      read('maker', async (client) => {
        const owner = await client.readContract({ ...registry, functionName: 'ownerOf', args: [maker] });
        return owner === NO_OWNER ? undefined : (owner.toLowerCase() as Address);
      }),
    makerOf: (modelRoot) =>
      read('maker of weights', async (client) => {
        const args = [toHex(modelRoot, 'modelRoot', 32)] as const;
        const owner = await client.readContract({ ...registry, functionName: 'makerOf', args });
        return owner === NO_OWNER ? undefined : (owner.toLowerCase() as Address);
      }),
    makerFee: () => read('fee of a claim', (client) => client.readContract({ ...registry, functionName: 'fee' })),
    modelVersionAt: ({ maker, model }, atSeconds) =>
      read('model', async (client) => {
        const args = [maker, model, atSeconds] as const;
        const version = await client.readContract({ ...registry, functionName: 'versionAt', args });
        return version.from === 0n ? undefined : toVersion(version);
      }),
    modelVersions: ({ maker, model }) =>
      read('versions of a model', async (client) => {
        const versions = await client.readContract({ ...registry, functionName: 'versionsOf', args: [maker, model] });
        return versions.map(toVersion);
      }),
    listModels: (limit, first = 0) =>
      read('models', async (client) => {
        const names: RegistryName[] = [];
        while (names.length < limit) {
          const args = [BigInt(first + names.length), PAGE] as const;
          const page = await client.readContract({ ...registry, functionName: 'models', args });
          names.push(...page.map(({ maker, model }) => ({ maker, model })));
          if (BigInt(page.length) < PAGE) break;
        }
        return names.slice(0, limit);
      }),
  };
}

type StoredVersion = {
  readonly from: bigint;
  readonly until: bigint;
  readonly description: ModelDescription;
};

/** Not all through lowerHex: licence and sources are free text. */
function toVersion({ from, until, description }: StoredVersion): ModelVersion {
  const { licence, sources, ...roots } = description;
  return { ...lowerHex(roots), licence, sources, from, until: until === 0n ? undefined : until };
}

/** @param allow lets a contract take so many of the caller's tokens. */
export function createModelWrites(
  transactor: Transactor,
  registry: Address,
  allow: (spender: Address, amount: bigint) => Promise<void>,
): ModelRegistryWrites {
  const { send, address: own, deriveSecret } = transactor;
  const { makerFee, makerOf } = createModelReads(transactor, registry);

  /** Claims by what this account has announced before, or announces it first. */
  async function claimSealed(
    what: string,
    { type, value, encode }: { type: 'string' | 'bytes32'; value: string; encode: (salt: Hex) => Hex },
  ): Promise<unknown> {
    if (!own) throw new ChainError('no-account', 'this client has no private key');
    const purpose = encodePurpose(type, value);
    // A reader that knew the salt could tell the weights of an announcement. A salt from the key needs no storage.
    const salt =
      (await deriveSecret?.(purpose)) ?? toHex(globalThis.crypto.getRandomValues(new Uint8Array(32)), 'salt', 32);
    try {
      return await send(what, registry, encode(salt));
    } catch (error) {
      if (!isUnannounced(error)) throw error;
    }
    const types = [{ type: 'address' }, { type }, { type: 'bytes32' }] as const;
    const seal = keccak256(encodeAbiParameters(types, [own, value as Hex, salt]));
    const announced = encodeFunctionData({ abi, functionName: 'announce', args: [seal] });
    await waitForNextBlock(transactor, await send('announce a claim', registry, announced));
    return send(what, registry, encode(salt));
  }

  /** The registry on its chain too: a salt that one claim has shown says nothing of another. */
  function encodePurpose(type: 'string' | 'bytes32', value: string): Hex {
    const types = [{ type: 'string' }, { type: 'uint256' }, { type: 'address' }, { type }] as const;
    const chainId = BigInt(transactor.client.chain?.id ?? 0);
    return encodeAbiParameters(types, [SALT_DOMAIN, chainId, registry, value as Hex]);
  }

  return {
    async claimMaker(maker) {
      await allow(registry, await makerFee());
      const encode = (salt: Hex) => encodeFunctionData({ abi, functionName: 'claim', args: [maker, salt] });
      return claimSealed('claim', { type: 'string', value: maker, encode });
    },
    async claimWeights(maker, modelRoot) {
      const root = toHex(modelRoot, 'modelRoot', 32);
      if (own !== undefined && (await makerOf(root)) === own) return;
      const encode = (salt: Hex) => encodeFunctionData({ abi, functionName: 'claimRoot', args: [maker, root, salt] });
      await claimSealed('claim weights', { type: 'bytes32', value: root, encode });
    },
    offerMaker: (maker, to) =>
      send('offer', registry, encodeFunctionData({ abi, functionName: 'offer', args: [maker, toAddress(to, 'to')] })),
    acceptMaker: (maker) =>
      send('accept', registry, encodeFunctionData({ abi, functionName: 'accept', args: [maker] })),
    async publishModel({ maker, model }, next, from = 0n) {
      const description = {
        modelRoot: toHex(next.modelRoot, 'modelRoot', 32),
        tokenizerHash: toHex(next.tokenizerHash, 'tokenizerHash', 32),
        licence: next.licence,
        sources: next.sources,
        adapterRoots: next.adapterRoots.map((root) => toHex(root, 'adapterRoots', 32)),
      };
      const args = [maker, model, from, description] as const;
      return send('publish', registry, encodeFunctionData({ abi, functionName: 'publish', args }));
    },
    revokeModel: ({ maker, model }) =>
      send('revoke', registry, encodeFunctionData({ abi, functionName: 'revoke', args: [maker, model] })),
  };
}
