import type { Json } from '@ogong/host/openai/format';
import type { FetchedManifest, ListedVersion } from '@ogong/hub/named/fetch-manifest';
import { formatVersion } from '@ogong/hub/named/named-model';
import type { HubName } from '@ogong/hub/named/registry-entry';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer, ModelSupply } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { showModality } from '../../front/model-list.ts';
import type { LineageEdge } from './lineage.ts';
import type { ManifestSummary } from './manifest-summary.ts';
import { type PlaceReading, readPlaces, readSources } from './manifest-view.ts';
import type { ShownPin } from './pin-view.ts';

const write = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;
const nameModel = ({ maker, model }: HubName): string => `${maker}/${model}`;

/** The hash of the manifest that the registry names; null if it names none. */
export function showManifestHash({ sources }: ListedVersion): string | null {
  const reading = readSources(sources);
  return 'value' in reading ? write(reading.value.manifestHash) : null;
}

/** A version, with the facts of its manifest or the reason for their absence. */
export const toVersionJson = (
  listed: ListedVersion,
  { reading, isInForce }: { readonly reading: PlaceReading<ManifestSummary>; readonly isInForce: boolean },
): Json => ({
  model_root: write(listed.modelRoot),
  manifest_hash: showManifestHash(listed),
  in_force: isInForce,
  ...('value' in reading ? { ...toSummaryJson(reading.value), problem: null } : toUnreadJson(reading.problem)),
});

const toSummaryJson = ({ version, licence, notes, formats, sizeBytes }: ManifestSummary): Json => ({
  ...{ version, licence, notes, formats },
  size_bytes: sizeBytes,
});

const toUnreadJson = (problem: string): Json => ({
  ...{ version: null, licence: null, notes: null, formats: [], size_bytes: null, problem },
});

export const toPlacesJson = ({ sources }: ListedVersion): Json => ({
  places: readPlaces(sources).map(({ address }) => address),
});

export const toManifestJson = ({ manifest, encoded }: FetchedManifest): Json => ({
  version: formatVersion(manifest.version),
  licence: manifest.licence,
  notes: manifest.notes,
  files: manifest.files.map(({ path, sizeBytes, format, isWeight, sha256, blockRoot }) => ({
    ...{ path, format, is_weight: isWeight, size_bytes: sizeBytes },
    ...{ sha256: write(sha256), blob: write(blockRoot) },
  })),
  evaluations: manifest.evaluations.map(write),
  signed_manifest: write(encoded),
});

export const toEdgeJson = ({ of, modelRoot, relation, licence, name }: LineageEdge): Json => ({
  of: `0x${of}`,
  model_root: `0x${modelRoot}`,
  name: name === undefined ? null : nameModel(name),
  ...{ relation, licence },
});

export const toServedJson = (supply: ModelSupply, offers: readonly ListedOffer[]): Json => ({
  id: supply.model,
  model_root: write(supply.modelRoot),
  ...showModality(supply),
  providers: supply.providers,
  free_capacity: supply.freeCapacity,
  min_price_per_1k: `${supply.minPricePer1k}`,
  offers: offers.map((offer) => ({
    provider: write(offer.providerId),
    price_per_1k: `${offer.pricePer1k}`,
    free_capacity: offer.freeCapacity,
  })),
});

export const toPinJson = ({ pin, provider, payer, blob, sizeBytes, feePerEpoch, ...pinned }: ShownPin): Json => ({
  pin: `${pin}`,
  ...{ provider, payer, blob, size_bytes: sizeBytes },
  fee_per_epoch: `${feePerEpoch}`,
  epochs: pinned.epochs,
  epoch_blocks: pinned.epochBlocks,
  start: pinned.start === undefined ? null : `${pinned.start}`,
  proven: pinned.proven,
  proven_until: pinned.provenUntil,
  returned: pinned.returned,
  missed: pinned.missed,
});
