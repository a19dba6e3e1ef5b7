import type { DropReason } from '@ogong/hub/transfer/source-pool';
import type { Check } from '@ogong/protocol/base/checks';
import type { Verdict } from '@ogong/protocol/settlement/verdict-log';
import type { FailedRequest } from '../pictures/pictures-record.ts';

/** Data of the hub's scene, from the wire, the chain and the disk. */
export interface HubRecord {
  readonly served: ServedRecord;
  readonly poisoned: PoisonedRecord;
  readonly pins: PinsRecord;
}

/** A model that its maker pushed and no operator named. */
export interface ServedRecord {
  /** `maker/model` */
  readonly name: string;
  /** Sources of the registry's entry. */
  readonly sources: readonly string[];
  /** Models that the flags of providers and verifiers name. */
  readonly namedModels: number;
  /** Requests to the maker's place before somebody wanted the model. */
  readonly askedBefore: number;
  /** Error of the first request; undefined if it was served. */
  readonly refusal: string | undefined;
  readonly reply: HubReply | FailedRequest;
  /** Gross amount of the settled batches for the provider of the reply. */
  readonly paidAtomic: bigint;
}

export interface HubReply {
  /** Name of the provider. */
  readonly provider: string;
  readonly text: string;
  readonly durationMs: number;
  /** The client's checks of the receipt. */
  readonly checks: readonly Check[];
  /** Undefined if the reply was not settled in time. */
  readonly end: HubReplyEnd | undefined;
}

/** The entry of a reply in a log whose head is on the chain. */
export interface HubReplyEnd {
  readonly verdict: Verdict;
  /** Names of the providers of the verifiers that reported. */
  readonly verifiers: readonly string[];
  readonly feeAtomic: bigint;
}

/** A pull by name from two mirrors. */
export interface PoisonedRecord {
  readonly name: string;
  /** Blocks of the file. */
  readonly blocks: number;
  /** Address of the mirror that changes bytes. */
  readonly poisonedUrl: string;
  readonly honestUrl: string;
  /** Pieces that the poisoned mirror sent with another byte. */
  readonly changedPieces: number;
  /** Requests for the file that the honest mirror answered. */
  readonly honestRequests: number;
  readonly dropped: readonly { readonly source: string; readonly reason: DropReason }[];
  /** Root of the file in the signed manifest, hex. */
  readonly signedRoot: string;
  /** Root of the blocks on the disk, hex; undefined if the pull failed. */
  readonly fileRoot: string | undefined;
}

/** One file that two storage providers are paid to keep. */
export interface PinsRecord {
  readonly blocks: number;
  /** Blocks that the cheat has dropped after the first epoch. */
  readonly droppedBlocks: number;
  /** For each epoch and provider. */
  readonly feeAtomic: bigint;
  readonly epochs: number;
  readonly honest: PinnedRecord;
  readonly cheat: PinnedRecord;
  /** The contract's answer to the cheat's proof with the chunks of the epoch before: an error's name, or `taken`. */
  readonly outcome: string;
  /** The payer's tokens at the beginning less those at the end. */
  readonly spentAtomic: bigint;
  /** Tokens that the payer got for missed epochs. */
  readonly returnedAtomic: bigint;
}

export interface PinnedRecord {
  readonly name: string;
  /** Proven epochs. */
  readonly proven: number;
  readonly missed: number;
  /** Tokens of its account. */
  readonly paidAtomic: bigint;
}
