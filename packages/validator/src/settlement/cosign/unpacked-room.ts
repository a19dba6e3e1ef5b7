/** Waits for room for so many bytes, and uses it while the work runs. */
type TakeRoom = <T>(bytes: number, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * Limits the unpacked bytes of all peers together. The first in the queue is served first, so a large batch waits only
 * for earlier ones. A batch larger than the room has it alone.
 */
export function createUnpackedRoom(mostBytes: number): TakeRoom {
  const queue: Waiting[] = [];
  let held = 0;

  const fits = (bytes: number): boolean => held === 0 || held + bytes <= mostBytes;

  function admit(): void {
    for (let next = queue[0]; next !== undefined && fits(next.bytes); next = queue[0]) {
      queue.shift();
      held += next.bytes;
      next.enter();
    }
  }

  function wait(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      queue.splice(queue.indexOf(waiting), 1);
      reject(signal.reason);
      // The next one in the queue may fit.
      admit();
    };
    const enter = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const waiting: Waiting = { bytes, enter };
    signal.addEventListener('abort', leave, { once: true });
    queue.push(waiting);
    admit();
    return promise;
  }

  return async (bytes, signal, work) => {
    if (bytes === 0) return work();
    await wait(bytes, signal);
    try {
      return await work();
    } finally {
      held -= bytes;
      admit();
    }
  };
}
