import { type ChildProcess, fork } from 'node:child_process';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { EngineError } from '../interface/engine-error.ts';
import type { UpstreamRows } from '../interface/segment.ts';
import type { TextGenerationEvent, TextGenerationRequest } from '../interface/text.ts';
import { pickEnvironment } from './child-environment.ts';
import type { ChildContract, FromChild, ToChild } from './child-messages.ts';
import { unpackEvents } from './packed-events.ts';
import { fromPlainError, toPlainError } from './plain-error.ts';
import { createRequestPort } from './request-port.ts';
import { askUpstream, type UpstreamAnswer, type UpstreamQuestion } from './upstream-port.ts';

export type SupervisorEvent =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'crashed'; readonly detail: string; readonly restartInMs: number | undefined };

export interface SupervisorOptions<C extends ChildContract> {
  readonly child: ChildModule;
  readonly load: C['load'];
  /** Variables that the child's back end needs. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Returns the load of a restarted child, from the report of the child before it. Default: the same. */
  readonly reload?: (load: C['load'], info: C['info']) => C['load'];
  readonly onEvent?: ((event: SupervisorEvent) => void) | undefined;
  /** Segments that the child's passes run through before its own. */
  readonly before?: UpstreamRows;
}

/** The module that runs as the engine's child: it calls `serveParent` (child-loop.ts). */
export interface ChildModule {
  readonly path: string;
  readonly arguments?: readonly string[];
}

