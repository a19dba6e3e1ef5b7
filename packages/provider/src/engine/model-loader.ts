import { readAvailableMemory } from '@ogong/engine/llama-cpp/device/memory';
import { countCores } from '@ogong/engine/llama-cpp/device/platform';
import type { ModelMemory } from '@ogong/engine/model-size';
import { type EngineSettings, type LoadedModel, type LoadingPlace, loadModel } from './engine-config.ts';
import { weighModel } from './footprint.ts';
import type { OpenModel, RunningModel } from './loaded-models.ts';

export interface ModelLoader {
  /**
   * @param others engines that stay loaded beside it.
   * @param own settings of this model alone.
   * @throws ModelError, EngineError('not-enough-memory') if it does not fit beside them.
   */
  load(reference: string, others: readonly OpenModel[], own?: Partial<EngineSettings>): Promise<LoadedModel>;
  /** A model that somebody else has loaded, so that it counts. */
  note(reference: string, loaded: LoadedModel): void;
  /** Whether a model that was loaded before would fit, once those that nobody uses are gone. */
  hasRoom(reference: string, running: readonly RunningModel[]): boolean;
}

export interface ModelLoaderOptions {
  readonly open?: typeof loadModel;
  readonly readAvailable?: () => number;
}

/** Loads models beside each other on one machine: each gets its share of the cores, and all together take one budget at most. */
export function createModelLoader(
  settings: EngineSettings,
  place: LoadingPlace,
  { open = loadModel, readAvailable = readAvailableMemory }: ModelLoaderOptions = {},
): ModelLoader {
  const { memoryBudget: budgetBytes } = settings;
  const footprints = new Map<string, ModelMemory>();
  const sum = (models: readonly OpenModel[], part: (of: ModelMemory) => number): number =>
    models.reduce((total, { reference }) => {
      const footprint = footprints.get(reference);
      return total + (footprint ? part(footprint) : 0);
    }, 0);
  const note = (reference: string, loaded: LoadedModel, own: Partial<EngineSettings> = {}): void => {
    footprints.set(reference, weighModel(loaded, { ...settings, ...own }));
  };

  return {
    note,
    async load(reference, others, own = {}) {
      const share = {
        cores: Math.max(1, Math.floor(countCores() / (others.length + 1))),
        reservedBytes: sum(others, ({ weights }) => weights),
        ...(budgetBytes !== undefined && { budgetBytes: budgetBytes - sum(others, ({ total }) => total) }),
      };
      const loaded = await open(reference, { ...settings, ...own }, place, share);
      note(reference, loaded, own);
      return loaded;
    },
    hasRoom(reference, running) {
      const need = footprints.get(reference);
      if (need === undefined) return true;
      const used = running.filter(({ users }) => users > 0);
      if (budgetBytes !== undefined) return need.total + sum(used, ({ total }) => total) <= budgetBytes;
      const idle = running.filter(({ users }) => users === 0);
      const freed = sum(idle, ({ total, weights }) => total - weights);
      return need.total <= readAvailable() + freed - sum(used, ({ weights }) => weights);
    },
  };
}
