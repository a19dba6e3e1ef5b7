import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
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
  /** The last word that was said. */
  latest(): SignedProgress | undefined;
}

export interface ReplyProgressInput {
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly orderHash: Uint8Array;
  /** Of the answer. Default: the text is not seen here, and its hash is told. */
  readonly blind?: Uint8Array;
  /** To the provider. @throws LinkError */
  readonly send: (signed: SignedProgress) => Promise<unknown>;
  readonly onError?: (error: unknown) => void;
}

/** A provider that is still reading the order does not know the reply yet. */
const LEAVE_TRIES = 4;
const PAUSE_MS = 150;

export function createReplyProgress({
  payer,
  ledger,
  orderHash,
  blind,
  send,
  onError = () => {},
}: ReplyProgressInput): ReplyProgress {
  const hash = createHash('sha256');
  if (blind) hash.update(openBeginning(blind));
  let hashText = (): Uint8Array => (textBytes === 0 ? NO_BEGINNING : new Uint8Array(hash.copy().digest()));
  let textBytes = 0;
  let signedBytes = 0;
  let latest: SignedProgress | undefined;
  let leaving: Promise<void> | undefined;

  function sign(hasLeft: boolean): SignedProgress {
    const textHash = hashText();
    signedBytes = textBytes;
    latest = signProgress(crypto, payer, { ledger, orderHash, textBytes, textHash, hasLeft });
    return latest;
  }

  async function sendLast(last: SignedProgress): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await send(last);
        return;
      } catch (error) {
        const isUnknown = error instanceof LinkError && (error.refusal === 'not-found' || error.retryable);
        if (!isUnknown || tries === LEAVE_TRIES) return onError(error);
      }
      await delay(PAUSE_MS);
    }
  }

  function sendStep(): void {
    if (textBytes - signedBytes >= PROGRESS_STEP_BYTES) send(sign(false)).catch(onError);
  }

  return {
    add(text) {
      // Nothing follows the last word.
      if (leaving) return;
      textBytes += Buffer.byteLength(text);
      hash.update(text);
      sendStep();
    },
    know(said) {
      if (leaving || said.textBytes <= textBytes) return;
      textBytes = said.textBytes;
      hashText = () => said.textHash;
      sendStep();
    },
    leave() {
      leaving ??= sendLast(sign(true));
      return leaving;
    },
    latest: () => latest,
  };
}
