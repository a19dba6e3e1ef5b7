/** Rows that a slot's KV cache has of the reply that ran in it last. */
interface Held {
  readonly tokens: Uint32Array;
  readonly scope: string;
  /** Shape class of all its rows. */
  readonly shapeClass: number;
}

/** Owner of the rows that a prompt may begin with. */
interface Wanted {
  readonly scope: string | undefined;
  readonly shapeClass: number;
}

/**
 * The sequences of a context, and the rows that free ones still hold: a prompt with the same beginning continues from there.
 * Only requests of the same `scope` share rows, since the time to the first token reveals whether a prefix was cached. Only rows
 * of the prompt's own shape class serve it.
 */
export interface Slots {
  readonly free: number;
  /**
   * Takes the free slot that suits a prompt best; there must be one. `held`: how many of the prompt's rows it holds, from the
   * first on; never all.
   */
  take(prompt: Uint32Array, wanted: Wanted): { readonly slot: number; readonly held: number };
  /** How many of a prompt's rows the slot holds that `take` would choose for it because it continues there; 0 if none does. */
  find(prompt: Uint32Array, wanted: Wanted): number;
  /** @param held of the rows that stay in the slot's cache; none if absent. */
  give(slot: number, held?: Held): void;
  /** Forgets what free slots hold. @returns those that held anything. */
  forget(): number[];
}

/** Fewer rows do not influence the choice of a slot. */
export const LEAST_HELD = 16;

export function createSlots(count: number): Slots {
  /** Least recently used first. */
  const free = Array.from({ length: count }, (_, slot) => slot);
  const holds: (Held | undefined)[] = Array.from({ length: count });

  const countShared = (slot: number, prompt: Uint32Array, { scope, shapeClass }: Wanted): number => {
    const held = holds[slot];
    if (held === undefined || held.scope !== scope || held.shapeClass !== shapeClass) return 0;
    const most = Math.min(held.tokens.length, prompt.length - 1);
    let shared = 0;
    while (shared < most && held.tokens[shared] === prompt[shared]) shared++;
    return shared < LEAST_HELD ? 0 : shared;
  };

  /** The slot that holds most of the prompt, unless taking it loses more rows than it saves. */
  const findContinued = (prompt: Uint32Array, wanted: Wanted): number | undefined => {
    let best: number | undefined;
    let most = 0;
    for (const slot of free) {
      const shared = countShared(slot, prompt, wanted);
      if (shared <= most || 2 * shared < (holds[slot]?.tokens.length ?? 0)) continue;
      most = shared;
      best = slot;
    }
    return best;
  };

  /**
   * A slot beside a running one, since neighbours share a pass; among those, or if nothing runs, the least recently used one.
   */
  const findOther = (): number => {
    const isFree = new Set(free);
    const runs = (slot: number): boolean => slot >= 0 && slot < count && !isFree.has(slot);
    return free.find((slot) => runs(slot - 1) || runs(slot + 1)) ?? (free[0] as number);
  };

  return {
    get free() {
      return free.length;
    },
    take(prompt, wanted) {
      const slot = findContinued(prompt, wanted) ?? findOther();
      const held = countShared(slot, prompt, wanted);
      free.splice(free.indexOf(slot), 1);
      holds[slot] = undefined;
      return { slot, held };
    },
    find(prompt, wanted) {
      const slot = findContinued(prompt, wanted);
      return slot === undefined ? 0 : countShared(slot, prompt, wanted);
    },
    give(slot, held) {
      holds[slot] = held !== undefined && held.tokens.length >= LEAST_HELD ? held : undefined;
      if (holds[slot] === undefined) free.unshift(slot);
      else free.push(slot);
    },
    forget() {
      const held = free.filter((slot) => holds[slot] !== undefined);
      for (const slot of held) holds[slot] = undefined;
      return held;
    },
  };
}
