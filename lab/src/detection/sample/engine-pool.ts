import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';

/** Keeps engines loaded between uses, because loading one takes longer than a few replies. */
export interface EnginePool {
  /** Lends an engine to one user at a time. @throws EngineError */
  use<T>(options: LlamaEngineOptions, work: (engine: LlamaEngine) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @param maxIdle engines kept loaded while nobody uses them. */
export function createEnginePool(maxIdle: number, open = createLlamaEngine): EnginePool {
  /** Least recently used first. */
  let idle: { readonly key: string; readonly engine: LlamaEngine }[] = [];
  let isClosed = false;
  return {
    async use(options, work) {
      const key = JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
      const at = idle.findIndex((each) => each.key === key);
      const engine = at >= 0 ? (idle.splice(at, 1)[0] as (typeof idle)[number]).engine : await open(options);
      try {
        const result = await work(engine);
        idle.push({ key, engine });
        while (isClosed && idle.length > 0) await idle.shift()?.engine.close();
        while (idle.length > maxIdle) await idle.shift()?.engine.close();
        return result;
      } catch (error) {
        await engine.close();
        throw error;
      }
    },
    async close() {
      isClosed = true;
      const all = idle;
      idle = [];
      await Promise.all(all.map(({ engine }) => engine.close()));
    },
  };
}
