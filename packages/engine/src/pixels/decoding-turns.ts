import { EngineError } from '../interface/engine-error.ts';

export interface DecodingTurns {
  /**
   * Waits for the turn of a picture.
   * @returns the function that ends the turn. @throws EngineError `overloaded` if too many wait.
   */
  take(pixels: number): Promise<() => void>;
}

/**
 * Bounds the pixels that are decoded at the same time. Pictures start in the order of their calls; a large one waits until it is alone.
 * @param most pixels at the same time; a picture of more is decoded alone. @param least pixels that a smaller picture counts as.
 */
export function createDecodingTurns({
  most,
  least,
  mostWaiting,
}: {
  readonly most: number;
  readonly least: number;
  readonly mostWaiting: number;
}): DecodingTurns {
  let running = 0;
  const waiting: { readonly pixels: number; readonly start: () => void }[] = [];
  const startWaiting = (): void => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      if (running > 0 && running + next.pixels > most) return;
      running += next.pixels;
      waiting.shift();
      next.start();
    }
  };
  return {
    async take(given) {
      if (waiting.length >= mostWaiting)
        throw new EngineError('overloaded', `${mostWaiting} pictures are waiting to be decoded; try again`, {
          retryable: true,
        });
      const pixels = Math.max(least, given);
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ pixels, start: resolve });
      startWaiting();
      await promise;
      return () => {
        running -= pixels;
        startWaiting();
      };
    },
  };
}
