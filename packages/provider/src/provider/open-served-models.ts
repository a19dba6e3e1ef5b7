import { addEncoder, type EngineSettings, type LoadingPlace, loadModel, loadModels } from '../engine/engine-config.ts';
import type { ModelLoaderOptions } from '../engine/model-loader.ts';
import { openOnDemandModels } from '../engine/open-on-demand-models.ts';
import { loadPluginModel, loadUpstreamModel, type UpstreamSettings } from '../engine/upstream-config.ts';
import type { ServedOffer } from './orders/offers.ts';
import type { PlannedOffer } from './orders/planned-offers.ts';
import type { ServedEntry } from './served-models.ts';

export interface OpenedOffers {
  readonly offers: readonly ServedOffer[];
  close(): Promise<void>;
}

/** Models that stay in memory for as long as the daemon runs. @throws ModelError, EngineError */
export async function openFixedModels(
  planned: readonly PlannedOffer[],
  settings: EngineSettings,
  place: LoadingPlace,
): Promise<OpenedOffers> {
  const references = addEncoder(
    planned.map(({ model }) => model),
    settings.mmproj,
  );
  const loaded = await loadModels(references, loadModel, settings, place);
  return {
    offers: loaded.map(({ engine }, i) => {
      const { modelId, pricePer1kAtomic, standbyPer1kAtomic } = planned[i] as PlannedOffer;
      return { modelId, pricePer1kAtomic, standbyPer1kAtomic, engine };
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
  const wanted = served.map(({ model: reference, nCtx, sequences }) => ({ reference, nCtx, sequences }));
  const { models, close } = await openOnDemandModels(wanted, settings, place, options);
  const offers = models.map((model, i) => {
    const { modelId, pricePer1kAtomic, standbyPer1kAtomic } = served[i] as ServedEntry;
    return { modelId, pricePer1kAtomic, standbyPer1kAtomic, ...model };
  });
  return { offers, close };
}

/** Models of another server. Where one cannot be used, none stays open. @throws ConfigError, EngineError */
export async function openUpstreamModels(
  command: string,
  planned: readonly PlannedOffer[],
  settings: UpstreamSettings & EngineSettings,
  place: LoadingPlace,
): Promise<OpenedOffers> {
  const offers: ServedOffer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(offers.map(({ engine }) => engine.close()));
  };
  try {
    for (const { model, modelId, pricePer1kAtomic, standbyPer1kAtomic } of planned) {
      const engine =
        settings.upstreamWindows === undefined
          ? await loadUpstreamModel(command, { model, modelId }, settings, place)
          : await loadPluginModel(command, model, settings, place);
      offers.push({ modelId, pricePer1kAtomic, standbyPer1kAtomic, engine });
    }
    return { offers, close };
  } catch (error) {
    await close();
    throw error;
  }
}
