import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '@ogong/host/time/clock';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder, Order } from '@ogong/protocol/exchange/order';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import type {
  GenerateEventSchema,
  PushRecordRequest,
  SignedOrder,
  TokenLogprobSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { MediaSeal } from '@ogong/protocol/sealing/sealed-media';
import type { ReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import type { CommitReply } from './text/commit-reply.ts';

/** The content of an order's message, opened if it came sealed. */
export interface OpenedMessage {
  readonly endpoint: string;
  /** The consumer's exact body. */
  readonly body: Uint8Array;
  readonly cacheScope: Uint8Array;
  /** Seals the reply. Default: the message came in plain, and so goes the reply. */
  readonly sealer?: ReplySealer;
  /** Opens the media of a sealed message. Default: they come in plain. */
  readonly mediaSeal?: Pick<MediaSeal, 'open'>;
}

/** Reads a body as the offer's modality has it. @throws RequestError, ProtocolError, Refusal */
export type ReadRequest<R> = (
  body: Uint8Array,
  endpoint: string,
  order: NamedOrder,
) => {
  readonly request: R;
  readonly asked: CommonRequest;
  readonly choices: number;
};

/** An order that passed every check that needs neither its request nor the chain. */
export interface VerifiedOrder {
  readonly order: NamedOrder;
  readonly ticket: Ticket;
  readonly validator: QuorumMember;
}

/** An order that passed every check that needs no model. */
export interface CheckedOrder<R> extends OpenedMessage, VerifiedOrder {
  readonly request: R;
  readonly demands: CommonRequest['demands'];
  /** The media of the request; see mediaBytes. */
  readonly media: RequestMedia;
}

/** A valid order whose reply id is taken, so that it cannot be served twice. */
export interface AcceptedOrder<R> extends CheckedOrder<R> {
  readonly signedOrder: SignedOrder;
  readonly beacon: OrderBeacon & Pick<KnownBeacon, 'certificate'>;
  /** Resolves once the order can never be served again. Nothing leaves before. @throws StoreError */
  readonly claimed: Promise<void>;
  /** This provider's consent, signed on another thread. It stays here until the order is claimed and its shards agree. */
  readonly consent: Promise<OrderConsent>;
}

export type ReplyEvent = MessageInitShape<typeof GenerateEventSchema>;
export type TokenMessage = MessageInitShape<typeof TokenLogprobSchema>;

/** A blob of a reply, with its bytes. */
export interface KeptBlob {
  readonly ref: BlobRef;
  readonly bytes: Uint8Array;
}

/** The provider's commitment to a reply, as the exact bytes that were signed. */
export interface CommittedReply {
  readonly header: Uint8Array;
  readonly headerProof: readonly Uint8Array[];
  readonly opening: Uint8Array;
  readonly response: Uint8Array;
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
  /** The blobs that the opening names. Default: none. */
  readonly blobs?: readonly KeptBlob[] | undefined;
}

export interface KeptBill {
  /** The fee of the reply under the progress that is delivered with it. */
  readonly feeAtomic: bigint;
  /** The fee of everything that was made for the payer, signed for or not. It counts against the payer's credit. Default: the fee. */
  readonly owedAtomic?: bigint | undefined;
  /** The caller did not receive the whole text and does not pay for it, so it may not fetch the rest. Default: it may. */
  readonly isWithheld?: boolean | undefined;
}

export interface ServedCounts {
  readonly promptTokens: number;
  /** Prompt tokens that the engine had in its prefix cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Draft tokens, if the engine uses drafts. */
  readonly drafts: { readonly proposed: number; readonly accepted: number };
}

/** The part of serving that is the same for every modality. */
export interface ServeContext {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** The payee's signature for the signer's key. */
  readonly payeeWord: Uint8Array;
  /** The cohort's signed agreement, if several providers serve this order; else empty. */
  readonly cohort: Uint8Array;
  /** Reserves the fee at the order's validator, once the order is claimed. @throws Refusal if the validator does not admit it. */
  readonly admit: (signal: AbortSignal) => Promise<SignedAdmission>;
  /** Decides whether the prompt may be processed before the order is admitted. */
  readonly payers: {
    watch(order: Pick<Order, 'payer' | 'validator'>, admission: Promise<unknown>): boolean;
  };
  /**
   * Reserves room on the disk for the blobs of the reply. A modality with blobs calls it before it generates.
   * @param sizes of the blobs, bytes. @throws Refusal `unavailable` if the disk budget is used up.
   */
  readonly reserveBlobs: (sizes: readonly number[]) => void;
  /** Makes blobs, opening and record durable. From then on the provider answers for the reply, and the fee is owed. */
  readonly keep: (committed: CommittedReply, push: PushRecordRequest, billed: KeptBill) => Promise<void>;
  /**
   * Makes the tier's own evidence about a record.
   * @param exchange the exchange with a hosted model. @throws AttesterError
   */
  readonly makeEvidence: (record: Uint8Array, exchange?: ShownExchange) => Promise<EvidenceParts>;
  /** Ends the reply, committed or not. */
  readonly end: () => void;
  /** Returns false once the reply is over or nobody reads it any more, even if the consumer did not receive the event by then. */
  readonly send: (event: ReplyEvent) => Promise<boolean>;
  /** Sends a part of a text. It waits while the payer has not signed for the parts before. */
  readonly sendText: (text: string, tokens: TokenMessage[]) => Promise<boolean>;
  /** Notes that there is something to bill: from now on the payer may leave. */
  readonly begin: () => void;
  /** Aborted if nobody takes the reply: the part that was generated is committed. */
  readonly unwanted: AbortSignal;
  /** Resolves once the payer has taken the reply, or will not. */
  readonly waitForTake: () => Promise<void>;
  /** Returns the payer's last signed progress of the reply. */
  readonly progress: () => SignedProgress | undefined;
  /** Aborted if the payer has signed that it leaves, or the order expires: the part that was generated is committed. */
  readonly left: AbortSignal;
  /** Aborted when the order expires. */
  readonly expired: AbortSignal;
  /** Aborted if the provider gives the reply up and commits nothing. */
  readonly failed: AbortSignal;
  /** Commits texts in place of `commitReply`: for attackers and measurements. */
  readonly commit: CommitReply;
}
