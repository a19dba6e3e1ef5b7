import type { UpstreamEngine } from '@ogong/engine/upstream/engine';
import { systemClock } from '@ogong/host/time/clock';
import { createModelStore } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
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

const REFERENCE = 'upstream:';

/**
 * Opens models of another server for local mode. Answers have no receipt, because that server shows nothing that could be checked.
 * @throws ConfigError; EngineError if the server cannot be used
 */
export async function openUpstreamModels(command: string, settings: LocalUpstreamSettings): Promise<LocalModels> {
  const wanted = settings.model.length === 0 ? [undefined] : settings.model;
  const engines: UpstreamEngine[] = [];
  try {
    for (const model of wanted) engines.push(await loadNamedUpstream(command, model, settings));
  } catch (error) {
    await Promise.all(engines.map((engine) => engine.close()));
    throw error;
  }
  const openedAtMs = systemClock.nowMs();
  const models = engines.map(
    ({ findings, info }): ShelfModel => ({
      name: findings.model,
      reference: `${REFERENCE}${findings.model}`,
      upstream: findings.address,
      path: '',
      sizeBytes: 0,
      modifiedAtMs: openedAtMs,
      modelRoot: toHex(info().modelRoot),
    }),
  );
  return {
    shelf: { list: async () => models },
    library: createUpstreamLibrary(settings, engines[0]?.findings.address),
    loaded: createLoadedModels({
      clock: systemClock,
      keepMs: Number.POSITIVE_INFINITY,
      first: engines.map((engine) => ({
        ...{ engine, loadedAtMs: openedAtMs },
        reference: `${REFERENCE}${engine.findings.model}`,
      })),
      load: (reference) => loadNamedUpstream(command, reference.slice(REFERENCE.length), settings),
    }),
    names: models.map(({ name }) => name),
  };
}

/** Returns the store's library without the changes that would have no effect on the models that are served. */
function createUpstreamLibrary({ modelsDir, upstream }: LocalUpstreamSettings, address = upstream): ModelLibrary {
  const refuse = async (): Promise<never> => {
    const message = `this server only passes on the models of ${address}, so it brings, makes, copies and deletes none; do it there`;
    throw new RequestError(message, 'model');
  };
  const stored = createStoreLibrary(createModelStore(modelsDir), refuse);
  return { ...stored, pull: refuse, name: refuse, assemble: refuse, remove: refuse };
}
