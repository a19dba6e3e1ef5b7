/** Amounts by name, each up to a limit. */
export interface Tally {
  /** @returns false if the amount would pass the limit; nothing is added then. */
  add(name: string, max: number, amount?: number): boolean;
  remove(name: string, amount?: number): void;
  count(name: string): number;
}

export function createTally(): Tally {
  const amounts = new Map<string, number>();
  return {
    add(name, max, amount = 1) {
      const sum = (amounts.get(name) ?? 0) + amount;
      if (sum > max) return false;
      amounts.set(name, sum);
      return true;
    },
    remove(name, amount = 1) {
      const left = (amounts.get(name) ?? 0) - amount;
      if (left > 0) amounts.set(name, left);
      else amounts.delete(name);
    },
    count: (name) => amounts.get(name) ?? 0,
  };
}
