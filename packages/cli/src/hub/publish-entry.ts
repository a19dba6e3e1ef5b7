import type { ChainClient } from '@ogong/chain/client';
import type { ModelDescription, ModelVersion } from '@ogong/chain/registry/model-registry';
import { ConfigError } from '@ogong/host/config/config-error';
import type { HubManifest } from '@ogong/hub/manifest';
import { formatManifestSource, formatPlaceSource, type HubPlace } from '@ogong/hub/place';
import { formatTokens } from '@ogong/protocol/base/amount';
import { toHex } from '@ogong/protocol/base/bytes';

/** Bounds of the model registry. */
const MAX_SOURCES = 8;
const MAX_SOURCE_BYTES = 256;

export interface EntryOptions {
  readonly manifest: HubManifest;
  /** 32 bytes. */
  readonly manifestHash: Uint8Array;
  readonly tokenizerHash: Uint8Array;
  /** None: those of the entry before, if it has the same weights. */
  readonly places: readonly HubPlace[];
  /** The newest version of the registry. */
  readonly before: ModelVersion | undefined;
}

/**
 * Describes a version for the registry. Adapters and sources of other kinds stay while the weights are the same.
 * @throws ConfigError for more sources than the registry takes.
 */
export function describeEntry(
  program: string,
  { manifest, manifestHash, tokenizerHash, places, before }: EntryOptions,
): ModelDescription {
  const modelRoot = `0x${toHex(manifest.modelRoot)}` as const;
  const same = before?.modelRoot === modelRoot ? before : undefined;
  const kept = (same?.sources ?? []).filter((source) => !source.startsWith('hub:'));
  const named = places.length > 0 ? places.map(formatPlaceSource) : kept.filter((source) => source.startsWith('hub+'));
  const others = kept.filter((source) => !source.startsWith('hub+'));
  const sources = [...new Set([formatManifestSource(toHex(manifestHash)), ...named, ...others])];
  if (sources.length > MAX_SOURCES)
    throw new ConfigError(program, [
      `the registry takes ${MAX_SOURCES} sources and this is ${sources.length}; give fewer --place`,
    ]);
  const long = sources.find((source) => source.length > MAX_SOURCE_BYTES);
  if (long !== undefined)
    throw new ConfigError(program, [`the registry takes sources of ${MAX_SOURCE_BYTES} bytes: ${long}`]);
  return {
    ...{ modelRoot, tokenizerHash: `0x${toHex(tokenizerHash)}`, licence: manifest.licence, sources },
    adapterRoots: same?.adapterRoots ?? [],
  };
}

/** Returns whether the newest version of the registry says the same, and has no end. */
export function isPublished(next: ModelDescription, before: ModelVersion | undefined): boolean {
  if (before === undefined || before.until !== undefined) return false;
  const plain = ({ modelRoot, tokenizerHash, licence, sources, adapterRoots }: ModelDescription): string =>
    JSON.stringify([modelRoot, tokenizerHash, licence, sources, adapterRoots]);
  return plain(next) === plain(before);
}

/** Checks that the key may publish under the name. @returns whether the name is free. @throws ConfigError */
export async function checkOwner(
  program: string,
  chain: Pick<ChainClient, 'address' | 'makerOwner' | 'makerFee'>,
  { maker, claim }: { readonly maker: string; readonly claim: boolean },
): Promise<boolean> {
  const owner = await chain.makerOwner(maker);
  if (owner === undefined && !claim)
    throw new ConfigError(program, [
      `nobody has claimed the name ${maker}: --claim pays ${formatTokens(await chain.makerFee())} OGONG for it`,
    ]);
  if (owner !== undefined && owner !== chain.address?.toLowerCase())
    throw new ConfigError(program, [`the name ${maker} belongs to ${owner}, and the key is that of ${chain.address}`]);
  return owner === undefined;
}