/** Keeps one engine child alive and carries requests to it. */
export interface Supervisor<C extends ChildContract> {
  info(): C['info'];
  generate(request: TextGenerationRequest, signal?: AbortSignal): AsyncIterable<TextGenerationEvent>;
  call<K extends keyof C['results'] & string>(
    call: Extract<C['call'], { kind: K }>,
    signal?: AbortSignal,
  ): Promise<C['results'][K]>;
  close(): Promise<void>;
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

const RESTART = { firstMs: 100, longestMs: 10_000 };
/** After a child has lived this long, the back-off starts from its first pause again. */
const STABLE_MS = 60_000;
const MAX_FAILED_LOADS = 5;
const CLOSE_GRACE_MS = 3_000;
const STDERR_TAIL = 16_384;

/** Starts the child and resolves once the model is loaded. @throws EngineError if it cannot be. */
export async function createSupervisor<C extends ChildContract>(options: SupervisorOptions<C>): Promise<Supervisor<C>> {
  const port = createRequestPort();
  let child: ChildProcess | undefined;
  let { load } = options;
  let info: C['info'] | undefined;
  let ready = Promise.withResolvers<void>();
  let closed = false;
  /** Why there will be no further restart. */
  let fatal: EngineError | undefined;
  /** Crashes in a row, none of them after a long life. */
  let crashes = 0;
  let failedLoads = 0;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const startedAt = Date.now();
    let stderr = '';
    let loadError: EngineError | undefined;
    const current = fork(options.child.path, options.child.arguments ?? [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: pickEnvironment(options.environment),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child = current;
    current.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_TAIL);
    });
    const receive = (message: FromChild<C>): void => {
      if (message.kind === 'ready') {
        info = message.info;
        load = options.reload?.(load, message.info) ?? load;
        failedLoads = 0;
        options.onEvent?.({ kind: 'ready', pid: current.pid ?? 0 });
        ready.resolve();
      } else if (message.kind === 'load-failed') {
        loadError = fromPlainError(message.error);
        current.kill('SIGKILL');
      } else if (message.kind === 'ask') {
        void answer(message.question).then((answer) => post(current, { kind: 'answer', id: message.id, answer }));
      } else port.receive(message.kind === 'packed' ? unpackEvents(message) : message);
    };
    current.on('message', (message: FromChild<C>) => {
      try {
        receive(message);
      } catch (error) {
        // The child runs native code on strangers' files, which may take it over.
        stderr += `\na message of the engine is not of its form: ${(error as Error).message}`;
        current.kill('SIGKILL');
      }
    });
    // 'close' comes after the streams have ended, so all of stderr has been read.
    current.once('error', (error) => {
      stderr += error.message;
    });
    current.once('close', (code, signal) => {
      if (child === current) child = undefined;
      onExit({ how: signal ?? `exit code ${code}`, livedMs: Date.now() - startedAt, stderr: stderr.trim(), loadError });
    });
    post(current, { kind: 'load', options: load });
  };

  const onExit = (exit: { how: string; livedMs: number; stderr: string; loadError: EngineError | undefined }) => {
    const detail = `the engine process ended (${exit.how})${exit.stderr === '' ? '' : `: ${findReason(exit.stderr)}`}`;
    const error =
      exit.loadError ??
      new EngineError('engine-crashed', `${detail}; it is being restarted, try again`, { retryable: true });
    port.failAll(error);
    if (closed) return;
    const wasReady = info !== undefined;
    failedLoads++;
    // Files that are no longer those that were hashed do not mend themselves.
    if (!wasReady || failedLoads > MAX_FAILED_LOADS || exit.loadError?.code === 'model-corrupt') {
      closed = true;
      options.onEvent?.({ kind: 'crashed', detail, restartInMs: undefined });
      fatal =
        exit.loadError ??
        new EngineError(
          'engine-crashed',
          `${detail} while loading ${options.load.modelPath}; it is not restarted again`,
        );
      ready.reject(fatal);
      return;
    }
    if (exit.livedMs > STABLE_MS) crashes = 0;
    const restartInMs = computeBackoff(RESTART, { failures: crashes++ });
    options.onEvent?.({ kind: 'crashed', detail, restartInMs });
    ready = Promise.withResolvers();
    // The last restart may fail while no caller waits.
    ready.promise.catch(() => undefined);
    timer = setTimeout(start, restartInMs);
  };

  const post = (target: ChildProcess, message: ToChild<C>) => {
    if (target.connected) target.send(message, () => undefined);
  };

  const answer = async (question: UpstreamQuestion): Promise<UpstreamAnswer> => {
    try {
      if (options.before === undefined) throw new EngineError('engine-closed', 'there are no segments before this one');
      return { rows: await askUpstream(options.before, question) };
    } catch (error) {
      return { error: toPlainError(error) };
    }
  };

  /** Waits for a living child; a request made during a restart is served by the next one. */
  const whenReady = async (): Promise<ChildProcess> => {
    if (!closed) await ready.promise;
    if (closed || child === undefined) throw fatal ?? new EngineError('engine-closed', 'the engine is closed');
    return child;
  };

  const cancellation = (target: ChildProcess, signal: AbortSignal | undefined) => ({
    signal,
    cancel: (id: number) => post(target, { kind: 'cancel', id }),
  });

  ready.promise.catch(() => undefined);
  start();
  await ready.promise;

  return {
    info() {
      if (info === undefined) throw fatal ?? new EngineError('engine-closed', 'the engine is closed');
      return info;
    },
    generate(request, signal) {
      return port.stream(async () => {
        const target = await whenReady();
        return {
          post: (id) => post(target, { kind: 'generate', id, request }),
          cancel: (id) => post(target, { kind: 'cancel', id }),
        };
      }, signal);
    },
    async call(call, signal) {
      const target = await whenReady();
      return (await port.call((id) => post(target, { kind: 'call', id, call }), cancellation(target, signal))) as never;
    },
    async close() {
      if (closed && child === undefined) return;
      closed = true;
      clearTimeout(timer);
      const current = child;
      port.failAll(new EngineError('engine-closed', 'the engine was closed'));
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

/** A line of a native back trace, such as `libggml.so(+0x1c8eb)[0x7f67e4b828eb]`. */
const FRAME = /\[0x[0-9a-f]+\]$/;
/** Form of ggml's message before the back trace. */
const NATIVE_ERROR = /^[A-Z][A-Za-z]* error: /;

function findReason(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => !FRAME.test(line));
  return lines.find((line) => NATIVE_ERROR.test(line)) ?? lines.at(-1) ?? '';
}
