import { readNamed } from '@ogong/host/http/read-named';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import type { Clock } from '@ogong/host/time/clock';
import { hashBlock } from '@ogong/hub/blocks';
import type { ManifestFile } from '@ogong/hub/manifest';
import { type FetchedManifest, fetchManifest, type ListedVersion } from '@ogong/hub/named/fetch-manifest';
import { type HubPlace, type HubSources, parseHubSources } from '@ogong/hub/place';
import { findPlaceAddress, type PlaceServices } from '@ogong/hub/place-address';
import type { RegistryFacts } from '@ogong/hub/signed-manifest';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createMemo } from '../../front/memo.ts';
import { type ManifestSummary, summarizeManifest } from './manifest-summary.ts';
import { createTurns } from './turns.ts';

/** Manifests with up to half a mebibyte each. */
const MAX_KEPT_MANIFESTS = 64;
const MAX_KEPT_SUMMARIES = 4_096;
const MAX_KEPT_READMES = 64;
const FOR_EVER = Number.POSITIVE_INFINITY;
const RETRY_MS = 60_000;
/** Time of one place, and of all places of a version. */
const PLACE_TIMEOUT_MS = 4_000;
const TIMEOUT_MS = 12_000;
const MAX_FETCHES = 8;
/** Fetches from places, for all callers together. */
const FETCHES = { perSecond: 4, burst: 64 };
/** The largest README that is shown. */
const MAX_README_SIZE = 65_536;
const README = /^readme(?:\.md|\.txt)?$/i;
const MAX_PROBLEM_CHARACTERS = 300;

/** A fact that was read, or the reason for its absence. */
export type PlaceReading<T> = { readonly value: T } | { readonly problem: string };

/** Manifests of the registry's versions. Each one is fetched when somebody asks, checked, and kept. */
export interface ManifestView {
  manifest(listed: ListedVersion, facts: RegistryFacts): Promise<PlaceReading<FetchedManifest>>;
  /** The facts that lists show. More of them are kept than of manifests. */
  summary(listed: ListedVersion, facts: RegistryFacts): Promise<PlaceReading<ManifestSummary>>;
  /** Text of the README; undefined if the model has none. */
  readme(found: FetchedManifest, listed: ListedVersion): Promise<PlaceReading<string> | undefined>;
}

export interface ManifestViewDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Addresses that places may have. */
  readonly policy: DialPolicy;
  /** Services that show places of other kinds. */
  readonly services: PlaceServices;
}

/** A place that can be read. */
interface ShownPlace {
  /** Of the registry. */
  readonly name: string;
  /** With a slash at its end. */
  readonly address: string;
  readonly policy: DialPolicy;
}

