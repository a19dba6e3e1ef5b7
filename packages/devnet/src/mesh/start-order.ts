export interface Startable {
  readonly name: string;
  readonly after: readonly string[];
}

/**
 * Starts all items, each as soon as its dependencies have started, at most `limit` at a time. The first failure stops further starts and is
 * thrown when those under way have ended.
 * @throws RangeError if names are unknown or wait for each other.
 */
export async function startInOrder<T extends Startable>(
  items: readonly T[],
  start: (item: T) => Promise<void>,
  { limit }: { readonly limit: number },
): Promise<void> {
  assertOrder(items);
  const started = new Set<string>();
  const waiting = [...items];
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;

  const launchReady = (): void => {
    for (let i = 0; i < waiting.length && running.size < limit && !failure; ) {
      const item = waiting[i] as T;
      if (!item.after.every((name) => started.has(name))) {
        i++;
        continue;
      }
      waiting.splice(i, 1);
      const task: Promise<void> = start(item)
        .then(() => void started.add(item.name))
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(task));
      running.add(task);
    }
  };

  for (launchReady(); running.size > 0; launchReady()) await Promise.race(running);
  if (failure) throw failure.error;
}

function assertOrder(items: readonly Startable[]): void {
  const done = new Set<string>();
  for (let left = [...items]; left.length > 0; ) {
    const next = left.filter(({ after }) => !after.every((name) => done.has(name)));
    if (next.length === left.length) {
      throw new RangeError(`cannot be started in any order: ${left.map(({ name }) => name).join(', ')}`);
    }
    for (const { name } of left) if (!next.some((other) => other.name === name)) done.add(name);
    left = next;
  }
}
