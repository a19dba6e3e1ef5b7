import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { NO_BEGINNING, openBeginning, type SignedProgress, signProgress } from '@ogong/protocol/exchange/progress';

/** The progress that the gateway signs for one reply while it arrives (docs/spec/progress.md). */
export interface ReplyProgress {
  /** Adds text. Signs progress for all of it after each step, without waiting. */
  add(text: string): void;
  /** The same for a text that this gateway does not see, by the client's report. A report that is no newer is ignored. */
  know(said: { readonly textBytes: number; readonly textHash: Uint8Array }): void;
  /** Tells the provider that the client has left, so that it stops and bills only this part. Never fails. */
  leave(): Promise<void>;
  /** The reply is over: no more progress is sent. */
  end(): void;
  /** Whether the provider may not know that its reply is taken, or learned it too late, so that it sent no more. */
  isTakeLost(): boolean;
  /** The newest signed progress. */
  latest(): SignedProgress | undefined;
  /** The newest signed progress that the provider accepted. */
  heard(): SignedProgress | undefined;
  /** Whether the provider refused a signed progress. The client may have reported a false hash, and then no later one is true. */
  isDoubted(): boolean;
}

export interface ReplyProgressInput {
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly orderHash: Uint8Array;
  /** The payer may leave the reply untaken, so its first part is confirmed at once. Default: every order is paid. */
  readonly isStandby?: boolean | undefined;
  /** Blind of the answer. Default: the text is not seen here, and the client reports its hash. */
  readonly blind?: Uint8Array;
  /** Sends progress to the provider. @throws LinkError */
  readonly send: (signed: SignedProgress) => Promise<unknown>;
  readonly onError?: (error: unknown) => void;
  /** Waits between two attempts. Default: by the clock. @throws if the signal is aborted */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A provider that is still reading the order does not know the reply yet. */
const LEAVE_TRIES = 4;
const PAUSE_MS = 150;
/** Attempts within about 5 s, for which a provider keeps an untaken reply. */
const TAKE_TRIES = 7;
const TAKE_PAUSE = { firstMs: 150, longestMs: 1_200 };

export function createReplyProgress({
  payer,
  ledger,
  orderHash,
  blind,
  isStandby = false,
  send: sendOnce,
  onError = () => {},
  pause = (ms, signal) => delay(ms, undefined, { signal }),
}: ReplyProgressInput): ReplyProgress {
  const hash = createHash('sha256');
  if (blind) hash.update(openBeginning(blind));
  let hashText = (): Uint8Array => (textBytes === 0 ? NO_BEGINNING : new Uint8Array(hash.copy().digest()));
  let textBytes = 0;
  let signedBytes = 0;
  let latest: SignedProgress | undefined;
  let heard: { readonly word: SignedProgress; readonly number: number } | undefined;
  let saidCount = 0;
  let isDoubted = false;
  let leaving: Promise<void> | undefined;
  /** The progress that takes the reply is on its way; the provider has not answered it. */
  let taking: AbortController | undefined;

  function sign(hasLeft: boolean): SignedProgress {
    const textHash = hashText();
    signedBytes = textBytes;
    latest = signProgress(crypto, payer, { ledger, orderHash, textBytes, textHash, hasLeft });
    return latest;
  }

  async function send(word: SignedProgress): Promise<void> {
    const number = ++saidCount;
    try {
      await sendOnce(word);
      // Several messages may be on their way at once.
      if (number > (heard?.number ?? 0)) heard = { word, number };
    } catch (error) {
      isDoubted ||= error instanceof LinkError && error.refusal === 'invalid';
      throw error;
    }
  }

  const mayKnowLater = (error: unknown): boolean =>
    error instanceof LinkError && (error.refusal === 'not-found' || error.retryable);

  /** Never fails. */
  async function sendLeft(word: SignedProgress): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await send(word);
        return;
      } catch (error) {
        if (!mayKnowLater(error) || tries === LEAVE_TRIES) return onError(error);
      }
      await delay(PAUSE_MS);
    }
  }

  /** Resends the progress that takes the reply until the provider has received it, or sends more text. Never fails. */
  async function take(word: SignedProgress): Promise<void> {
    taking = new AbortController();
    const { signal } = taking;
    for (let tries = 1; ; tries++) {
      try {
        await send(word);
        return endTake();
      } catch (error) {
        if (signal.aborted) return;
        if (!mayKnowLater(error) || tries === TAKE_TRIES) {
          // A provider that refuses it has received it. A provider that received it too late has stopped waiting for it.
          const isHeard = error instanceof LinkError && error.code === 'remote' && !mayKnowLater(error);
          if (isHeard && error.refusal !== 'conflict') endTake();
          return onError(error);
        }
      }
      await pause(computeBackoff(TAKE_PAUSE, { failures: tries - 1 }), signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  function endTake(): void {
    taking?.abort();
    taking = undefined;
  }

  function sendStep(): void {
    // A standby provider sends no more before its reply is taken.
    if (isStandby && signedBytes === 0 && textBytes > 0) return void take(sign(false));
    if (textBytes - signedBytes >= PROGRESS_STEP_BYTES) send(sign(false)).catch(onError);
  }

  return {
    add(text) {
      // No progress follows the last one.
      if (leaving) return;
      endTake();
      textBytes += Buffer.byteLength(text);
      hash.update(text);
      sendStep();
    },
    know(said) {
      if (leaving || said.textBytes <= textBytes) return;
      endTake();
      textBytes = said.textBytes;
      hashText = () => said.textHash;
      sendStep();
    },
    leave() {
      // The last statement covers at least as much as the one that is under way.
      taking?.abort();
      leaving ??= sendLeft(sign(true));
      return leaving;
    },
    end: () => taking?.abort(),
    isTakeLost: () => taking !== undefined,
    latest: () => latest,
    heard: () => heard?.word,
    isDoubted: () => isDoubted,
  };
}
