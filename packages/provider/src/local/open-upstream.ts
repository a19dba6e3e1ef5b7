import type { Engine } from '@ogong/engine/open-engine';
import { systemClock } from '@ogong/host/time/clock';
import { createModelStore } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type ImageUpstreamSettings, loadNamedImageUpstream } from '../engine/image-upstream.ts';
import { createLoadedModels } from '../engine/loaded-models.ts';
import { loadNamedUpstream, type UpstreamSettings } from '../engine/upstream-config.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ShelfModel } from './model-shelf.ts';
import type { LocalModels } from './open-local-models.ts';
import { createStoreLibrary } from './store-library.ts';

export interface LocalUpstreamSettings extends UpstreamSettings {
  readonly upstream: string;
  /** The server's names of the models to serve. Empty: the only one that it lists. */
  readonly model: readonly string[];
  readonly modelsDir: string;
}

export interface LocalImageUpstreamSettings extends ImageUpstreamSettings {
  readonly imageUpstream: string;
  /** As of LocalUpstreamSettings. */
  readonly model: readonly string[];
  readonly modelsDir: string;
}

const REFERENCE = 'upstream:';

/** A model of another server, with that server's name for it. */
interface NamedEngine {
  readonly engine: Engine;
  readonly name: string;
  readonly address: string;
}

/**
 * Opens models of another server for local mode. Answers have no receipt, because that server shows nothing that could be checked.
 * @throws ConfigError; EngineError if the server cannot be used
 */
export const openUpstreamModels = (command: string, settings: LocalUpstreamSettings): Promise<LocalModels> =>
  openNamedModels(settings, async (model) => {
    const engine = await loadNamedUpstream(command, model, settings);
    return { engine, name: engine.findings.model, address: engine.findings.address };
  });

/** Opens models of pictures of another server, as above. @throws ConfigError; EngineError */
export const openImageUpstreamModels = (command: string, settings: LocalImageUpstreamSettings): Promise<LocalModels> =>
  openNamedModels({ ...settings, upstream: settings.imageUpstream }, async (model) => {
    const engine = await loadNamedImageUpstream(command, model, settings);
    return { engine, name: engine.model, address: engine.address };
  });

async function openNamedModels(
  settings: Pick<LocalUpstreamSettings, 'upstream' | 'model' | 'modelsDir'>,
  load: (model: string | undefined) => Promise<NamedEngine>,
): Promise<LocalModels> {
  const wanted = settings.model.length === 0 ? [undefined] : settings.model;
  const named: NamedEngine[] = [];
  try {
    for (const model of wanted) named.push(await load(model));
  } catch (error) {
    await Promise.all(named.map(({ engine }) => engine.close()));
    throw error;
  }
  const openedAtMs = systemClock.nowMs();
  const models = named.map(
    ({ engine, name, address }): ShelfModel => ({
      name,
      reference: `${REFERENCE}${name}`,
      upstream: address,
      path: '',
      sizeBytes: 0,
      modifiedAtMs: openedAtMs,
      modelRoot: toHex(engine.info().modelRoot),
    }),
  );
  return {
    shelf: { list: async () => models },
    library: createUpstreamLibrary(settings, named[0]?.address),
    loaded: createLoadedModels({
      clock: systemClock,
      keepMs: Number.POSITIVE_INFINITY,
      first: named.map(({ engine, name }) => ({ engine, loadedAtMs: openedAtMs, reference: `${REFERENCE}${name}` })),
      load: async (reference) => (await load(reference.slice(REFERENCE.length))).engine,
    }),
    names: models.map(({ name }) => name),
  };
}

/** Returns the store's library without the changes that would have no effect on the models that are served. */
function createUpstreamLibrary(
  { modelsDir, upstream }: Pick<LocalUpstreamSettings, 'modelsDir' | 'upstream'>,
  address = upstream,
): ModelLibrary {
  const refuse = async (): Promise<never> => {
    const message = `this server only passes on the models of ${address}, so it brings, makes, copies and deletes none; do it there`;
    throw new RequestError(message, 'model');
  };
  const stored = createStoreLibrary(createModelStore(modelsDir), refuse);
  return { ...stored, pull: refuse, name: refuse, assemble: refuse, remove: refuse };
}
