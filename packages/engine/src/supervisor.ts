import { type ChildProcess, fork } from 'node:child_process';
import type { CallRequest, CallResults, FromChild, LoadOptions, PlainError, ToChild } from './child-messages.ts';
import { EngineError, type EngineInfo, type GenerateEvent, type GenerateRequest } from './engine.ts';

export type SupervisorEvent =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'crashed'; readonly detail: string; readonly restartInMs: number | undefined };

export interface SupervisorOptions {
  readonly load: LoadOptions;
  readonly onEvent?: ((event: SupervisorEvent) => void) | undefined;
  /** The child's module; another one in tests. */
  readonly modulePath?: string;
}

/** Keeps one engine child alive and carries requests to it. */
export interface Supervisor {
  info(): EngineInfo;
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  call<K extends CallRequest['kind']>(
    call: Extract<CallRequest, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<CallResults[K]>;
  close(): Promise<void>;
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

interface Pending {
  onEvent(event: GenerateEvent): void;
  onResult(value: unknown): void;
  onError(error: EngineError): void;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** A child that lived this long has earned a fresh backoff. */
const STABLE_MS = 60_000;
const MAX_FAILED_LOADS = 5;
const CLOSE_GRACE_MS = 3_000;
const STDERR_TAIL = 4_096;

const fromPlain = ({ code, message, retryable }: PlainError): EngineError =>
  new EngineError(code, message, { retryable });

/** Starts the child and resolves once the model is loaded. @throws EngineError where it cannot be. */
export async function createSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const modulePath = options.modulePath ?? new URL('./child.ts', import.meta.url).pathname;
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let child: ChildProcess | undefined;
  let info: EngineInfo | undefined;
  let ready = Promise.withResolvers<void>();
  let closed = false;
  let backoffMs = FIRST_BACKOFF_MS;
  let failedLoads = 0;
  let timer: NodeJS.Timeout | undefined;

  const settle = (id: number): Pending | undefined => {
    const entry = pending.get(id);
    pending.delete(id);
    return entry;
  };

  const start = () => {
    const startedAt = Date.now();
    let stderr = '';
    let loadError: EngineError | undefined;
    const current = fork(modulePath, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child = current;
    current.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_TAIL);
    });
    current.on('message', (message: FromChild) => {
      if (message.kind === 'ready') {
        info = message.info;
        failedLoads = 0;
        options.onEvent?.({ kind: 'ready', pid: current.pid ?? 0 });
        ready.resolve();
      } else if (message.kind === 'load-failed') {
        loadError = fromPlain(message.error);
        current.kill('SIGKILL');
      } else if (message.kind === 'events') {
        for (const [id, event] of message.events) {
          const entry = event.kind === 'end' ? settle(id) : pending.get(id);
          entry?.onEvent(event);
        }
      } else if (message.kind === 'result') settle(message.id)?.onResult(message.value);
      else settle(message.id)?.onError(fromPlain(message.error));
    });
    // 'close' comes after the streams ended, so the last words on stderr are in.
    current.once('error', (error) => {
      stderr += error.message;
    });
    current.once('close', (code, signal) => {
      if (child === current) child = undefined;
      onExit({ how: signal ?? `exit code ${code}`, livedMs: Date.now() - startedAt, stderr: stderr.trim(), loadError });
    });
    post(current, { kind: 'load', options: options.load });
  };

  const onExit = (exit: { how: string; livedMs: number; stderr: string; loadError: EngineError | undefined }) => {
    const detail = `the engine process ended (${exit.how})${exit.stderr === '' ? '' : `: ${exit.stderr.split('\n').at(-1)}`}`;
    const error =
      exit.loadError ??
      new EngineError('engine-crashed', `${detail}; it is being restarted, try again`, { retryable: true });
    for (const id of [...pending.keys()]) settle(id)?.onError(error);
    if (closed) return;
    const wasReady = info !== undefined;
    failedLoads++;
    if (!wasReady || failedLoads > MAX_FAILED_LOADS) {
      closed = true;
      options.onEvent?.({ kind: 'crashed', detail, restartInMs: undefined });
      ready.reject(
        exit.loadError ??
          new EngineError('engine-crashed', `${detail} while loading ${options.load.modelPath}`, { retryable: false }),
      );
      return;
    }
    if (exit.livedMs > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
    options.onEvent?.({ kind: 'crashed', detail, restartInMs: backoffMs });
    ready = Promise.withResolvers();
    // Nobody may be waiting when the last restart fails.
    ready.promise.catch(() => undefined);
    timer = setTimeout(start, backoffMs);
    backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
  };

  const post = (target: ChildProcess, message: ToChild) => {
    if (target.connected) target.send(message, () => undefined);
  };

  /** Waits for a living child; a request made during a restart is served by the next one. */
  const whenReady = async (): Promise<ChildProcess> => {
    if (!closed) await ready.promise;
    if (closed || child === undefined) throw new EngineError('engine-closed', 'the engine is closed');
    return child;
  };

  ready.promise.catch(() => undefined);
  start();
  await ready.promise;

  const generate = async function* (request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled before it began');
    const target = await whenReady();
    const id = nextId++;
    const queue: GenerateEvent[] = [];
    let failure: EngineError | undefined;
    let ended = false;
    let wake: (() => void) | undefined;
    const notify = () => {
      wake?.();
      wake = undefined;
    };
    pending.set(id, {
      onEvent(event) {
        queue.push(event);
        notify();
      },
      onResult: () => undefined,
      onError(error) {
        failure = error;
        notify();
      },
    });
    const cancel = () => post(target, { kind: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    post(target, { kind: 'generate', id, request });
    try {
      while (!ended) {
        const event = queue.shift();
        if (event !== undefined) {
          ended = event.kind === 'end';
          yield event;
        } else if (failure !== undefined) throw failure;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      // The consumer may leave early: nobody is listening, so the slot goes back.
      if (pending.delete(id)) cancel();
    }
  };

  return {
    info() {
      if (info === undefined) throw new EngineError('engine-closed', 'the engine is closed');
      return info;
    },
    generate,
    async call(call, signal) {
      if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled before it began');
      const target = await whenReady();
      const id = nextId++;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      pending.set(id, { onEvent: () => undefined, onResult: resolve, onError: reject });
      const cancel = () => post(target, { kind: 'cancel', id });
      signal?.addEventListener('abort', cancel, { once: true });
      post(target, { kind: 'call', id, call });
      try {
        return (await promise) as never;
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
    },
    async close() {
      if (closed && child === undefined) return;
      closed = true;
      clearTimeout(timer);
      const current = child;
      for (const id of [...pending.keys()])
        settle(id)?.onError(new EngineError('engine-closed', 'the engine was closed'));
      ready.resolve();
      if (current === undefined) return;
      const gone = new Promise<void>((resolve) => current.once('close', () => resolve()));
      post(current, { kind: 'close' });
      const killer = setTimeout(() => current.kill('SIGKILL'), CLOSE_GRACE_MS);
      await gone;
      clearTimeout(killer);
    },
    pid: () => child?.pid,
  };
}
