import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import type { Values } from '@ogong/host/config/field';
import type { ManifestFile } from '@ogong/hub/manifest';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import { type HubPlace, parseHubSources } from '@ogong/hub/place';
import { toHex } from '@ogong/protocol/base/bytes';
import { type OpenedHub, openHub, readEntry, readName } from '../open-hub.ts';
import { askPlaces, fromField, readPlaces } from '../open-places.ts';

/** Flags of a command that reads a model by its name. */
export const modelFields = { ...chainFields, ...modelsDirField, ...fromField } as const;

/** A version of a model whose files are pinned. */
export interface PinnedModel {
  /** Name with its version, such as `acme/small@1.2.0`. */
  readonly name: string;
  /** Hash of its manifest, 64 hex digits. */
  readonly manifest: string;
  /** Files of different content, in the order of their paths. */
  readonly files: readonly ManifestFile[];
  /** Places of the command line. */
  readonly ownPlaces: readonly HubPlace[];
  /** Places of the registry. */
  readonly places: readonly HubPlace[];
  readonly hub: OpenedHub;
}

/** Finds a version by its name on the chain. Its manifest comes from this machine or from the places. @throws ConfigError, TransferError */
export async function findPinnedModel(
  program: string,
  text: string,
  values: Values<typeof modelFields>,
): Promise<PinnedModel> {
  const { version, ...name } = readName(program, text);
  const ownPlaces = readPlaces(program, 'from', values.from);
  const hub = await openHub(program, values);
  const entry = await readEntry(hub, name);
  const { found, listed } = await askPlaces({ ...hub, ownPlaces }, (asked) =>
    findVersion({ ...asked, entry, version }),
  );
  const { maker, model, version: number, files } = found.manifest;
  const distinct = new Map(files.toReversed().map((file) => [toHex(file.blockRoot), file]));
  return {
    ...{ name: `${maker}/${model}@${formatVersion(number)}`, ownPlaces, hub },
    manifest: toHex(found.manifestHash),
    files: [...distinct.values()].reverse(),
    places: parseHubSources(listed.sources)?.places ?? [],
  };
}