export function createManifestView({ crypto, clock, policy, services }: ManifestViewDependencies): ManifestView {
  const listShown = (places: readonly HubPlace[]): readonly ShownPlace[] =>
    places.flatMap((place) => {
      const address = findPlaceAddress(place, services);
      // The operator named the server of IPFS, which may stand beside this gateway.
      const own = { name: place.address, policy: place.kind === 'ipfs' ? ('any' as const) : policy };
      return address === undefined ? [] : [{ ...own, address }];
    });
  const budget = createRateLimiter(FETCHES, clock);
  const inTurn = createTurns(MAX_FETCHES);
  const keep = <T>(capacity: number) =>
    createMemo<PlaceReading<T>>(
      { capacity, lifetimeMs: (reading) => ('value' in reading ? FOR_EVER : RETRY_MS) },
      clock,
    );
  const manifests = keep<FetchedManifest>(MAX_KEPT_MANIFESTS);
  const summaries = keep<ManifestSummary>(MAX_KEPT_SUMMARIES);
  const readmes = keep<string>(MAX_KEPT_READMES);

  /** @returns the reason if the places did not give it. A caller beyond the rate gets one that is not kept. */
  async function fetchKept<T>(read: (signal: AbortSignal) => Promise<T>): Promise<PlaceReading<T>> {
    if (!budget.take('all')) throw new TransferError('no-source', 'too much is read at once; try again soon');
    try {
      return { value: await inTurn(() => read(AbortSignal.timeout(TIMEOUT_MS))) };
    } catch (error) {
      return { problem: explain(error) };
    }
  }
  const orBusy = <T>(reading: Promise<PlaceReading<T>>): Promise<PlaceReading<T>> =>
    reading.catch((error: unknown) => ({ problem: explain(error) }));

  async function readManifest(listed: ListedVersion, facts: RegistryFacts): Promise<PlaceReading<FetchedManifest>> {
    const sources = readSources(listed.sources);
    if ('problem' in sources) return sources;
    const { manifestHash, places } = sources.value;
    return manifests(nameVersion(listed, facts), () =>
      fetchKept((signal) =>
        fetchManifest(crypto, {
          ...{ listed, manifestHash, facts, signal, timeoutMs: PLACE_TIMEOUT_MS },
          places: listShown(places).map(({ name, address, policy: own }) => ({
            name,
            readManifest: (hash, limits) => readNamed(`${address}manifests/${hash}`, { ...limits, policy: own }),
          })),
        }),
      ),
    );
  }

  async function readSummary(listed: ListedVersion, facts: RegistryFacts): Promise<PlaceReading<ManifestSummary>> {
    const reading = await readManifest(listed, facts);
    return 'value' in reading ? { value: summarizeManifest(reading.value) } : reading;
  }

  async function readReadme(places: readonly ShownPlace[], file: ManifestFile, signal: AbortSignal): Promise<string> {
    const bytes = await readFirst(places, async ({ address, policy: own }) => {
      const found = await readNamed(`${address}blobs/${toHex(file.blockRoot)}`, {
        ...{ policy: own, maxBytes: file.sizeBytes },
        signal: AbortSignal.any([signal, AbortSignal.timeout(PLACE_TIMEOUT_MS)]),
      });
      const isSigned = equalBytes(crypto.sha256(found), file.sha256) && equalBytes(hashBlock(found), file.blockRoot);
      if (!isSigned) throw new Error('it sent other bytes');
      return found;
    });
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  }

  return {
    manifest: (listed, facts) => orBusy(readManifest(listed, facts)),
    summary: (listed, facts) => orBusy(summaries(nameVersion(listed, facts), () => readSummary(listed, facts))),
    async readme({ manifest: { files } }, { sources }) {
      const file = files.find(({ path }) => README.test(path));
      if (file === undefined) return undefined;
      if (file.sizeBytes > MAX_README_SIZE) return { problem: `the README has ${file.sizeBytes} bytes` };
      const places = listShown(readPlaces(sources));
      // Another maker's manifest may name the same block root beside other bytes.
      const named = [toHex(file.blockRoot), toHex(file.sha256), `${file.sizeBytes}`];
      const key = [...named, ...places.map(({ address }) => address)].join(' ');
      return orBusy(readmes(key, () => fetchKept((signal) => readReadme(places, file, signal))));
    },
  };
}

async function readFirst<T>(places: readonly ShownPlace[], read: (place: ShownPlace) => Promise<T>): Promise<T> {
  const problems: string[] = [];
  for (const place of places) {
    try {
      return await read(place);
    } catch (error) {
      problems.push(`${place.name}: ${explain(error)}`);
    }
  }
  throw new TransferError('no-source', `no place has it (${problems.join('; ') || 'none can be read'})`);
}

export function readSources(sources: readonly string[]): PlaceReading<HubSources> {
  try {
    const found = parseHubSources(sources);
    return found === undefined ? { problem: 'the registry names no manifest' } : { value: found };
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: explain(error) };
    throw error;
  }
}

/** Returns the places of a version; none for an entry without a manifest. */
export function readPlaces(sources: readonly string[]): readonly HubPlace[] {
  const reading = readSources(sources);
  return 'value' in reading ? reading.value.places : [];
}

/** A maker's name may get another owner, and a version another entry: then the manifest is checked again. */
const nameVersion = ({ maker, model, modelRoot, sources }: ListedVersion, { owner }: RegistryFacts): string =>
  [owner === undefined ? '' : toHex(owner), maker, model, toHex(modelRoot), ...sources].join(' ');

function explain(error: unknown): string {
  if (error instanceof TransferError && error.code === 'cancelled') return 'its places took too long';
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_PROBLEM_CHARACTERS);
}
