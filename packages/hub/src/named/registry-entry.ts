import { fromHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { RegistryFacts } from '../signed-manifest.ts';
import { TransferError } from '../transfer/transfer-error.ts';
import type { ListedVersion } from './fetch-manifest.ts';

/** A name without its version. */
export interface HubName {
  readonly maker: string;
  readonly model: string;
}

/** A version as the contract has it. Hashes and addresses are `0x` and hex digits, times are seconds since 1970. */
export interface StoredVersion {
  readonly modelRoot: string;
  readonly sources: readonly string[];
  readonly from: bigint;
  readonly until: bigint | undefined;
}

/** Reads of the model registry, such as those of a chain client. */
export interface RegistryReads {
  now(): Promise<bigint>;
  makerOwner(maker: string): Promise<string | undefined>;
  /** The oldest first; none for an unknown name. */
  modelVersions(name: HubName): Promise<readonly StoredVersion[]>;
}

/** Everything that the registry has under one name. */
export interface RegistryEntry {
  readonly facts: RegistryFacts;
  /** The newest first. The first may be announced only. */
  readonly versions: readonly ListedVersion[];
  /** The one of the versions that is in force; undefined if none is. */
  readonly inForce: ListedVersion | undefined;
}

/**
 * Reads the registry's entry of a name.
 * @param registry the chain and the model registry on it.
 * @throws TransferError `not-listed` for a name without versions.
 */
export async function readRegistryEntry(
  reads: RegistryReads,
  registry: LedgerDomain,
  { maker, model }: HubName,
): Promise<RegistryEntry> {
  const [owner, stored, now] = await Promise.all([
    reads.makerOwner(maker),
    reads.modelVersions({ maker, model }),
    reads.now(),
  ]);
  if (stored.length === 0) throw new TransferError('not-listed', `the registry has no model ${maker}/${model}`);
  const toListed = ({ modelRoot, sources }: StoredVersion): ListedVersion => ({
    ...{ maker, model, sources },
    modelRoot: parseHex(modelRoot),
  });
  const current = stored.findIndex(({ from, until }) => from <= now && (until === undefined || now < until));
  const listed = stored.map(toListed);
  const versions = listed.toReversed();
  const publishedRoots = versions.map(({ modelRoot }) => modelRoot);
  const facts = { registry, owner: owner === undefined ? undefined : parseHex(owner), publishedRoots };
  return { facts, versions, inForce: listed[current] };
}

const parseHex = (text: string): Uint8Array => fromHex(text.replace(/^0x/, ''));
