import { EngineError } from '../interface/engine-error.ts';
import type { LlamaTextLoad } from './load-options.ts';
import type { KernelPath } from './numeric-class.ts';
import { createTextSupervisor, type TextSupervisor } from './text-supervisor.ts';

/** How a child computes that scores replies of another class. */
export interface ScoreSetting {
  /** The libraries to try, in this order. */
  readonly isas: readonly string[];
  readonly kernels: KernelPath;
}

/**
 * Children that score replies of another ISA or with other cuts of a prompt. ggml loads one CPU library per process, so a process
 * serves one class. Weights are shared, memory-mapped.
 */
export interface ScorePool {
  /** A scorer over the first library that runs here; undefined if none does. */
  find(setting: ScoreSetting): Promise<TextSupervisor | undefined>;
  close(): Promise<void>;
}

const MAX_CHILDREN = 2;

export function createScorePool(serve: LlamaTextLoad): ScorePool {
  /** Least recently used first. */
  const children = new Map<string, Promise<TextSupervisor | undefined>>();

  // Scores guess nothing.
  const { draftModelPath: _, ...scoring } = serve;
  const open = async ({ isas, kernels }: ScoreSetting): Promise<TextSupervisor | undefined> => {
    for (const isa of isas) {
      try {
        return await createTextSupervisor({ load: { ...scoring, isa, kernels, sequences: 1, scoresTogether: 1 } });
      } catch (error) {
        if (!(error instanceof EngineError && error.code === 'unsupported-model')) throw error;
      }
    }
    return undefined;
  };

  return {
    async find(setting) {
      const key = [setting.kernels, ...setting.isas].join();
      const found = children.get(key) ?? open(setting);
      children.delete(key);
      children.set(key, found);
      // A library that does not run here must not take a place in the pool.
      if ((await found.catch(() => undefined)) === undefined) {
        children.delete(key);
        return found;
      }
      for (const [oldest, child] of children) {
        if (children.size <= MAX_CHILDREN) break;
        children.delete(oldest);
        await (await child.catch(() => undefined))?.close();
      }
      return found;
    },
    async close() {
      const all = [...children.values()];
      children.clear();
      await Promise.all(all.map(async (child) => (await child.catch(() => undefined))?.close()));
    },
  };
}
