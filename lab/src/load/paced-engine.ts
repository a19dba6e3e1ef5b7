import { setTimeout as delay } from 'node:timers/promises';
import type { TextEngine } from '@ogong/engine/interface/text';

/**
 * Slows an engine down to the pace of a real model: each reply gets a token every `stepMs`, with any number of replies. A fake engine with
 * such long steps would read one piece of one prompt in each, and 200 streams would wait for it.
 */
export function paceEngine(engine: TextEngine, stepMs: number): TextEngine {
  return {
    ...engine,
    async *generate(request, options) {
      const startMs = performance.now();
      let tokens = 0;
      for await (const event of engine.generate(request, options)) {
        const leftMs = event.kind === 'token' ? startMs + ++tokens * stepMs - performance.now() : 0;
        // A client that leaves ends the delay. The engine's next event reports it.
        if (leftMs > 0) await delay(leftMs, undefined, { signal: options?.signal }).catch(() => undefined);
        yield event;
      }
    },
  };
}
