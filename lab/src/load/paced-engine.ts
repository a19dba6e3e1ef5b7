import { setTimeout as delay } from 'node:timers/promises';
import type { TextEngine } from '@ogong/engine/interface/text';

/**
 * The same engine, whose replies come at the pace of a model: a token each `stepMs`, however many run. A fake engine with steps that last as
 * long would read one piece of one prompt in each, and 200 streams would wait for that.
 */
export function paceEngine(engine: TextEngine, stepMs: number): TextEngine {
  return {
    ...engine,
    async *generate(request, options) {
      const startMs = performance.now();
      let tokens = 0;
      for await (const event of engine.generate(request, options)) {
        const leftMs = event.kind === 'token' ? startMs + ++tokens * stepMs - performance.now() : 0;
        // Whoever leaves is not waited for: the engine's next event says so.
        if (leftMs > 0) await delay(leftMs, undefined, { signal: options?.signal }).catch(() => undefined);
        yield event;
      }
    },
  };
}
