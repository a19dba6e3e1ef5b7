import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { concatBytes, equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { MAX_MEDIA_PIECES, MEDIA_PIECE_BYTES } from '@ogong/protocol/exchange/limits';
import type { PutMediaRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { attachMedia, listMediaReferences } from '@ogong/protocol/modality/media/detach-media';
import { decodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import type { CheckedOrder } from '../../modality/order-job.ts';
import type { ProviderState } from '../provider-state.ts';
import type { ReplyReader } from '../serving/serve-context.ts';

type SentPiece = Pick<PutMediaRequest, 'replyId' | 'index' | 'piece' | 'last'>;

/** One order whose media are on their way, or in memory. */
interface AwaitedMedia {
  /** Resolves with every piece, in order. @throws Refusal */
  readonly whole: Promise<readonly Uint8Array[]>;
  /** Frees the memory of the pieces. */
  end(): void;
}

/** The media that this provider reads for running orders, in memory. Nobody but the sender of an order sends its media. */
export interface MediaIntake {
  /** @throws Refusal `unavailable` if the media of other orders fill the memory. */
  open(replyId: Uint8Array, consumer: PeerId, signal: AbortSignal): AwaitedMedia;
  /** Takes the next piece. @throws Refusal, which ends the order too. */
  put(caller: PeerId, sent: SentPiece): void;
}

interface Arrival {
  readonly consumer: PeerId;
  readonly pieces: Uint8Array[];
  bytes: number;
  isWhole: boolean;
  resolve(pieces: readonly Uint8Array[]): void;
  reject(refusal: Refusal): void;
}

/** Memory for the media of all orders. */
const MEDIA_MEMORY_BYTES = 512 * 2 ** 20;
/** Time for all pieces of an order. */
const ARRIVAL_MS = 60_000;

export function createMediaIntake(maxHeldBytes = MEDIA_MEMORY_BYTES): MediaIntake {
  const arrivals = new Map<string, Arrival>();
  let heldBytes = 0;
  return {
    open(replyId, consumer, signal) {
      const name = toHex(replyId);
      // The same order again, at the same time. One of both is refused later; it must not end the other.
      if (arrivals.has(name)) throw new Refusal('conflict', 'the media of this order are awaited already');
      if (heldBytes >= maxHeldBytes) throw new Refusal('unavailable', 'there is no room for media now');
      const { promise: whole, resolve, reject } = Promise.withResolvers<readonly Uint8Array[]>();
      whole.catch(() => undefined);
      const arrival = { consumer, pieces: [], bytes: 0, isWhole: false, resolve, reject };
      arrivals.set(name, arrival);
      const leave = (): void => reject(new Refusal('unavailable', 'the media of the request did not arrive in time'));
      if (signal.aborted) leave();
      signal.addEventListener('abort', leave, { once: true });
      return {
        whole,
        end() {
          signal.removeEventListener('abort', leave);
          if (arrivals.delete(name)) heldBytes -= arrival.bytes;
        },
      };
    },
    put(caller, { replyId, index, piece, last }) {
      const arrival = arrivals.get(toHex(replyId));
      // A stranger learns nothing, not even that there is such an order.
      if (arrival === undefined || arrival.isWhole || !equalBytes(arrival.consumer, caller)) {
        throw new Refusal('not-found', 'no media of this order are awaited from you');
      }
      try {
        assertNext(arrival, { index, piece, last });
        if (heldBytes + piece.length > maxHeldBytes)
          throw new Refusal('unavailable', 'there is no room for media now; try another provider');
      } catch (error) {
        if (error instanceof Refusal) arrival.reject(error);
        throw error;
      }
      arrival.pieces.push(piece);
      arrival.bytes += piece.length;
      heldBytes += piece.length;
      arrival.isWhole = last;
      if (last) arrival.resolve(arrival.pieces);
    },
  };
}

/** @throws Refusal */
function assertNext({ pieces }: Pick<Arrival, 'pieces'>, { index, piece, last }: Omit<SentPiece, 'replyId'>): void {
  if (index !== pieces.length) throw new Refusal('invalid', `piece ${index} of the media, not ${pieces.length}`);
  if (index >= MAX_MEDIA_PIECES) throw new Refusal('invalid', `more than ${MAX_MEDIA_PIECES} pieces of media`);
  // Full pieces: else a sender could fill the memory with many small ones.
  const isSized = last ? piece.length >= 1 && piece.length <= MEDIA_PIECE_BYTES : piece.length === MEDIA_PIECE_BYTES;
  if (!isSized) throw new Refusal('invalid', `piece ${index} of the media has ${piece.length} bytes`);
}

/** The media of an order, until it ends. */
export interface ArrivedMedia {
  readonly media: RequestMedia;
  end(): void;
}

const NOTHING: ArrivedMedia = { media: NO_MEDIA, end: () => undefined };

/**
 * Reads the media that a request names from the sender of its order. It is called after all checks that need no media, so a payer
 * without money makes nobody read them. @throws Refusal naming a part that is missing, superfluous, or not the one that was named.
 */
export async function receiveMedia(
  { crypto, media: intake, stopping }: Pick<ProviderState, 'crypto' | 'media' | 'stopping'>,
  { order, body, mediaSeal }: Pick<CheckedOrder<unknown>, 'order' | 'body' | 'mediaSeal'>,
  { consumer, send, gone }: Pick<ReplyReader, 'consumer' | 'send' | 'gone'>,
): Promise<ArrivedMedia> {
  if (refuseWrong(() => listMediaReferences(body)).length === 0) return NOTHING;
  const signal = AbortSignal.any([gone, stopping.signal, AbortSignal.timeout(ARRIVAL_MS)]);
  const awaited = intake.open(order.replyId, consumer, signal);
  try {
    await send({ event: { case: 'mediaWanted', value: {} } });
    const pieces = await awaited.whole;
    const media = refuseWrong(() => {
      const encoded = mediaSeal ? mediaSeal.open(pieces) : concatBytes(...pieces);
      return attachMedia(crypto, body, decodeMedia(encoded));
    });
    return { media, end: awaited.end };
  } catch (error) {
    awaited.end();
    throw error;
  }
}

function refuseWrong<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isKnown = error instanceof RequestError || error instanceof ProtocolError || error instanceof SealError;
    if (isKnown) throw new Refusal('invalid', `media: ${error.message}`);
    throw error;
  }
}
