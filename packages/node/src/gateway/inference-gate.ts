import { ApiError } from '@ogong/host/http/api-error';

/** How many requests may run at once, in all and per key. */
export interface InferenceGate {
  /** @throws ApiError `too_many_requests` @returns what gives the place back. */
  enter(keyId: string): () => void;
  size(): number;
}

export function createInferenceGate({ max, maxPerKey }: { max: number; maxPerKey: number }): InferenceGate {
  const perKey = new Map<string, number>();
  let running = 0;
  return {
    size: () => running,
    enter(keyId) {
      const mine = perKey.get(keyId) ?? 0;
      if (running >= max || mine >= maxPerKey) {
        const why = mine >= maxPerKey ? `This key has ${mine} requests running` : 'The gateway is busy';
        throw new ApiError('too_many_requests', `${why}; try again shortly.`, { retryAfterS: 1 });
      }
      running++;
      perKey.set(keyId, mine + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        running--;
        const left = (perKey.get(keyId) ?? 1) - 1;
        if (left > 0) perKey.set(keyId, left);
        else perKey.delete(keyId);
      };
    },
  };
}
