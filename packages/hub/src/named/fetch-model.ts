import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type HubPlace, parseHubSources } from '../place.ts';
import { keepManifest } from '../store/manifest-folder.ts';
import { type PullModelOptions, pullModel } from '../transfer/pull.ts';
import { TransferError } from '../transfer/transfer-error.ts';
import { type FetchedManifest, fetchManifest, type ListedVersion } from './fetch-manifest.ts';
import { hasNamedModel, nameModel, pathToServe } from './named-model.ts';
import { type OpenPlace, openFolderPlace, openLightPlace, type PlaceSource } from './open-place.ts';

export interface FindManifestOptions extends Pick<PullModelOptions, 'facts' | 'store' | 'signal'> {
  readonly crypto: Crypto;
  /** Entry of the registry about the version. */
  readonly listed: ListedVersion;
  /** Places that the caller knows; they are asked before those of the registry. */
  readonly ownPlaces?: readonly HubPlace[] | undefined;
  /** Opens places of the caller's choice. Default: HTTP servers and folders. */
  readonly openPlace?: OpenPlace | undefined;
}

export interface FoundManifest {
  readonly found: FetchedManifest;
  /** All places that can be read, for the files. */
  readonly places: readonly PlaceSource[];
}

/**
 * Finds the manifest of a version by the registry's entry, in the store or at the places. The store keeps a good one.
 * @throws TransferError `not-listed` if the entry names none, `bad-manifest`, `no-source`, `cancelled`.
 */
export async function findManifest({
  crypto,
  listed,
  facts,
  store,
  ownPlaces = [],
  openPlace = openLightPlace,
  signal,
}: FindManifestOptions): Promise<FoundManifest> {
  const { maker, model, sources } = listed;
  const named = readSources(listed);
  if (named === undefined)
    throw new TransferError(
      'not-listed',
      `${maker}/${model} has no manifest in the registry (${sources.length} sources)`,
    );
  const places = [...ownPlaces, ...named.places]
    .map((place) => openPlace(place))
    .filter((place) => place !== undefined);
  const { manifestHash } = named;
  const found = await fetchManifest(crypto, {
    ...{ listed, manifestHash, facts, signal },
    places: [openFolderPlace(store), ...places],
  });
  await keepManifest(store.directory, { hash: toHex(manifestHash), signed: found.encoded });
  return { found, places };
}

function readSources({ maker, model, sources }: ListedVersion): ReturnType<typeof parseHubSources> {
  try {
    return parseHubSources(sources);
  } catch (cause) {
    throw new TransferError('not-listed', `${maker}/${model}: ${(cause as Error).message}`, { cause });
  }
}

export interface PullByNameOptions extends FindManifestOptions, Pick<PullModelOptions, 'onEvent' | 'limits'> {}

/** A model that is on this machine. */
export interface HubModel {
  readonly manifest: FetchedManifest['manifest'];
  /** 32 bytes. */
  readonly manifestHash: Uint8Array;
  /** The path that an engine opens: a GGUF file or a model folder, named as in the manifest. */
  readonly path: string;
  /** Whether this call brought it. */
  readonly isNew: boolean;
}

/**
 * Brings the version of a model into a store, by the registry's entry alone. Its files get their names below `models` in the folder of the
 * store. A call that ends early continues from its blocks when it is repeated. A call for a model that is here reads the manifest alone.
 * @throws TransferError, HubBlobError
 */
export async function pullByName(options: PullByNameOptions): Promise<HubModel> {
  const { crypto, facts, store, onEvent, limits, signal } = options;
  const { found, places } = await findManifest(options);
  const { manifest, manifestHash } = found;
  const model = { manifest, manifestHash, path: pathToServe(store.directory, manifest) };
  if (await hasNamedModel(store, manifest)) return { ...model, isNew: false };
  await pullModel(crypto, { signed: found, facts, sources: places, store, onEvent, limits, signal });
  await nameModel(store, manifest, signal);
  return { ...model, isNew: true };
}
