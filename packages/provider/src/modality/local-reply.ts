import { toHex } from '@ogong/protocol/base/bytes';
import { computeCommitment, encodeOpening, type Opening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { KeptBlob } from './order-job.ts';

/** An answer of this machine, with the receipt that it can be checked by. */
export interface KeptReply {
  /** 32 hex digits. */
  readonly replyId: string;
  readonly receipt: LocalReceipt;
  /** The chat, prompt or inputs that were served, in the form of OpenAI's API. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  /** The media that the request names. Default: none. */
  readonly media?: RequestMedia | undefined;
  /** The blobs that the opening names. Default: none. */
  readonly blobs?: readonly KeptBlob[] | undefined;
}

interface MadeReply extends Pick<RecordV2, 'replyId' | 'requestHash' | 'modelRoot' | 'tokenCount'> {
  readonly endpoint: string;
  readonly opening: Opening;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

/** Adds the unsigned record of a reply that was committed locally. */
export function toKeptReply(crypto: Crypto, made: MadeReply): KeptReply {
  const { endpoint, opening, request, response, startMs, endMs, replyId, requestHash, modelRoot, tokenCount } = made;
  const bytes = encodeRecordV2({
    ...{ replyId, requestHash, modelRoot, tokenCount },
    responseHash: hashResponse(crypto, opening.blind, response),
    commitRoot: computeCommitment(crypto, opening).root,
    startNs: BigInt(startMs) * 1_000_000n,
    endNs: BigInt(Math.max(startMs, endMs)) * 1_000_000n,
  });
  const receipt = { endpoint, record: { bytes }, opening: { bytes: encodeOpening(opening) } };
  return { replyId: toHex(replyId), receipt, request, response };
}
