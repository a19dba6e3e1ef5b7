import { parseNumericClass } from '@ogong/engine/llama-cpp/numeric-class';
import type { Engine } from '@ogong/engine/open-engine';
import { systemClock } from '@ogong/host/time/clock';
import { findModality } from '../modality/registry.ts';
import type { EngineSettings, LoadingPlace } from './engine-config.ts';
import { createLoadedModels } from './loaded-models.ts';
import { createModelLoader, type ModelLoaderOptions } from './model-loader.ts';
import { createOnDemandEngine, type ModelPresence } from './on-demand-engine.ts';
import { type OwnSettings, pickOwnSettings } from './own-settings.ts';

/** A model with settings of its own. */
export interface OnDemandModel extends OwnSettings {
  readonly reference: string;
}

/** An engine that loads its model when an order needs it. */
export interface OnDemandEngine {
  readonly engine: Engine;
  readonly presence: ModelPresence;
}

/** Models under one memory budget. Where one does not fit, the model that was used longest ago goes, never one in use. */
export interface OnDemandPool {
  /** Loads a model once, so that its class and its size are known, and from then on when it is used. @throws ModelError, EngineError */
  open(model: OnDemandModel): Promise<OnDemandEngine>;
  /** Unloads a model that is not used any more. */
  drop(reference: string): Promise<void>;
  close(): Promise<void>;
}

export function createOnDemandPool(
  settings: EngineSettings,
  place: LoadingPlace,
  options: ModelLoaderOptions = {},
): OnDemandPool {
  const loader = createModelLoader(settings, place, options);
  /** By reference: announced values must hold whenever the model comes back. */
  const known = new Map<string, Partial<EngineSettings>>();
  const loaded = createLoadedModels({
    clock: systemClock,
    keepMs: Number.POSITIVE_INFINITY,
    load: async (reference, others) => {
      const { engine } = await loader.load(reference, others, known.get(reference));
      const { contextSize: nCtx, numericClass } = engine.info();
      known.set(reference, {
        ...known.get(reference),
        ...{ nCtx, sequences: findModality(engine).countSequences(engine), ...keepBackend(numericClass) },
      });
      return engine;
    },
  });
  return {
    async open({ reference, ...own }) {
      known.set(reference, pickOwnSettings(own));
      const { engine: first, release } = await loaded.borrow({ reference });
      release();
      const { engine, presence } = createOnDemandEngine(first, { reference, loaded });
      const hasRoom = () => loader.hasRoom(reference, loaded.list());
      return { engine, presence: { ...presence, hasRoom } };
    },
    async drop(reference) {
      await loaded.unload(reference);
      known.delete(reference);
    },
    close: () => loaded.close(),
  };
}

/**
 * Opens models in a pool that is empty. The first ones are loaded last, so that they are there when the daemon starts. If one fails, the
 * pool is closed.
 * @returns them in the order of what was given.
 * @throws ModelError, EngineError
 */
export async function openOnDemandModels(
  given: readonly OnDemandModel[],
  pool: OnDemandPool,
): Promise<readonly OnDemandEngine[]> {
  const models: OnDemandEngine[] = [];
  try {
    for (const model of [...given].reverse()) models.unshift(await pool.open(model));
  } catch (error) {
    await pool.close();
    throw error;
  }
  return models;
}

/** The announced class names a back end, so `--backend auto` must not take another one later. */
function keepBackend(numericClass: string): Partial<EngineSettings> {
  const named = parseNumericClass(numericClass)?.backend;
  const backend = (['cpu', 'vulkan', 'cuda', 'metal'] as const).find((each) => each === named);
  return backend === undefined ? {} : { backend };
}
