import type { Deployment } from '@ogong/chain/deployment';
import { createModelReads } from '@ogong/chain/registry/model-registry';
import { type HubSources, parseHubSources } from '@ogong/hub/place';
import type { RegistryFacts } from '@ogong/hub/signed-manifest';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { ChainReader } from './rpc.ts';

/** Everything that the registry on the chain has about a name. */
export interface ChainFacts extends RegistryFacts {
  /** Hashes of manifests, by the root of their version. 64 hex digits each. */
  readonly manifestHashes: ReadonlyMap<string, Uint8Array>;
}

const bytes = (hex: string): Uint8Array => fromHex(hex.replace(/^0x/, ''));

export const toRegistry = ({ models, chainId }: Pick<Deployment, 'models' | 'chainId'>): LedgerDomain => ({
  chainId: BigInt(chainId),
  verifyingContract: bytes(models),
});

/** Reads the registry's entry of a model. @throws if the chain cannot be read. */
export async function readRegistryFacts(
  reader: ChainReader,
  deployment: Pick<Deployment, 'models' | 'chainId'>,
  { maker, model }: { readonly maker: string; readonly model: string },
): Promise<ChainFacts> {
  const reads = createModelReads(reader, deployment.models);
  const [owner, versions] = await Promise.all([reads.makerOwner(maker), reads.modelVersions({ maker, model })]);
  const manifestHashes = new Map<string, Uint8Array>();
  for (const { modelRoot, sources } of versions) {
    const found = readSources(sources);
    if (found !== undefined) manifestHashes.set(modelRoot.replace(/^0x/, ''), found.manifestHash);
  }
  return {
    registry: toRegistry(deployment),
    owner: owner === undefined ? undefined : bytes(owner),
    publishedRoots: versions.map(({ modelRoot }) => bytes(modelRoot)),
    manifestHashes,
  };
}

function readSources(sources: readonly string[]): HubSources | undefined {
  try {
    return parseHubSources(sources);
  } catch {
    // A broken entry names no manifest.
    return undefined;
  }
}
