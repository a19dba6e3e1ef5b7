import type { SemanticVersion } from '../manifest.ts';
import { TransferError } from '../transfer/transfer-error.ts';
import type { ListedVersion } from './fetch-manifest.ts';
import { type FindManifestOptions, type FoundManifest, findManifest } from './fetch-model.ts';
import { formatVersion } from './named-model.ts';
import type { RegistryEntry } from './registry-entry.ts';

export interface FindVersionOptions extends Omit<FindManifestOptions, 'listed' | 'facts'> {
  readonly entry: RegistryEntry;
  /** Absent: the version in force. */
  readonly version?: SemanticVersion | undefined;
}

export interface FoundVersion extends FoundManifest {
  readonly listed: ListedVersion;
}

/**
 * Finds a version of a model. The registry knows roots and manifests alone, so a number is looked up in the manifests, the newest first.
 * @throws TransferError `not-listed` for a version that no manifest has, or if none is in force; the errors of findManifest.
 */
export async function findVersion({ entry, version, ...options }: FindVersionOptions): Promise<FoundVersion> {
  const find = async (listed: ListedVersion): Promise<FoundVersion> => ({
    listed,
    ...(await findManifest({ ...options, listed, facts: entry.facts })),
  });
  const name = entry.versions[0] === undefined ? '' : `${entry.versions[0].maker}/${entry.versions[0].model}`;
  if (version === undefined) {
    if (entry.inForce === undefined)
      throw new TransferError('not-listed', `no version of ${name} is in force; name one, such as ${name}@1.0.0`);
    return find(entry.inForce);
  }
  const wanted = formatVersion(version);
  const others: string[] = [];
  for (const listed of entry.versions) {
    try {
      const one = await find(listed);
      const number = formatVersion(one.found.manifest.version);
      if (number === wanted) return one;
      others.push(number);
    } catch (error) {
      if (!(error instanceof TransferError) || error.code === 'cancelled') throw error;
      others.push(`one that cannot be read (${error.message})`);
    }
  }
  throw new TransferError('not-listed', `${name} has no version ${wanted}; it has ${others.join(', ')}`);
}
