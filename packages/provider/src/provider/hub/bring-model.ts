import { findManifest, type HubModel, pullByName } from '@ogong/hub/named/fetch-model';
import { type OpenPlace, openLightPlace } from '@ogong/hub/named/open-place';
import type { RegistryEntry } from '@ogong/hub/named/registry-entry';
import { parseHubSources } from '@ogong/hub/place';
import type { SignedManifest } from '@ogong/hub/signed-manifest';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { readHeldManifest } from '../../hub/held-manifest.ts';
import type { HeldModel } from '../../hub/held-models.ts';
import { countReads } from './downloads.ts';
import type { HubState } from './hub-state.ts';
import { sweepStore } from './sweep-store.ts';

/** A model that the registry has in force. */
type CurrentEntry = RegistryEntry & { readonly inForce: NonNullable<RegistryEntry['inForce']> };

/** Reads the registry's entry of a model id; undefined if no version is in force. @throws TransferError, ChainError */
export async function readCurrent(
  { readEntry }: Pick<HubState, 'readEntry'>,
  modelId: string,
): Promise<CurrentEntry | undefined> {
  const { maker, model } = parseModelId(modelId);
  const entry = await readEntry({ maker, model });
  return entry.inForce && { ...entry, inForce: entry.inForce };
}

const openerOf = ({ openPlace, services }: HubState): OpenPlace =>
  openPlace ?? ((place) => openLightPlace(place, services));

const describePull = (state: HubState, { inForce, facts }: CurrentEntry, signal: AbortSignal) => ({
  crypto: state.crypto,
  store: state.store,
  ownPlaces: state.places,
  openPlace: openerOf(state),
  listed: inForce,
  facts,
  signal,
});

/** Returns the hash of the manifest that the registry has in force, 64 hex digits; undefined if its sources are malformed. */
export function readManifestHash({ inForce: { sources } }: CurrentEntry): string | undefined {
  try {
    const named = parseHubSources(sources);
    return named && toHex(named.manifestHash);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Finds the manifest of a model, without its files. @throws TransferError */
export async function readManifest(state: HubState, entry: CurrentEntry, signal: AbortSignal): Promise<SignedManifest> {
  return (await findManifest(describePull(state, entry, signal))).found;
}

/** A slower download would hold up other models: 256 KiB per second. */
const LEAST_BYTES_PER_MS = 262;
const GRACE_MS = 60_000;

/**
 * Brings the files of a model that is on the list. It counts what comes, and ends a download whose places are too slow.
 * @throws TransferError, HubBlobError
 */
async function fetchModel(
  state: HubState,
  { modelId, sizeBytes, manifestHash }: HeldModel,
  { entry, signal }: { readonly entry: CurrentEntry; readonly signal: AbortSignal },
): Promise<HubModel> {
  const { downloads, clock, log } = state;
  const endsAtMs = clock.nowMs() + GRACE_MS + sizeBytes / LEAST_BYTES_PER_MS;
  const slow = new AbortController();
  const count = (bytes: number): void => {
    downloads.add(manifestHash, bytes);
    if (clock.nowMs() > endsAtMs) slow.abort();
  };
  try {
    return await pullByName({
      ...describePull(state, entry, AbortSignal.any([signal, slow.signal])),
      openPlace: countReads(openerOf(state), count),
      onEvent: (event) => {
        if (event.kind === 'source-dropped') log.warn({ modelId, ...event }, 'a place of the hub is asked no more');
      },
    });
  } catch (cause) {
    if (!slow.signal.aborted) throw cause;
    throw new Error('the places of the model send less than 256 KiB a second', { cause });
  }
}

/**
 * Brings the files of a model, loads it once and offers it. A call that was cut off continues from its blocks.
 * @throws TransferError, HubBlobError, ModelError, EngineError, TierError, OfferError
 */
export async function bringModel(
  state: HubState,
  held: HeldModel,
  current: { readonly entry: CurrentEntry; readonly signal: AbortSignal },
): Promise<void> {
  const { pool, provider, opened, log } = state;
  const { modelId } = held;
  const { manifest, path } = await fetchModel(state, held, current);
  const reference = `file:${path}`;
  const loaded = await pool.open({ reference });
  try {
    const { modelRoot } = loaded.engine.info();
    if (!equalBytes(modelRoot, manifest.modelRoot))
      throw new Error(`the engine loaded the model root ${toHex(modelRoot)}, not that of the manifest`);
    // A verifier is announced for all models of its provider.
    await state.awaitVerifier?.(modelRoot, current.signal);
    provider.addOffer(state.toOffer(modelId, noteUse(state, modelId, loaded)));
  } catch (error) {
    await pool.drop(reference);
    throw error;
  }
  opened.set(modelId, reference);
  log.info({ modelId, modelRoot: toHex(manifest.modelRoot) }, 'a model of the hub is served');
}

type Loaded = Awaited<ReturnType<HubState['pool']['open']>>;

const noteUse = ({ held, clock }: HubState, modelId: string, { engine, presence }: Loaded): Loaded => ({
  engine,
  presence: {
    ...presence,
    hold() {
      held.touch(modelId, clock.nowMs());
      return presence.hold();
    },
  },
});

/**
 * Ends the offer of a model and removes its files, unless an order of it runs.
 * @returns whether the model has gone.
 */
export async function dropModel(state: HubState, modelId: string): Promise<boolean> {
  const { provider, pool, opened, held, log } = state;
  const reference = opened.get(modelId);
  if (reference !== undefined) {
    if (!provider.endOffer(modelId)) return false;
    opened.delete(modelId);
    await pool.drop(reference);
    log.info({ modelId }, 'a model of the hub is not served any more');
  }
  held.remove(modelId);
  await sweepHeld(state);
  return true;
}

/** Removes files of models that are not held. */
export async function sweepHeld(state: HubState): Promise<void> {
  const kept = await Promise.all(state.held.list().map((model) => readHeldManifest(state, model)));
  await sweepStore(
    state.store,
    kept.filter((signed) => signed !== undefined),
  );
}
