import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_MODELS } from '@ogong/protocol/exchange/announcement';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { readHeldManifest } from '../../hub/held-manifest.ts';
import type { HeldModel } from '../../hub/held-models.ts';
import { findRefusal, sumModelBytes } from './acceptable-model.ts';
import { bringModel, dropModel, readCurrent, readManifest, readManifestHash, sweepHeld } from './bring-model.ts';
import { createDownloads } from './downloads.ts';
import { type HeldRoom, planRoom } from './hub-room.ts';
import type { HubServingDependencies, HubServingOptions, HubState } from './hub-state.ts';

/** Models that one look may try. */
const MAX_TRIED = 8;
/** A place that cannot be reached may come back soon. */
const RETRY_PAUSE_MS = 600_000;
const REFUSED_PAUSE_MS = 3_600_000;
/** A model that was fetched and cannot be served costs its download again. */
const FAILED_PAUSE_MS = 86_400_000;
/** Failures in a row, with pauses between them, after which the files of a model go. */
const MAX_FAILURES = 6;
/** A maker has no plus sign in a name of the registry. */
const NAME = /^[a-z0-9._-]+$/;

/**
 * Serves models that consumers ask for and that nobody serves (docs/hub-serving.md). Each look offers at most one further model. The first
 * look opens the models that an earlier start has fetched.
 */
export function createHubServing(options: HubServingOptions, dependencies: HubServingDependencies): Repeating {
  const downloads = createDownloads(options.stayMs, dependencies.clock);
  const maps = { opened: new Map(), pauses: new Map(), failures: new Map() };
  const state: HubState = { ...options, ...dependencies, ...maps, downloads };
  return createRepeating(
    { intervalMs: options.intervalMs },
    (signal) => lookAround(state, signal),
    (err) => state.log.warn({ err }, 'models of the hub could not be looked at'),
  );
}

/** @throws ChainError, and the disk's errors. */
async function lookAround(state: HubState, signal: AbortSignal): Promise<void> {
  const { held, pauses, clock, log } = state;
  held.save();
  const nowMs = clock.nowMs();
  for (const [modelId, untilMs] of pauses) if (untilMs <= nowMs) pauses.delete(modelId);
  for (const model of held.list()) await keepCurrent(state, model, signal);
  await sweepHeld(state);
  const wanted = (await state.readDemand(signal)).filter(({ modelId }) => isCandidate(state, modelId));
  for (const { modelId } of wanted.slice(0, MAX_TRIED)) {
    const refusal = await attempt(state, modelId, () => serveWanted(state, modelId, signal), signal);
    if (refusal === undefined) return;
    log.info({ modelId, refusal }, 'a wanted model is not served');
  }
}

/** Opens a held model, or drops it if the registry has another version in force. */
async function keepCurrent(state: HubState, held: HeldModel, signal: AbortSignal): Promise<void> {
  const { modelId, modelRoot, manifestHash } = held;
  const entry = await readCurrent(state, modelId);
  // Other files beside the same weights were not checked against the budget.
  const isSame = entry && toHex(entry.inForce.modelRoot) === modelRoot && readManifestHash(entry) === manifestHash;
  if (!isSame) {
    await dropModel(state, modelId);
    return;
  }
  if (state.opened.has(modelId) || state.pauses.has(modelId)) return;
  await attempt(
    state,
    modelId,
    async () => {
      await bringModel(state, held, { entry, signal });
      return undefined;
    },
    signal,
  );
}

function isCandidate({ tiers, held, pauses, provider }: HubState, modelId: string): boolean {
  const { tier, model } = parseModelId(modelId);
  const isOffered = provider.offered().some((offer) => offer.modelId === modelId);
  return tiers.includes(tier) && NAME.test(model) && !isOffered && !held.find(modelId) && !pauses.has(modelId);
}

/**
 * Does something for a model, and pauses it after a failure. The files of a model stay while a retry may succeed. A daemon that stops leaves
 * the model on its list, so that the next start continues.
 * @returns the reason that the model is not served; undefined if it is.
 */
async function attempt(
  state: HubState,
  modelId: string,
  work: () => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const pause = (forMs: number): void => void state.pauses.set(modelId, state.clock.nowMs() + forMs);
  try {
    const refusal = await work();
    if (refusal !== undefined) pause(REFUSED_PAUSE_MS);
    state.failures.delete(modelId);
    return refusal;
  } catch (error) {
    if (signal.aborted) throw error;
    state.log.warn({ err: error, modelId }, 'a model of the hub cannot be served');
    const failures = (state.failures.get(modelId) ?? 0) + 1;
    const mayRetry = (error as { retryable?: boolean }).retryable === true && failures < MAX_FAILURES;
    pause(mayRetry ? RETRY_PAUSE_MS : FAILED_PAUSE_MS);
    if (mayRetry) {
      state.failures.set(modelId, failures);
    } else {
      state.failures.delete(modelId);
      await dropModel(state, modelId);
    }
    return (error as Error).message;
  }
}

/** @returns the reason that the model is not served; undefined if it is. @throws see bringModel */
async function serveWanted(state: HubState, modelId: string, signal: AbortSignal): Promise<string | undefined> {
  const { held, clock, budgetBytes, stayMs, licences, provider, downloads } = state;
  const entry = await readCurrent(state, modelId);
  if (entry === undefined) return 'the registry has no version of it in force';
  const modelRoot = toHex(entry.inForce.modelRoot);
  const offered = provider.offered();
  if (offered.some((offer) => toHex(offer.modelRoot) === modelRoot)) return 'its weights are offered already';
  if (offered.length >= MAX_MODELS) return `an announcement has at most ${MAX_MODELS} models`;
  const { manifest, manifestHash } = await readManifest(state, entry, signal);
  const refusal = findRefusal(manifest, { licences, budgetBytes, memoryBytes: state.readMemory() });
  if (refusal !== undefined) return refusal;
  const sizeBytes = sumModelBytes(manifest);
  const nowMs = clock.nowMs();
  const goneBytes = downloads.sumGone(new Set(held.list().map((one) => one.manifestHash)));
  const gone = planRoom(sizeBytes + goneBytes, { budgetBytes, held: await listRoom(state), nowMs, stayMs });
  if (gone === undefined) return 'the models that are held or were fetched lately leave it no room in the budget';
  for (const each of gone) if (!(await dropModel(state, each))) return `${each} still serves an order`;
  // On the list before the download, so that the budget counts it and a restart continues.
  const model = { modelId, manifestHash: toHex(manifestHash), modelRoot, sizeBytes, usedAtMs: nowMs };
  held.put(model);
  await bringModel(state, model, { entry, signal });
  return undefined;
}

async function listRoom(state: HubState): Promise<readonly HeldRoom[]> {
  const busy = new Set(
    state.provider
      .offered()
      .filter(({ active }) => active > 0)
      .map(({ modelId }) => modelId),
  );
  return Promise.all(
    state.held.list().map(async (model) => {
      const isPinned = await hasPin(state, model);
      return { ...model, isKept: isPinned || busy.has(model.modelId) };
    }),
  );
}

/** Returns whether the operator has pinned a file of the model. */
async function hasPin(state: HubState, model: HeldModel): Promise<boolean> {
  const signed = await readHeldManifest(state, model);
  const files = signed?.manifest.files ?? [];
  const pins = await Promise.all(files.map(({ blockRoot }) => state.store.isPinned(toHex(blockRoot))));
  return pins.includes(true);
}
