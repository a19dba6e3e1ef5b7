import { ApiError } from '@ogong/host/http/api-error';
import type { KeyHolder } from '../books/api-keys.ts';
import { nameHolder } from '../books/reservation.ts';

/** Limits the running requests, in all and per holder: a key, or all keys of an organisation. */
export interface InferenceGate {
  /** @throws ApiError `too_many_requests` @returns a function that gives the place back. */
  enter(key: Pick<KeyHolder, 'id' | 'organisation'>): () => void;
  size(): number;
}

export function createInferenceGate({ max, maxPerKey }: { max: number; maxPerKey: number }): InferenceGate {
  const perHolder = new Map<string, number>();
  let running = 0;
  return {
    size: () => running,
    enter({ id, organisation }) {
      const holder = nameHolder({ keyId: id, organisation: organisation?.id ?? '' });
      const mine = perHolder.get(holder) ?? 0;
      if (running >= max || mine >= maxPerKey) {
        const why =
          mine >= maxPerKey ? `This key, or its organisation, has ${mine} requests running` : 'The gateway is busy';
        throw new ApiError('too_many_requests', `${why}; try again shortly.`, { retryAfterS: 1 });
      }
      running++;
      perHolder.set(holder, mine + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        running--;
        const left = (perHolder.get(holder) ?? 1) - 1;
        if (left > 0) perHolder.set(holder, left);
        else perHolder.delete(holder);
      };
    },
  };
}
