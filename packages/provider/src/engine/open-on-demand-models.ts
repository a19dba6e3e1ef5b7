import type { Engine } from '@ogong/engine/open-engine';
import { systemClock } from '@ogong/host/time/clock';
import { findModality } from '../modality/registry.ts';
import type { EngineSettings, LoadingPlace } from './engine-config.ts';
import { createLoadedModels } from './loaded-models.ts';
import { createModelLoader, type ModelLoaderOptions } from './model-loader.ts';
import { createOnDemandEngine, type ModelPresence } from './on-demand-engine.ts';

export interface OnDemandModel {
  readonly reference: string;
  /** Settings of this model alone. */
  readonly nCtx?: number | undefined;
  readonly sequences?: number | undefined;
}

export interface OnDemandModels {
  /** In the order of what was given. */
  readonly models: readonly { readonly engine: Engine; readonly presence: ModelPresence }[];
  close(): Promise<void>;
}

/**
 * Opens models under one memory budget. Each is loaded once at the start, so that its class and its size are known, and from then
 * on when it is used. Where it does not fit, the model that was used longest ago goes, never one in use.
 * @throws ModelError, EngineError
 */
export async function openOnDemandModels(
  given: readonly OnDemandModel[],
  settings: EngineSettings,
  place: LoadingPlace,
  options: ModelLoaderOptions = {},
): Promise<OnDemandModels> {
  const loader = createModelLoader(settings, place, options);
  /** By reference: announced values must hold whenever the model comes back. */
  const known = new Map(given.map(({ reference, ...own }) => [reference, dropUnset(own)]));
  const loaded = createLoadedModels({
    clock: systemClock,
    keepMs: Number.POSITIVE_INFINITY,
    load: async (reference, others) => {
      const { engine } = await loader.load(reference, others, known.get(reference));
      known.set(reference, { nCtx: engine.info().contextSize, sequences: findModality(engine).countSequences(engine) });
      return engine;
    },
  });
  const models: { engine: Engine; presence: ModelPresence }[] = [];
  try {
    // The first ones are loaded last, so that they are there when the daemon starts.
    for (const { reference } of [...given].reverse()) {
      const { engine: first, release } = await loaded.borrow({ reference });
      release();
      const { engine, presence } = createOnDemandEngine(first, { reference, loaded });
      const hasRoom = () => loader.hasRoom(reference, loaded.list());
      models.unshift({ engine, presence: { ...presence, hasRoom } });
    }
  } catch (error) {
    await loaded.close();
    throw error;
  }
  return { models, close: () => loaded.close() };
}

const dropUnset = ({ nCtx, sequences }: Omit<OnDemandModel, 'reference'>): Partial<EngineSettings> => ({
  ...(nCtx !== undefined && { nCtx }),
  ...(sequences !== undefined && { sequences }),
});
