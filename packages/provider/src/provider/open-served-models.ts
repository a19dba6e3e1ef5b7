import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { isProxiedTier } from '@ogong/protocol/tier/registry';
import { createEmbeddedLoader } from '../engine/embedded-image.ts';
import { addEncoder } from '../engine/encoder-flag.ts';
import { type EngineSettings, type LoadingPlace, loadModels } from '../engine/engine-config.ts';
import { type ImageUpstreamSettings, loadImageUpstream } from '../engine/image-upstream.ts';
import type { ModelLoaderOptions } from '../engine/model-loader.ts';
import { createOnDemandPool, type OnDemandPool, openOnDemandModels } from '../engine/open-on-demand-models.ts';
import { pickOwnSettings } from '../engine/own-settings.ts';
import { loadPluginModel, loadUpstreamModel, type UpstreamSettings } from '../engine/upstream-config.ts';
import { findModality } from '../modality/registry.ts';
import type { ServedOffer } from './orders/offers.ts';
import type { PlannedOffer } from './orders/planned-offers.ts';
import type { ServedEntry } from './served-models.ts';

export interface OpenedOffers {
  readonly offers: readonly ServedOffer[];
  /** Of models that are loaded on demand; further models may join it. Absent where models stay loaded. */
  readonly pool?: OnDemandPool;
  close(): Promise<void>;
}

/** Models that stay in memory for as long as the daemon runs. @throws ModelError, EngineError */
export async function openFixedModels(
  planned: readonly PlannedOffer[],
  settings: EngineSettings & { readonly embeddedImage: readonly string[] },
  place: LoadingPlace,
): Promise<OpenedOffers> {
  const references = addEncoder(
    planned.map(({ model }) => model),
    settings.mmproj,
  );
  const loaded = await loadModels(references, createEmbeddedLoader(settings.embeddedImage), settings, place);
  return {
    offers: loaded.map(({ engine }, i) => {
      const { modelId, pricePer1kAtomic, standbyPer1kAtomic } = planned[i] as PlannedOffer;
      return { modelId, pricePer1kAtomic, standbyPer1kAtomic, engine: toSold(modelId, engine) };
    }),
    async close() {
      await Promise.all(loaded.map(({ engine }) => engine.close()));
    },
  };
}

/** Models that are loaded when orders ask for them, see openOnDemandModels. @throws ModelError, EngineError */
export async function openServedModels(
  served: readonly ServedEntry[],
  settings: EngineSettings,
  place: LoadingPlace,
  options: ModelLoaderOptions = {},
): Promise<OpenedOffers> {
  const wanted = served.map((entry) => ({ reference: entry.model, ...pickOwnSettings(entry) }));
  const pool = createOnDemandPool(settings, place, options);
  const models = await openOnDemandModels(wanted, pool);
  const offers = models.map((model, i) => {
    const { modelId, pricePer1kAtomic, standbyPer1kAtomic } = served[i] as ServedEntry;
    return { modelId, pricePer1kAtomic, standbyPer1kAtomic, ...model, engine: toSold(modelId, model.engine) };
  });
  return { offers, pool, close: pool.close };
}

/**
 * Hides the weights of an engine of this machine in a tier that knows models by their names alone. A tier of hosted models shows a call
 * of another server, so no engine of this machine is for it.
 */
export function toSold(modelId: string, engine: Engine): Engine {
  const named = findNamedRoot(nodeCrypto, modelId);
  if (named === undefined || isProxiedTier(parseModelId(modelId).tier)) return engine;
  return findModality(engine).hideWeights?.(engine, named) ?? engine;
}

/** Models of another server. Where one cannot be used, none stays open. @throws ConfigError, EngineError */
export const openUpstreamModels = (
  command: string,
  planned: readonly PlannedOffer[],
  settings: UpstreamSettings & EngineSettings,
  place: LoadingPlace,
): Promise<OpenedOffers> =>
  openEach(planned, ({ model, modelId }) =>
    settings.upstreamWindows === undefined
      ? loadUpstreamModel(command, { model, modelId }, settings, place)
      : loadPluginModel(command, model, settings, place),
  );

/** Models of pictures of another server. Where one cannot be used, none stays open. @throws ConfigError, EngineError */
export const openImageUpstreamModels = (
  command: string,
  planned: readonly PlannedOffer[],
  settings: ImageUpstreamSettings,
  place: LoadingPlace,
): Promise<OpenedOffers> => openEach(planned, (offer) => loadImageUpstream(command, offer, settings, place));

async function openEach(
  planned: readonly PlannedOffer[],
  open: (offer: PlannedOffer) => Promise<Engine>,
): Promise<OpenedOffers> {
  const offers: ServedOffer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(offers.map(({ engine }) => engine.close()));
  };
  try {
    for (const offer of planned) {
      const { modelId, pricePer1kAtomic, standbyPer1kAtomic } = offer;
      offers.push({ modelId, pricePer1kAtomic, standbyPer1kAtomic, engine: await open(offer) });
    }
    return { offers, close };
  } catch (error) {
    await close();
    throw error;
  }
}
