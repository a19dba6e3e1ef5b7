/** The tokens with the largest logits, value descending, ties by id. */
export interface BestTokens {
  readonly ids: Int32Array;
  readonly values: Float64Array;
  /** How many there are. */
  readonly count: number;
  /** A value above it is among the best. */
  readonly threshold: number;
  /** @param threshold value that enough values exceed to fill the list. Default: no value. */
  clear(threshold?: number): void;
  /** Takes a token whose value is above the threshold. Tokens come in ascending order of id. */
  insert(id: number, value: number): void;
}

/** @param most tokens that are kept. */
export function createBestTokens(most: number): BestTokens {
  const ids = new Int32Array(most);
  const values = new Float64Array(most);
  let count = 0;
  let threshold = Number.NEGATIVE_INFINITY;

  const clear = (known = Number.NEGATIVE_INFINITY): void => {
    count = 0;
    threshold = known;
  };
  const insert = (id: number, value: number): void => {
    let j = count < most ? count++ : most - 1;
    while (j > 0 && (values[j - 1] as number) < value) {
      values[j] = values[j - 1] as number;
      ids[j] = ids[j - 1] as number;
      j--;
    }
    values[j] = value;
    ids[j] = id;
    if (count === most) threshold = values[most - 1] as number;
  };

  return {
    ids,
    values,
    get count() {
      return count;
    },
    get threshold() {
      return threshold;
    },
    clear,
    insert,
  };
}
