import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { NO_BEGINNING, openBeginning, type SignedProgress, signProgress } from '@ogong/protocol/exchange/progress';

/** What the gateway says about one reply while it comes (docs/spec/progress.md). */
export interface ReplyProgress {
  /** More text is here. Signs for all of it each time that it is a step more; nobody waits for it. */
  add(text: string): void;
  /** The same for whoever is told of the text and does not see it. What is no more than was known says nothing. */
  know(said: { readonly textBytes: number; readonly textHash: Uint8Array }): void;
  /** Says that nothing more is wanted, so that the provider stops and bills what there is. Never fails. */
  leave(): Promise<void>;
  /** The reply is over: nothing is said again. */
  end(): void;
  /** Whether the provider may not know that the reply is taken, or heard so too late, so that it sent no more of it. */
  isTakeLost(): boolean;
  /** The last word that was said. */
  latest(): SignedProgress | undefined;
  /** The newest word that the provider took. */
  heard(): SignedProgress | undefined;
  /** Whether the provider refused a word: whoever told of the text may have told what is not so, and then nothing true follows. */
  isDoubted(): boolean;
}

export interface ReplyProgressInput {
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly orderHash: Uint8Array;
  /** The payer may leave the reply untaken, so that its first part is said at once. Default: what is ordered is paid for. */
  readonly isStandby?: boolean | undefined;
  /** Of the answer. Default: the text is not seen here, and its hash is told. */
  readonly blind?: Uint8Array;
  /** To the provider. @throws LinkError */
  readonly send: (signed: SignedProgress) => Promise<unknown>;
  readonly onError?: (error: unknown) => void;
  /** Between two tries. Default: by the clock. @throws where the signal is aborted */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A provider that is still reading the order does not know the reply yet. */
const LEAVE_TRIES = 4;
const PAUSE_MS = 150;
/** As long as a provider keeps a reply that is not taken, about 5 s. */
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
  /** The word by which the reply is taken is under way; nobody has answered it. */
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
      // Words are under way side by side.
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

  /** Says so until the provider has heard it, or sends more, which says as much. Never fails. */
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
          // Who refuses it has heard it; one for which it came too late has stopped for want of it.
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
    // The provider sends no more before it is taken.
    if (isStandby && signedBytes === 0 && textBytes > 0) return void take(sign(false));
    if (textBytes - signedBytes >= PROGRESS_STEP_BYTES) send(sign(false)).catch(onError);
  }

  return {
    add(text) {
      // Nothing follows the last word.
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
      // Of what it has taken this says at least as much.
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
