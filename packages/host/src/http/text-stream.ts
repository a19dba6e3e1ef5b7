import { monotonicClock } from '../time/clock.ts';
import { type ApiContext, getCallSignal } from './api-app.ts';
import { createBodySink, createResponseSink, type TextSink } from './text-sink.ts';

export interface TextStreamOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Sent after a silence of this length, so that neither proxies nor clients give up. */
  readonly heartbeat?: { readonly text: string; readonly intervalMs: number };
  /** The last text of a stream that fails after it has begun. */
  readonly formatFailure: (error: unknown) => string;
}

/** A write to a socket costs a system call. Texts that follow each other faster than this share one: users do not see the difference. */
const GATHER_MS = 20;
/** A text after such a silence waits only for the others of its turn. Its producer gathers by itself, or is as slow as that. */
const SILENCE_MS = 15;
/** The first texts of a stream never wait: the user is waiting for them. */
const FIRST_TEXTS = 4;
/** Longer texts never wait. */
const MAX_GATHERED = 16 * 1024;

/**
 * Sends a text. @returns a promise if the client has yet to take an earlier one. @throws if it is gone or the server stops; the
 * promise then rejects.
 */
export type WriteText = (text: string) => Promise<void> | undefined;

/**
 * Answers with text as it is written. The response starts with the first text, so a failure before that still has its own status. A later
 * failure ends the stream.
 * @throws errors of `produce` before its first text.
 */
export function streamText(
  context: ApiContext,
  produce: (write: WriteText) => Promise<void>,
  { headers, heartbeat, formatFailure }: TextStreamOptions,
): Promise<Response> {
  const waiting = createWaiting(getCallSignal(context));
  const response = Promise.withResolvers<Response>();
  let sink: TextSink | undefined;
  const gather = createGathering((text) => {
    timer?.refresh();
    return sink?.write(text);
  });

  /** @returns a promise if the reader has yet to take an earlier text. */
  function send(text: string): Promise<void> | undefined {
    if (sink === undefined) {
      sink = openSink(context);
      response.resolve(context.body(sink.body, 200, { ...headers, ...sendAtOnce(context) }));
    }
    return gather.add(text);
  }

  const timer =
    heartbeat &&
    setInterval(() => {
      // Send nothing while the client has not taken the text before.
      if (!gather.isHeld()) send(heartbeat.text);
    }, heartbeat.intervalMs);

  const write: WriteText = (text) => {
    waiting.assertOpen();
    const written = send(text);
    return written && waiting.unlessAborted(written);
  };

  async function run(): Promise<void> {
    try {
      await produce(write);
    } catch (error) {
      if (sink === undefined) response.reject(error);
      else send(formatFailure(error));
    } finally {
      clearInterval(timer);
      waiting.end();
      gather.flush();
      sink?.end();
    }
  }

  const work = run();
  context.env.waitUntil?.(work);
  return response.promise;
}

/**
 * Texts that come close together become one. So do those of one turn of the event loop, which a producer often receives together.
 * @param write returns a promise if the reader has yet to take it.
 */
function createGathering(write: (text: string) => Promise<void> | undefined) {
  let [gathered, count, wroteAtMs, cameAtMs] = ['', 0, 0, 0];
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  let written: Promise<void> | undefined;

  function flush(): void {
    clearTimeout(timer);
    clearImmediate(turn);
    timer = turn = undefined;
    if (gathered === '') return;
    const writing = write(gathered);
    written = writing;
    writing?.then(() => {
      if (written === writing) written = undefined;
    });
    [gathered, wroteAtMs] = ['', monotonicClock.nowMs()];
  }

  function flushInTime(): void {
    const nowMs = monotonicClock.nowMs();
    const leftMs = nowMs - cameAtMs >= SILENCE_MS ? 0 : wroteAtMs + GATHER_MS - nowMs;
    cameAtMs = nowMs;
    if (count <= FIRST_TEXTS || gathered.length >= MAX_GATHERED) flush();
    else if (timer === undefined && turn === undefined && leftMs > 0) timer = setTimeout(flush, leftMs);
    else if (timer === undefined) turn ??= setImmediate(flush);
  }

  return {
    flush,
    /** Whether the reader has yet to take a text. */
    isHeld: () => written !== undefined,
    /** @returns a promise if the reader has yet to take an earlier text. Another text may come when it resolves. */
    add(text: string): Promise<void> | undefined {
      gathered += text;
      count++;
      flushInTime();
      return written;
    },
  };
}

const openSink = ({ env }: ApiContext): TextSink =>
  env.outgoing !== undefined && env.incoming?.httpVersion === '1.1'
    ? createResponseSink(env.outgoing)
    : createBodySink();

/**
 * Without this header the server holds the first texts back for a turn of the timers. It hopes that the response ends soon and can have a
 * length. A client of HTTP/1.0 does not know the header.
 */
function sendAtOnce({ env }: ApiContext): Readonly<Record<string, string>> {
  return env.incoming?.httpVersion === '1.1' ? { 'transfer-encoding': 'chunked' } : {};
}

/** Writers that wait for the reader. One listener serves all of a stream's texts: one for each would cost more than the write. */
function createWaiting(signal: AbortSignal) {
  const rejects = new Set<(reason: unknown) => void>();
  // A signal that follows others answers slowly.
  let { aborted } = signal;
  const onAbort = (): void => {
    aborted = true;
    for (const reject of rejects) reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    /** @throws the reason of the abort. */
    assertOpen(): void {
      if (aborted) signal.throwIfAborted();
    },
    unlessAborted(work: Promise<void>): Promise<void> {
      return new Promise((resolve, reject) => {
        rejects.add(reject);
        work.then(() => {
          rejects.delete(reject);
          resolve();
        });
      });
    },
    end: () => signal.removeEventListener('abort', onAbort),
  };
}
