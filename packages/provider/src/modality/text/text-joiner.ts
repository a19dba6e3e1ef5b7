import { monotonicClock } from '@ogong/host/time/clock';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';

/**
 * Each message of a stream is sealed, framed, opened, hashed and written as an event by those on its way. So texts that follow each other
 * faster than anybody reads share one (docs/spec/progress.md).
 */
export interface TextJoiner<T> {
  /** Resolves when another text may come. @throws what `send` throws */
  add(text: string, tokens: readonly T[]): Promise<void>;
  /** Sends what waits. Resolves once all that was added has been taken. @throws what `send` throws */
  flush(): Promise<void>;
}

export interface TextJoinerOptions {
  /** Somebody is shown the text as it comes. */
  readonly isShown: boolean;
}

interface Pace {
  /** The first texts never wait: the caller is waiting for them, and the time to the first one is measured. */
  readonly first: number;
  /** Time between two messages. */
  readonly gatherMs: number;
  /** Texts of a message. */
  readonly most: number;
}

/** A gateway writes as often to its client's socket, so that its events come no later. */
const SHOWN: Pace = { first: 4, gatherMs: 20, most: 16 };
/** A sign of life is enough. */
const WHOLE: Pace = { first: 1, gatherMs: 250, most: 64 };

/** @param send resolves when the reader has taken it. Called one message at a time. */
export function createTextJoiner<T>(
  send: (text: string, tokens: T[]) => Promise<unknown>,
  { isShown }: TextJoinerOptions,
): TextJoiner<T> {
  const { first, gatherMs, most } = isShown ? SHOWN : WHOLE;
  let [text, textBytes, count, added] = ['', 0, 0, 0];
  let tokens: T[] = [];
  let sentAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  let sending: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const isFull = (): boolean => count >= most || textBytes >= PROGRESS_STEP_BYTES;

  function sendNow(): void {
    clearTimeout(timer);
    clearImmediate(turn);
    timer = turn = undefined;
    const sent = send(text, tokens);
    [text, textBytes, count, tokens, sentAtMs] = ['', 0, 0, [], monotonicClock.nowMs()];
    sending = sent.then(taken, (error: unknown) => {
      failure ??= { error };
      taken();
    });
  }

  function taken(): void {
    sending = undefined;
    sendInTime();
  }

  /** Texts that arrived while the message before was on its way leave together. */
  function sendInTime(): void {
    if (count === 0 || sending !== undefined) return;
    const leftMs = sentAtMs + gatherMs - monotonicClock.nowMs();
    if (added <= first || isFull()) sendNow();
    else if (timer === undefined && leftMs > 0) timer = setTimeout(sendNow, leftMs);
    // An engine sends several tokens in one turn.
    else if (timer === undefined) turn ??= setImmediate(sendNow);
  }

  function assertSent(): void {
    if (failure !== undefined) throw failure.error;
  }

  return {
    async add(more, moreTokens) {
      text += more;
      textBytes += Buffer.byteLength(more);
      count++;
      added++;
      tokens.push(...moreTokens);
      sendInTime();
      while (isFull() && sending !== undefined) await sending;
      assertSent();
    },
    async flush() {
      while (count > 0 || sending !== undefined) {
        if (sending === undefined) sendNow();
        await sending;
      }
      assertSent();
    },
  };
}
