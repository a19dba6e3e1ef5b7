import type { DialPolicy } from '@ogong/host/link/public-address';
import type { Json } from '@ogong/host/openai/format';
import type { Clock } from '@ogong/host/time/clock';
import { beforeEnd } from '@ogong/hub/abortable';
import type { FetchedManifest, ListedVersion } from '@ogong/hub/named/fetch-manifest';
import type { HubName, RegistryEntry } from '@ogong/hub/named/registry-entry';
import type { PlaceServices } from '@ogong/hub/place-address';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { PublicReader } from '../public-reader.ts';
import { toEdgeJson, toManifestJson, toPinJson, toPlacesJson, toServedJson, toVersionJson } from './hub-json.ts';
import { createHubSearch } from './hub-search.ts';
import { type LineageReads, traceLineage } from './lineage.ts';
import { summarizeManifest } from './manifest-summary.ts';
import { createManifestView, type PlaceReading } from './manifest-view.ts';
import { createPinView, type PinLookups } from './pin-view.ts';
import { createRegistryView, type RegistryChain } from './registry-view.ts';

/** Times that an answer waits for places. Facts that come later are in the next answer. */
const LIST_PATIENCE_MS = 1_500;
/** A card waits for its manifest, and then for the parts that follow from it. */
const CARD_PATIENCE_MS = 4_000;
const MAX_VERSIONS = 32;
const MAX_SERVED = 8;
const MAX_OFFERS = 20;
const UNREAD = { problem: 'it is not read yet' };

export interface ListQuery {
  readonly search: string;
  readonly limit: number;
  readonly offset: number;
}

/** Models of the hub for anonymous callers (docs/spec/public-api.md#hub). */
export interface HubReader {
  /** @throws ApiError */
  list(query: ListQuery): Promise<Json>;
  /** @throws ApiError */
  card(name: HubName): Promise<Json>;
}

export interface HubReaderDependencies {
  readonly client: () => Promise<RegistryChain & PinLookups>;
  /** The chain and the model registry on it. */
  readonly registry: LedgerDomain;
  readonly hasPins: boolean;
  readonly supply: Pick<PublicReader, 'listModels' | 'listOffers'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Addresses that places may have. */
  readonly policy: DialPolicy;
  /** Services that show places of other kinds. */
  readonly services: PlaceServices;
}

export function createHubReader(dependencies: HubReaderDependencies): HubReader {
  const { client, clock, supply, hasPins } = dependencies;
  const registry = createRegistryView(dependencies);
  const manifests = createManifestView(dependencies);
  const search = createHubSearch(clock);
  const pins = createPinView(client, clock);

  async function toRow(name: HubName, entry: RegistryEntry, listed: ListedVersion, waitMs: number): Promise<Json> {
    const reading = await waitFor(manifests.summary(listed, entry.facts), waitMs);
    const isInForce = listed === entry.inForce;
    if ('value' in reading && isInForce) search.learn(name, reading.value);
    return toVersionJson(listed, { reading, isInForce });
  }

  const lineageReads: LineageReads = {
    nameOfRoot: registry.nameOfRoot,
    async findVersion(name, root) {
      const entry = await registry.entry(name).catch(() => undefined);
      const listed = entry?.versions.find(({ modelRoot }) => equalBytes(modelRoot, fromHex(root)));
      return entry && listed && { listed, facts: entry.facts };
    },
    async listOrigins(listed, facts) {
      const reading = await manifests.summary(listed, facts);
      return 'value' in reading ? reading.value.lineage : [];
    },
  };

  async function showLineage(found: FetchedManifest): Promise<readonly Json[]> {
    const { lineage } = summarizeManifest(found);
    if (lineage.some(({ modelRoot }) => registry.nameOfRoot(modelRoot) === undefined)) await registry.learnRoots();
    const edges = await traceLineage({ modelRoot: found.manifest.modelRoot, lineage }, lineageReads);
    return edges.map(toEdgeJson);
  }

  async function showServed({ maker, model }: HubName): Promise<readonly Json[]> {
    const own = (await supply.listModels()).filter(
      ({ model: id }) => id.split('/').slice(2).join('/') === `${maker}/${model}`,
    );
    return Promise.all(
      own.slice(0, MAX_SERVED).map(async (one) => {
        const offers = await supply.listOffers(one.model).catch(() => []);
        return toServedJson(one, offers.slice(0, MAX_OFFERS));
      }),
    );
  }

  async function showPins({ manifest }: FetchedManifest): Promise<readonly Json[]> {
    const found = await pins.pinsOf(new Set(manifest.files.map(({ blockRoot }) => toHex(blockRoot))));
    return found.map(toPinJson);
  }

  async function showManifest(listed: ListedVersion, { facts }: RegistryEntry): Promise<Json> {
    const reading = await waitFor(manifests.manifest(listed, facts), CARD_PATIENCE_MS);
    if ('problem' in reading)
      return { manifest: null, readme: null, lineage: null, pins: null, problem: reading.problem };
    const found = reading.value;
    const [readme, lineage, pinned] = await Promise.all([
      waitFor(manifests.readme(found, listed), CARD_PATIENCE_MS),
      orNull(showLineage(found)),
      hasPins ? orNull(showPins(found)) : null,
    ]);
    return {
      manifest: toManifestJson(found),
      readme: readme !== undefined && 'value' in readme ? readme.value : null,
      readme_problem: readme !== undefined && 'problem' in readme ? readme.problem : null,
      ...{ lineage, pins: pinned, problem: null },
    };
  }

  return {
    async list({ search: query, limit, offset }) {
      const found = await search.find(await registry.names(), query);
      const models = await Promise.all(
        found.slice(offset, offset + limit).map(async ({ maker, model }) => {
          const name = { maker, model };
          const entry = await registry.entry(name);
          const listed = entry.inForce ?? (entry.versions[0] as ListedVersion);
          return { ...name, ...(await toRow(name, entry, listed, LIST_PATIENCE_MS)) };
        }),
      );
      return { models, total: found.length };
    },
    async card(name) {
      const entry = await registry.entry(name);
      const shown = entry.inForce ?? (entry.versions[0] as ListedVersion);
      const [versions, served, facts] = await Promise.all([
        Promise.all(
          entry.versions.slice(0, MAX_VERSIONS).map(async (listed) => ({
            ...(await toRow(name, entry, listed, CARD_PATIENCE_MS)),
            ...toPlacesJson(listed),
          })),
        ),
        orNull(showServed(name)),
        showManifest(shown, entry),
      ]);
      const { owner } = entry.facts;
      return {
        ...name,
        owner: owner === undefined ? null : `0x${toHex(owner)}`,
        model_root: `0x${toHex(shown.modelRoot)}`,
        ...{ versions, served },
        ...facts,
      };
    },
  };
}

/** Waits for a reading. @returns a reason if it takes too long. */
function waitFor<T>(reading: Promise<PlaceReading<T>>, mostMs: number): Promise<PlaceReading<T>>;
function waitFor<T>(
  reading: Promise<PlaceReading<T> | undefined>,
  mostMs: number,
): Promise<PlaceReading<T> | undefined>;
async function waitFor<T>(
  reading: Promise<PlaceReading<T> | undefined>,
  mostMs: number,
): Promise<PlaceReading<T> | undefined> {
  return beforeEnd(reading, AbortSignal.timeout(mostMs)).catch(() => UNREAD);
}

/** A part of a card that cannot be read in time is null: the rest is shown. */
const orNull = <T>(reading: Promise<T>): Promise<T | null> =>
  beforeEnd(reading, AbortSignal.timeout(CARD_PATIENCE_MS)).catch(() => null);
