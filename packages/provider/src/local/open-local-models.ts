import { inspectAdapterFile } from '@ogong/engine/llama-cpp/adapter-file';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { resolveModel } from '@ogong/engine/resolve-model';
import { systemClock } from '@ogong/host/time/clock';
import { openCatalogue } from '@ogong/models/catalogue';
import { createModelStore } from '@ogong/models/store';
import { createEmbeddedLoader } from '../engine/embedded-image.ts';
import { addEncoder } from '../engine/encoder-flag.ts';
import { type EngineSettings, type LoadingModel, type LoadingPlace, loadModels } from '../engine/engine-config.ts';
import { createLoadedModels, type LoadedModels } from '../engine/loaded-models.ts';
import { createModelLoader } from '../engine/model-loader.ts';
import { pickOwnSettings } from '../engine/own-settings.ts';
import { readPooled } from '../engine/pooled-reference.ts';
import { withCatalogueDrafts } from './catalogue-draft.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf } from './model-shelf.ts';
import type { ServedSetModel } from './served-set.ts';
import { createStoreLibrary } from './store-library.ts';
import { createStoreShelf, shelveAdapted, shelveResolved } from './store-shelf.ts';

export interface LocalSettings extends EngineSettings {
  /** Models that are loaded at once, as they were typed. */
  readonly model: readonly string[];
  /** For every model that was named. */
  readonly adapter: readonly string[];
  /** Those of `model` that must make pictures. Default: none. */
  readonly embeddedImage?: readonly string[];
  readonly keepAlive: number;
  /** The only models that are served, in place of `model` and the store. Default: all. */
  readonly served?: readonly ServedSetModel[];
}

export interface LocalModels {
  readonly shelf: ModelShelf;
  readonly library: ModelLibrary;
  readonly loaded: LoadedModels;
  /** Names of the models that are loaded. */
  readonly names: readonly string[];
}

/** Loads what was named, and leaves the rest of the store to be loaded when it is asked for. @throws ModelError, EngineError */
export async function openLocalModels(given: LocalSettings, place: LoadingPlace): Promise<LocalModels> {
  // Nobody waits for these answers but the machine's own user.
  const { served } = given;
  const settings = { ...given, pagedWeights: true, ...(served && { model: [] }) };
  const store = createModelStore(settings.modelsDir);
  const catalogue = () => openCatalogue(settings.modelsDir);
  const load = withCatalogueDrafts(createEmbeddedLoader(settings.embeddedImage ?? []), {
    catalogue,
    list: () => createStoreShelf(store, [], catalogue).list(),
  });
  const engines = await loadModels(addEncoder(settings.model, settings.mmproj), load, settings, place);
  const named = engines.map(({ engine, model }, i) => ({
    engine,
    model: shelveResolved(settings.model[i] as string, model),
  }));
  /** Names of stored models by their references, which are paths of their files. */
  const names = new Map<string, string>();
  const { onLoading } = place;
  const loadingPlace = {
    ...place,
    ...(onLoading && {
      onLoading: (model: LoadingModel) => onLoading({ ...model, name: names.get(model.reference) ?? model.name }),
    }),
  };
  const loader = createModelLoader(settings, loadingPlace, {
    open: (reference, ...given) => load(reference, ...given),
  });
  for (const [i, each] of engines.entries()) loader.note(named[i]?.model.reference as string, each);
  const loaded = createLoadedModels({
    clock: systemClock,
    keepMs: settings.keepAlive,
    first: named.map(({ engine, model: { reference } }) => ({ reference, engine, loadedAtMs: systemClock.nowMs() })),
    async load(reference, others) {
      for (const model of onLoading ? await shelf.list() : []) names.set(model.reference, model.name);
      return (await loader.load(reference, others, own.get(readPooled(reference).reference))).engine;
    },
  });
  const storeDir = settings.modelsDir;
  const { hubEndpoint, hubToken } = settings;
  const hub = {
    ...(hubEndpoint === undefined ? {} : { endpoint: hubEndpoint }),
    ...(hubToken === undefined ? {} : { token: hubToken.reveal() }),
  };
  const pinned = named.map(({ model }) => model);
  /** Settings of single models of the served set, by their references. */
  const own = new Map<string, Partial<EngineSettings>>();
  const shelf: ModelShelf = served
    ? { list: async () => pinned, catalogue }
    : createStoreShelf(store, pinned, catalogue);
  try {
    for (const { id, model, ...given } of served ?? []) {
      const { onDownload: onProgress, signal } = place;
      const options = { storeDir, hub, ...(onProgress && { onProgress }), ...(signal && { signal }) };
      const shelved = { ...shelveResolved(model, await resolveModel(model, options)), name: id };
      pinned.push(shelved);
      own.set(shelved.reference, pickOwnSettings(given));
    }
    for (const reference of settings.adapter) {
      const options = { storeDir, hub, ...(place.signal && { signal: place.signal }) };
      const adapter = await resolveModel(reference, options);
      for (const { model } of named) {
        inspectAdapterFile(adapter.path, inspectModelFile(model.path));
        pinned.push(await shelveAdapted(model, adapter, (whole) => resolveModel(whole, options)));
      }
    }
  } catch (error) {
    await loaded.close();
    throw error;
  }
  return {
    shelf,
    library: createStoreLibrary(
      store,
      (reference, options) => resolveModel(reference, { storeDir, hub, ...options, readsPaths: false }),
      { quantizer: llamaQuantizer },
    ),
    loaded,
    names: pinned.map(({ name }) => name),
  };
}
