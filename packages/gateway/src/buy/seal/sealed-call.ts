import type { MessageInitShape } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { ApiError } from '@ogong/host/http/api-error';
import type { KemKey } from '@ogong/protocol/crypto/seal-primitives';
import { type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import type { SealedPart, SignedOrderSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SealSuite } from '@ogong/protocol/sealing/seal-context';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import type { CheckedSealKey } from '@ogong/protocol/sealing/seal-key';
import { type OpenedPart, readSealedMessage } from '@ogong/protocol/sealing/sealed-message';
import { createReplyOpener, type ReplyOpener } from '@ogong/protocol/sealing/sealed-reply';
import { sealRequest } from '@ogong/protocol/sealing/sealed-request';
import type { TicketedMatch } from '../match/provider-match.ts';

/** The parts of a call that sealing reads. */
export interface SealableCall {
  readonly match: TicketedMatch;
  readonly order: MessageInitShape<typeof SignedOrderSchema>;
  readonly request: Uint8Array;
  readonly endpoint: string;
  readonly cacheScope: Uint8Array;
  /** Default: 1. */
  readonly sealSuite?: SealSuite | undefined;
}

/** One sealed call, from its message to the end of its reply. */
export interface SealedCall {
  /** Replaces request, endpoint and cache scope. */
  readonly envelope: Uint8Array;
  /** Seals the media of the request, as pieces in the order in which they are sent. */
  readonly sealMedia: (encoded: Uint8Array) => readonly Uint8Array[];
  /** @returns the message that this part completes. @throws ApiError if it does not open. */
  open(part: SealedPart): OpenedPart | undefined;
}

const NOTHING = new Uint8Array();

export function sealCall(
  { match, order, request: body, endpoint, cacheScope, sealSuite: suite }: SealableCall,
  {
    to,
    ledger,
    replyKey,
  }: {
    readonly to: CheckedSealKey;
    readonly ledger: LedgerDomain;
    /** A key for this call alone. */
    readonly replyKey: KemKey;
  },
): SealedCall {
  const { providerId, replyId } = match.ticket;
  const { requestHash } = parseOrder(order.order ?? NOTHING);
  const {
    envelope,
    reply: secret,
    media,
  } = sealRequest(
    { crypto, seal },
    {
      exchange: { ledger, providerId, replyId, requestHash },
      ...{ to, suite },
      inner: { endpoint, cacheScope, replyKey: replyKey.publicKey, body },
    },
  );
  let opener: ReplyOpener | undefined;
  return {
    envelope,
    sealMedia: media.seal,
    open({ head, unit }) {
      try {
        opener ??= createReplyOpener({ seal }, { secret, replyKey, head });
        const opened = opener.open(unit);
        return opened && readSealedMessage(opened);
      } catch (cause) {
        if (!(cause instanceof SealError)) throw cause;
        throw new ApiError('provider_failed', `The provider's reply does not open: ${cause.message}.`, { cause });
      }
    },
  };
}
