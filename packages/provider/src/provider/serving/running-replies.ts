import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { concatBytes, equalBytes, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { isTaken, openProgress, type Progress, type SignedProgress } from '@ogong/protocol/exchange/progress';
import type { TakeOutcome } from '../orders/untaken-orders.ts';

/** The consumer's side of one reply that runs (docs/spec/progress.md). */
export interface RunningReply {
  /** Aborted once the payer has signed that it leaves and there is a token to bill: the text until then is committed. */
  readonly left: AbortSignal;
  /** Returns the payer's last signed progress, if there is one. */
  latest(): SignedProgress | undefined;
  /**
   * Aborted once the engine works for nobody. The payer may leave the reply untaken and has not taken it. There is a token, and
   * the caller is gone or the time to take it is over.
   */
  readonly unwanted: AbortSignal;
  /**
   * Returns the payer's act: it took the reply, it left, or it did neither within its time. Undefined if it had nothing to take,
   * or if its provider ended the reply before that time was over.
   */
  outcome(): TakeOutcome | undefined;
  /**
   * Resolves when the payer has taken the reply, wants no more, or lets its time to say so pass, or when the signal is aborted. It
   * resolves at once if the request names no standby price.
   */
  waitForTake(signal: AbortSignal): Promise<void>;
  /** Returns whether more was sent than the payer's signed progress pays for. Without a signed progress the answer is no. */
  isPastProgress(): boolean;
  /** Notes the first token. A payer that leaves before it would leave no reply behind. */
  begin(): void;
  /**
   * Notes that this text goes out. Resolves when the text may be sent: with it the payer's signed progress lacks one window at
   * most, or the payer wants no more. If the payer may leave the reply untaken, one part is sent ahead.
   * @param text of a step at most (PROGRESS_STEP_BYTES). A payer's signed progress may lack up to a step. So a text that needs
   * more room than the rest of a window might wait for ever.
   * @param signal ends the wait.
   * @returns false if it may not go out: nobody has taken the part before.
   */
  waitToSend(text: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Waits for the caller to read. An untaken reply waits no longer than its payer may think: a caller that reads nothing takes nothing.
   * @returns false if it was not read.
   */
  readInTime(send: () => Promise<boolean>): Promise<boolean>;
  end(): void;
}

export interface RunningReplies {
  open(order: NamedOrder, given: GivenReply): RunningReply;
  /** Accepts a payer's signed progress of one of them. @throws Refusal if it is none, or no news. */
  take(caller: PeerId, replyId: Uint8Array, signed: SignedProgress): void;
}

interface GivenReply {
  readonly consumer: PeerId;
  /** Blind of the answer (blinds.ts). */
  readonly blind: Uint8Array;
  /** Present if its payer may leave the reply untaken. Default: it may not. */
  readonly standby?:
    | {
        /** The caller reads no more. */
        readonly gone: AbortSignal;
        readonly onTaken: () => void;
      }
    | undefined;
}

interface Entry extends GivenReply {
  readonly order: NamedOrder;
  readonly unwanted: AbortController;
  /** Runs from the first part that was shown until it is taken. */
  timer: NodeJS.Timeout | undefined;
  /** The time to take it is over. */
  isLate: boolean;
  readonly left: AbortController;
  readonly parts: Uint8Array[];
  sentBytes: number;
  hasBegun: boolean;
  latest: { readonly signed: SignedProgress; readonly progress: Progress } | undefined;
  wake: () => void;
  /** Ends the wait for a caller that does not read. */
  giveUp: () => void;
}

/** Some round trips of the slowest link, and the time in which a gateway repeats its signed progress. */
const TAKE_WITHIN_MS = 5_000;

export function createRunningReplies({
  crypto,
  ledger,
  takeWithinMs = TAKE_WITHIN_MS,
}: {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** How long a payer may think about the first part. Default: 5,000. */
  readonly takeWithinMs?: number | undefined;
}): RunningReplies {
  const running = new Map<string, Entry>();

  function leaveIfOver({ left, hasBegun, latest }: Entry): void {
    if (hasBegun && latest?.progress.hasLeft) left.abort();
  }

  const isUntaken = ({ standby, latest }: Entry): boolean => standby !== undefined && !isTaken(latest?.progress);
  /** A part was sent, and is untaken. */
  const isShown = (entry: Entry): boolean => isUntaken(entry) && entry.sentBytes > 0;

  function stopIfUnwanted(entry: Entry): void {
    const { standby, hasBegun, isLate, unwanted } = entry;
    if (hasBegun && isUntaken(entry) && (isLate || standby?.gone.aborted)) unwanted.abort();
  }

  const beginTime = (entry: Entry): NodeJS.Timeout =>
    setTimeout(() => {
      if (!isUntaken(entry)) return;
      entry.isLate = true;
      stopIfUnwanted(entry);
      entry.wake();
      entry.giveUp();
    }, takeWithinMs).unref();

  return {
    open(order, given) {
      const name = toHex(order.replyId);
      const entry: Entry = {
        ...given,
        ...{ order, left: new AbortController(), unwanted: new AbortController(), parts: [], sentBytes: 0 },
        ...{ hasBegun: false, isLate: false, timer: undefined, latest: undefined },
        wake() {},
        giveUp() {},
      };
      running.set(name, entry);
      given.standby?.gone.addEventListener('abort', () => stopIfUnwanted(entry), { once: true });
      const saidBytes = (): number => entry.latest?.progress.textBytes ?? 0;
      const lacksProgress = (): boolean => entry.sentBytes > saidBytes() + PROGRESS_WINDOW_BYTES;
      const isAhead = (bytes: number): boolean =>
        isShown(entry) || entry.sentBytes + bytes > saidBytes() + PROGRESS_WINDOW_BYTES;
      async function waitWhile(isEarly: () => boolean, signal: AbortSignal): Promise<void> {
        while (isEarly() && !signal.aborted && !entry.isLate && !entry.latest?.progress.hasLeft) {
          await new Promise<void>((resolve) => {
            entry.wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
      }
      return {
        left: entry.left.signal,
        unwanted: entry.unwanted.signal,
        latest: () => entry.latest?.signed,
        begin() {
          entry.hasBegun = true;
          leaveIfOver(entry);
          stopIfUnwanted(entry);
        },
        async waitToSend(text, signal) {
          const bytes = utf8Encode(text);
          if (isAhead(bytes.length)) await waitWhile(() => isAhead(bytes.length), signal);
          if (isShown(entry)) return false;
          entry.parts.push(bytes);
          entry.sentBytes += bytes.length;
          if (isShown(entry) && entry.timer === undefined) entry.timer = beginTime(entry);
          return true;
        },
        outcome() {
          const progress = entry.latest?.progress;
          if (isTaken(progress)) return 'taken';
          if (progress?.hasLeft) return 'left';
          return entry.isLate || entry.standby?.gone.aborted ? 'silent' : undefined;
        },
        isPastProgress: () => saidBytes() > 0 && lacksProgress(),
        // A text without a byte is never taken.
        waitForTake: (signal) => waitWhile(() => isShown(entry), signal),
        async readInTime(send) {
          if (!isUntaken(entry)) return send();
          if (entry.isLate) return false;
          const gaveUp = new Promise<false>((resolve) => {
            entry.giveUp = () => resolve(false);
          });
          const timer = beginTime(entry);
          return Promise.race([send(), gaveUp]).finally(() => clearTimeout(timer));
        },
        end() {
          clearTimeout(entry.timer);
          running.delete(name);
        },
      };
    },

    take(caller, replyId, signed) {
      const entry = running.get(toHex(replyId));
      // A stranger learns nothing, not even that there is such a reply.
      if (entry === undefined || !equalBytes(entry.consumer, caller)) {
        throw new Refusal('not-found', 'no such reply is being served to you');
      }
      entry.latest = { signed, progress: readNews(crypto, ledger, entry, signed) };
      if (isTaken(entry.latest.progress)) {
        clearTimeout(entry.timer);
        entry.standby?.onTaken();
      }
      leaveIfOver(entry);
      entry.wake();
    },
  };
}

/** Only news costs a signature check: another step of the text, that the payer takes it, or that it leaves. @throws Refusal */
function readNews(crypto: Crypto, ledger: LedgerDomain, entry: Entry, signed: SignedProgress): Progress {
  const { order, blind, standby, parts, latest, sentBytes } = entry;
  const known = latest?.progress;
  if (known?.hasLeft) throw new Refusal('conflict', 'the payer has left already');
  try {
    if (parts.length > 1) parts.splice(0, parts.length, concatBytes(...parts));
    const progress = openProgress(crypto, { ledger, order }, signed, { blind, text: parts[0] ?? new Uint8Array(0) });
    if (progress === undefined)
      throw new Refusal('invalid', `not the payer's signed progress about the ${sentBytes} bytes sent`);
    const isNews = progress.textBytes >= (known?.textBytes ?? 0) + PROGRESS_STEP_BYTES;
    const isLast = progress.hasLeft && progress.textBytes >= (known?.textBytes ?? 0);
    const takes = standby !== undefined && !isTaken(known) && isTaken(progress);
    // Its provider has stopped: a progress signed now would be paid for nothing.
    if (takes && entry.isLate) throw new Refusal('conflict', 'the time to take this reply is over');
    if (!isNews && !isLast && !takes)
      throw new Refusal('invalid', `a progress of less than ${PROGRESS_STEP_BYTES} bytes`);
    return progress;
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `progress: ${error.message}`);
    throw error;
  }
}
