/** How many last tokens decide a guess: the longer run is tried first. */
const RUNS = [3, 2] as const;
/** Bounds the memory of a long context. An overwritten entry only costs guesses. */
const MOST_ENTRIES = 2 ** 15;

/**
 * Guesses what follows the end of a sequence from what followed the same two or three tokens before, in prompt or reply
 * ("prompt lookup", https://github.com/apoorvumang/prompt-lookup-decoding). All memory is allocated on creation.
 */
export interface DraftIndex {
  /** The last guesses, as many as `guess` returned. */
  readonly guesses: Int32Array;
  /** Takes the sequence's next token; one beyond the capacity is not indexed. */
  push(token: number): void;
  /** @returns how many of the next tokens were guessed, 0..most. */
  guess(most: number): number;
  reset(): void;
}

/** @param capacity tokens of the longest sequence. */
export function createDraftIndex({ capacity, most }: { readonly capacity: number; readonly most: number }): DraftIndex {
  const history = new Int32Array(capacity);
  const guesses = new Int32Array(most);
  const entries = Math.min(MOST_ENTRIES, 2 ** Math.ceil(1 + Math.log2(Math.max(1, capacity))));
  /** Tables by the hash of a run: the place of the token that followed it last; 0 if none did. */
  const tables = RUNS.map(() => new Int32Array(entries));
  let length = 0;

  const slotOf = (end: number, run: number): number => {
    let hash = run;
    for (let i = end - run; i < end; i++) {
      hash = Math.imul(hash ^ (history[i] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash & (entries - 1);
  };

  const isSameRun = (a: number, b: number, run: number): boolean => {
    for (let i = 1; i <= run; i++) if (history[a - i] !== history[b - i]) return false;
    return true;
  };

  const find = (): number => {
    for (let i = 0; i < RUNS.length; i++) {
      const run = RUNS[i] as number;
      if (length <= run) continue;
      const next = (tables[i] as Int32Array)[slotOf(length, run)] as number;
      if (next >= run && isSameRun(next, length, run)) return next;
    }
    return -1;
  };

  return {
    guesses,
    push(token) {
      if (length >= capacity) return;
      for (let i = 0; i < RUNS.length; i++) {
        const run = RUNS[i] as number;
        if (length >= run) (tables[i] as Int32Array)[slotOf(length, run)] = length;
      }
      history[length++] = token;
    },
    guess(asked) {
      const next = find();
      const count = next < 0 ? 0 : Math.min(asked, most);
      // If the text repeats up to its end, guess that it goes on repeating.
      for (let i = 0; i < count; i++)
        guesses[i] = (next + i < length ? history[next + i] : guesses[next + i - length]) as number;
      return Math.max(0, count);
    },
    reset() {
      length = 0;
      for (const table of tables) table.fill(0);
    },
  };
}
