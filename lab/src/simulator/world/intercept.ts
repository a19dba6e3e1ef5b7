import type * as nodeCrypto from 'node:crypto';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { mix } from './draws.ts';
import type { Owner, Planned, VirtualTime } from './virtual-time.ts';

const require = createRequire(import.meta.url);
type Mutable = Record<string, unknown>;

export interface Interception {
  /** Lets everything that is ready run: promises, and what they cause without time passing. */
  turn(): Promise<void>;
  restore(): void;
}

/**
 * Replaces timers, clocks, deadlines, random bytes and `fetch` for all code of this process, libraries too. Time becomes virtual and
 * randomness follows from the seed. The process must run the simulator alone.
 */
export function intercept(time: VirtualTime, seed: number, fetch: typeof globalThis.fetch): Interception {
  const realImmediate = globalThis.setImmediate;
  const undo: (() => void)[] = [];
  const replace = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    undo.push(() => {
      if (before === undefined) delete (target as Mutable)[name];
      else Object.defineProperty(target, name, before);
    });
  };

  const timers = createTimers(time, seed);
  for (const [name, value] of Object.entries(timers)) replace(globalThis, name, value);
  const promised = createPromised(timers);
  const nodeTimers = require('node:timers') as Mutable;
  for (const [name, value] of Object.entries(timers)) replace(nodeTimers, name, value);
  const nodePromises = require('node:timers/promises') as Mutable;
  for (const [name, value] of Object.entries(promised)) replace(nodePromises, name, value);

  const RealDate = globalThis.Date;
  replace(
    globalThis,
    'Date',
    new Proxy(RealDate, {
      construct: (target, args) => Reflect.construct(target, args.length === 0 ? [time.wallMs()] : args),
      apply: () => new RealDate(time.wallMs()).toString(),
      get: (target, name) => (name === 'now' ? () => time.wallMs() : Reflect.get(target, name)),
    }),
  );
  replace(globalThis.performance, 'now', () => time.monotonicMs());
  replace(AbortSignal, 'timeout', (ms: number) => {
    const controller = new AbortController();
    timers.setTimeout(
      () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
      ms,
    );
    return controller.signal;
  });
  replaceChance(replace, time, seed);
  replace(globalThis, 'fetch', fetch);
  syncBuiltinESMExports();

  return {
    turn: () => new Promise((resolve) => realImmediate(resolve)),
    restore() {
      for (const one of undo.reverse()) one();
      syncBuiltinESMExports();
    },
  };
}

/** Replaces randomness. The draws of a process depend on its name and on the number of its draws. */
function replaceChance(
  replace: (target: object, name: string, value: unknown) => void,
  time: VirtualTime,
  seed: number,
): void {
  const counts = new Map<string, number>();
  const word = (): number => {
    const name = time.current()?.name ?? '';
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return mix(seed, `chance ${name} ${count}`);
  };
  const fill = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i += 4) {
      const drawn = word();
      for (let j = i; j < Math.min(i + 4, bytes.length); j++) bytes[j] = drawn >>> (8 * (j - i));
    }
  };
  const randomBytes = (length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    fill(bytes);
    return bytes;
  };
  const randomUUID = (): string =>
    randomBytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const getRandomValues = <T extends ArrayBufferView>(view: T): T => {
    fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    return view;
  };
  replace(Math, 'random', () => word() / 2 ** 32);
  const crypto = require('node:crypto') as typeof nodeCrypto;
  replace(crypto, 'randomBytes', randomBytes);
  replace(crypto, 'randomUUID', randomUUID);
  replace(globalThis.crypto, 'getRandomValues', getRandomValues);
  replace(globalThis.crypto, 'randomUUID', randomUUID);
}

/** As Node's handles, as far as they are used: they can be cleared, and keep nothing alive. */
interface Handle {
  planned: Planned | undefined;
  ref(): Handle;
  unref(): Handle;
  hasRef(): boolean;
  refresh(): Handle;
  [Symbol.dispose](): void;
}

function createHandle(restart: () => Planned): Handle {
  const handle: Handle = {
    planned: undefined,
    ref: () => handle,
    unref: () => handle,
    hasRef: () => false,
    refresh() {
      handle.planned?.cancel();
      handle.planned = restart();
      return handle;
    },
    [Symbol.dispose]: () => handle.planned?.cancel(),
  };
  handle.planned = restart();
  return handle;
}

type Callback = (...args: unknown[]) => void;

function createTimers(time: VirtualTime, seed: number) {
  let turns = 0;
  /** A process whose disk or processor is slow comes back late. */
  const lateness = (owner: Owner | undefined): number => {
    if (owner === undefined || owner.slowMs === 0) return 0;
    return (mix(seed, `late ${owner.name} ${turns++}`) / 2 ** 32) * owner.slowMs;
  };
  const clear = (handle?: Handle): void => {
    handle?.planned?.cancel();
    if (handle) handle.planned = undefined;
  };
  return {
    setTimeout: (run: Callback, ms = 1, ...args: unknown[]): Handle =>
      createHandle(() => time.plan(Math.max(1, ms), () => run(...args))),
    setInterval(run: Callback, ms = 1, ...args: unknown[]): Handle {
      const beat = (): Planned =>
        time.plan(Math.max(1, ms), () => {
          handle.planned = beat();
          run(...args);
        });
      const handle = createHandle(beat);
      return handle;
    },
    setImmediate: (run: Callback, ...args: unknown[]): Handle =>
      createHandle(() => time.plan(lateness(time.current()), () => run(...args))),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  };
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

function createPromised(timers: ReturnType<typeof createTimers>) {
  const wait = <T>(begin: (done: () => void) => Handle, value: T, signal: AbortSignal | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const fail = () => {
        timers.clearTimeout(handle);
        reject(new DOMException('The operation was aborted', 'AbortError'));
      };
      if (signal?.aborted) return void reject(new DOMException('The operation was aborted', 'AbortError'));
      const handle = begin(() => {
        signal?.removeEventListener('abort', fail);
        resolve(value);
      });
      signal?.addEventListener('abort', fail, { once: true });
    });
  return {
    setTimeout: <T>(ms: number, value: T, { signal }: WaitOptions = {}) =>
      wait((done) => timers.setTimeout(done, ms), value, signal),
    setImmediate: <T>(value: T, { signal }: WaitOptions = {}) =>
      wait((done) => timers.setImmediate(done), value, signal),
  };
}
