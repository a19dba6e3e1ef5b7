import type { ListedVersion } from '@ogong/hub/named/fetch-manifest';
import type { HubName, RegistryEntry } from '@ogong/hub/named/registry-entry';
import type { RegistryFacts } from '@ogong/hub/signed-manifest';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { refreshModels } from '../known-models.ts';
import { type OpenedHub, readEntry } from '../open-hub.ts';

/** Names that are read at once. */
const GROUP = 32;
/** Versions with the same weights may differ in other files, such as the configuration. */
const MAX_ORIGINS = 4;

/** A version of a model that another one may come from. */
export interface OriginVersion {
  readonly listed: ListedVersion;
  readonly facts: RegistryFacts;
}

/**
 * Finds versions in the registry with the weights of an origin. The registry has no index of roots, so names are read in groups, those of
 * the maker first. The first group that has the weights ends the search.
 * @param modelRoot 32 bytes. @returns the newest version of a name first.
 */
export async function findOrigins(
  hub: OpenedHub,
  { modelRoot, maker }: { readonly modelRoot: Uint8Array; readonly maker: string },
): Promise<readonly OriginVersion[]> {
  const names = await refreshModels(hub);
  const ordered = [...names.filter((name) => name.maker === maker), ...names.filter((name) => name.maker !== maker)];
  for (let at = 0; at < ordered.length; at += GROUP) {
    const entries = await Promise.all(ordered.slice(at, at + GROUP).map((name) => readEntryIfAny(hub, name)));
    const found = entries
      .filter((entry) => entry !== undefined)
      .flatMap(({ versions, facts }) =>
        versions.filter((listed) => equalBytes(listed.modelRoot, modelRoot)).map((listed) => ({ listed, facts })),
      );
    if (found.length > 0) return found.slice(0, MAX_ORIGINS);
  }
  return [];
}

/** @returns undefined for a name without versions, so that it does not end the search for another one. */
async function readEntryIfAny(hub: OpenedHub, name: HubName): Promise<RegistryEntry | undefined> {
  try {
    return await readEntry(hub, name);
  } catch (error) {
    if (error instanceof TransferError && error.code === 'not-listed') return undefined;
    throw error;
  }
}
