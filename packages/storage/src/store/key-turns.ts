/** Runs calls with one key after another, and calls with other keys beside them. */
export interface KeyTurns {
  run<T>(key: string, call: () => Promise<T>): Promise<T>;
}

export function createKeyTurns(): KeyTurns {
  const last = new Map<string, Promise<unknown>>();
  return {
    async run(key, call) {
      const before = last.get(key);
      const turn = (async () => {
        await before?.catch(() => undefined);
        return await call();
      })();
      last.set(key, turn);
      try {
        return await turn;
      } finally {
        if (last.get(key) === turn) last.delete(key);
      }
    },
  };
}
