import type { Check } from '@ogong/protocol/base/checks';
import type { Verdict } from '@ogong/protocol/settlement/verdict-log';
import type { FailedRequest } from '../pictures/pictures-record.ts';

/** Data of the network with shards, from the wire and the chain. Names are those of providers. */
export interface ShardsRecord {
  readonly modelMib: number;
  readonly slabMib: readonly number[];
  /** Limit of the data of each engine process. */
  readonly limitMib: number;
  /** Data of a node process that does nothing. */
  readonly nodeMib: number;
  /** Message of a provider with the whole model under the limit; undefined if it served. */
  readonly refusal: string | undefined;
  /** Text of the provider with the whole model and without a limit. */
  readonly wholeText: string;
  readonly shared: ShardedReply | FailedRequest;
  /** A member was killed after its first text. */
  readonly broken: ShardedReply | FailedRequest;
  readonly killed: string;
  /** Text that the consumer had when the member was gone. */
  readonly shownText: string;
  /** Replies that a member computed with coarse rows, until its key was ejected. */
  readonly coarse: readonly (ShardedReply | FailedRequest)[];
  readonly cheat: string;
  /** Of the members that answer honestly to the end. */
  readonly honest: readonly HonestMember[];
  readonly ejected: readonly string[];
  /** Gross amounts of the settled batches, by payee. */
  readonly paid: Readonly<Record<string, bigint>>;
  /** Amounts that the entries of the log give to each shard. */
  readonly due: Readonly<Record<string, bigint>>;
  /** The payer's debits of all batches, and the fees of all entries about it. */
  readonly spentAtomic: bigint;
  readonly feesAtomic: bigint;
}

export interface HonestMember {
  readonly name: string;
  readonly stakeBeforeAtomic: bigint;
  readonly stakeAfterAtomic: bigint;
  /** Whether a router still hands its announcement on. */
  readonly isListed: boolean;
}

export interface ShardedReply {
  readonly text: string;
  readonly durationMs: number;
  /** The client's checks of the receipt. */
  readonly checks: readonly Check[];
  /** Undefined if the reply was not settled in time. */
  readonly end: ShardedEnd | undefined;
}

/** The entry of a reply in a log whose head is on the chain. */
export interface ShardedEnd {
  readonly verdict: Verdict;
  readonly shards: readonly { readonly name: string; readonly feeAtomic: bigint }[];
  readonly culprit: string | undefined;
  readonly feeAtomic: bigint;
  readonly ejects: boolean;
  /** Checks of the audit that a verifier with the whole model made. */
  readonly audit: readonly Check[];
}
