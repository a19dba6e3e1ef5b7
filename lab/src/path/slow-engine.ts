import { setTimeout as delay } from 'node:timers/promises';
import type { TextEngine } from '@ogong/engine/interface/text';

/** An engine whose replies begin late, where `isSlow` says so of the next one. Not even a cancelled one is sooner over. */
export function slowDown(engine: TextEngine, slowMs: number, isSlow: () => boolean = () => true): TextEngine {
  return {
    ...engine,
    async *generate(request, options) {
      if (isSlow()) await delay(slowMs);
      yield* engine.generate(request, options);
    },
  };
}
