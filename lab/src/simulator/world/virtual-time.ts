import { AsyncLocalStorage } from 'node:async_hooks';
import type { NamedDraws } from './draws.ts';

/** A process. The planned events of a dead process never run. */
export interface Owner {
  readonly name: string;
  isDead: boolean;
  /** Added to the wall clock that it reads. */
  skewMs: number;
  /** How much faster its clocks run: 0.001 is a millisecond a second. */
  drift: number;
  /** The longest that a turn of its event loop, and so a write to its disk, takes. */
  slowMs: number;
  /** End of a pause of the process. */
  standsUntilMs?: number;
}

export interface Planned {
  readonly atMs: number;
  cancel(): void;
}

interface Entry extends Planned {
  atMs: number;
  readonly tie: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  run: (() => void) | undefined;
}

export interface VirtualTime {
  /** Since the beginning of the run. */
  nowMs(): number;
  /** Wall-clock time of the running process, ms since 1970. */
  wallMs(): number;
  monotonicMs(): number;
  /** @param owner Default: the process that runs. */
  plan(delayMs: number, run: () => void, owner?: Owner): Planned;
  current(): Owner | undefined;
  runAs<T>(owner: Owner | undefined, work: () => T): T;
  /** Runs the next event, unless it is later than that. @returns whether there was one. */
  step(untilMs: number): boolean;
  /** Number of planned events. */
  size(): number;
  steps(): number;
  /** The process of the last event. */
  last(): Owner | undefined;
  /** Number of planned events of a process, without cancelled ones. */
  sizeOf(owner: Owner): number;
}

/** The day on which every run begins. */
export const START_MS = Date.UTC(2030, 0, 1);

const isBefore = (a: Entry, b: Entry): boolean =>
  a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;

/** A heap of events by virtual time. Events of one moment come in a drawn order. */
export function createVirtualTime(draws: NamedDraws): VirtualTime {
  const owners = new AsyncLocalStorage<Owner | undefined>();
  const heap: Entry[] = [];
  const sizes = new Map<Owner, number>();
  let nowMs = 0;
  let order = 0;
  let steps = 0;
  let last: Owner | undefined;

  function push(entry: Entry): void {
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
    count(entry, 1);
  }

  function pop(): Entry {
    const first = heap[0] as Entry;
    const last = heap.pop() as Entry;
    if (heap.length > 0) sink(last);
    if (first.run !== undefined) count(first, -1);
    return first;
  }

  function sink(entry: Entry): void {
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, entry)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = entry;
  }

  function count({ owner }: Entry, by: number): void {
    if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + by);
  }

  const current = (): Owner | undefined => owners.getStore();

  return {
    nowMs: () => nowMs,
    wallMs() {
      const owner = current();
      return Math.floor(START_MS + nowMs * (1 + (owner?.drift ?? 0)) + (owner?.skewMs ?? 0));
    },
    monotonicMs: () => nowMs * (1 + (current()?.drift ?? 0)),
    plan(delayMs, run, owner = current()) {
      const entry: Entry = {
        atMs: nowMs + Math.max(0, delayMs),
        tie: draws.next('tie'),
        order: order++,
        owner,
        run,
        cancel() {
          if (entry.run !== undefined) count(entry, -1);
          entry.run = undefined;
        },
      };
      push(entry);
      return entry;
    },
    current,
    runAs: (owner, work) => owners.run(owner, work),
    step(untilMs) {
      while (heap.length > 0) {
        const next = heap[0] as Entry;
        if (next.run !== undefined && !next.owner?.isDead && next.atMs > untilMs) break;
        const entry = pop();
        const { run, owner, atMs } = entry;
        if (run === undefined || owner?.isDead) continue;
        if (owner?.standsUntilMs !== undefined && owner.standsUntilMs > atMs) {
          entry.atMs = owner.standsUntilMs;
          push(entry);
          continue;
        }
        entry.run = undefined;
        nowMs = atMs;
        steps++;
        last = owner;
        owners.run(owner, run);
        return true;
      }
      nowMs = Math.max(nowMs, untilMs);
      return false;
    },
    size: () => heap.length,
    steps: () => steps,
    last: () => last,
    sizeOf: (owner) => sizes.get(owner) ?? 0,
  };
}
