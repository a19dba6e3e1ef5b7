import type { Check } from '@ogong/protocol/base/checks';
import type { Verdict } from '@ogong/protocol/settlement/verdict-log';
import type { SettlementRecord } from '../run-record.ts';

/** Data of the network for pictures, from the wire and the chain. */
export interface PicturesRecord {
  /** A picture by an honest provider. */
  readonly made: PictureReply | FailedRequest;
  /** A picture by the provider that computes half of the steps. */
  readonly cheated: PictureReply | FailedRequest;
  /** The answer to a question about the picture of `made`. */
  readonly seen: SeenReply | FailedRequest;
  /** Address of the payer, hex with 0x. */
  readonly payer: string;
  /** Addresses of the providers by their names. */
  readonly providers: Readonly<Record<string, string>>;
  /** Name of the provider that cheats. */
  readonly cheat: string;
  /** Every batch on the chain. */
  readonly settlements: readonly Pick<SettlementRecord, 'lines' | 'debits'>[];
}

/** A request without a reply. */
export interface FailedRequest {
  readonly error: string;
}

/** A reply, its receipt's checks, and its end on the chain. */
export interface MediaReply {
  /** Hex. */
  readonly replyId: string;
  /** Name of the provider. */
  readonly provider: string;
  readonly durationMs: number;
  /** Whether any machine of the provider's numeric class computes the same bits. */
  readonly isExact: boolean;
  /** The client's checks of the receipt: stage 1. */
  readonly checks: readonly Check[];
  /** The gateway's own checks. It has the values of all steps. */
  readonly gatewayChecks: readonly Check[];
  /** Undefined if the reply was not settled in time. */
  readonly end: ReplyEnd | undefined;
}

/** The entry of a reply in a verdict log whose head is on the chain. */
export interface ReplyEnd {
  readonly verdict: Verdict;
  /** Names of the providers of the verifiers that reported. */
  readonly verifiers: readonly string[];
  /** Checks of the audit: stage 2. */
  readonly audit: readonly Check[];
  readonly feeAtomic: bigint;
  /** The most that the consumer signed for. */
  readonly maxFeeAtomic: bigint;
  /** Transaction of the batch. */
  readonly settlement: string | undefined;
  readonly ejects: boolean;
}

export interface PictureReply extends MediaReply {
  readonly prompt: string;
  readonly steps: number;
  readonly width: number;
  readonly height: number;
  /** Path of the PNG. */
  readonly file: string;
}

export interface SeenReply extends MediaReply {
  readonly question: string;
  readonly answer: string;
  readonly expected: string;
}
