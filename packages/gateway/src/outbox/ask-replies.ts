import { create } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { type ReplyStatus, ReplyStatusSchema, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

export interface RepliesAnswer {
  /** Answers in the order of the questions; undefined without an answer. */
  readonly replies: readonly (ReplyStatus | undefined)[];
  /** Reason to ask the validator no more for the moment. */
  readonly error?: LinkError;
}

/** Asks one validator about replies of its own, at most MAX_ASKED_REPLIES. */
export type AskReplies = (validator: Peer, replyIds: readonly Uint8Array[]) => Promise<RepliesAnswer>;

const ASK_TIMEOUT_MS = 5_000;
/** A validator of a version without lists is asked for a list again after this time. */
const SINGLY_MS = 300_000;
const SINGLY_AT_ONCE = 8;

export function createAskReplies({ links, uptime }: { readonly links: LinkPool; readonly uptime: Clock }): AskReplies {
  /** Validators that are asked singly, by the hex hash of their certificate, with the end of that time. */
  const singly = new Map<string, number>();

  async function askTogether(validator: Peer, replyIds: readonly Uint8Array[]): Promise<RepliesAnswer> {
    const question = { replyIds: [...replyIds] };
    const { replies } = await links.to(ValidatorService, validator).getReplies(question, { timeoutMs: ASK_TIMEOUT_MS });
    return { replies };
  }

  async function askOne(validator: Peer, replyId: Uint8Array): Promise<ReplyStatus> {
    try {
      return await links.to(ValidatorService, validator).getReply({ replyId }, { timeoutMs: ASK_TIMEOUT_MS });
    } catch (error) {
      // A list has an empty state for an unknown reply.
      if (error instanceof LinkError && error.refusal === 'not-found') return create(ReplyStatusSchema);
      throw error;
    }
  }

  async function askSingly(validator: Peer, replyIds: readonly Uint8Array[]): Promise<RepliesAnswer> {
    const replies: (ReplyStatus | undefined)[] = [];
    for (let at = 0; at < replyIds.length; at += SINGLY_AT_ONCE) {
      const some = replyIds.slice(at, at + SINGLY_AT_ONCE);
      const answers = await Promise.allSettled(some.map((replyId) => askOne(validator, replyId)));
      for (const one of answers) replies.push(one.status === 'fulfilled' ? one.value : undefined);
      const failed = answers.find((one) => one.status === 'rejected');
      if (failed !== undefined) return { replies, error: toKnown(failed.reason) };
    }
    return { replies };
  }

  return async (validator, replyIds) => {
    const name = toHex(validator.certHash);
    try {
      if ((singly.get(name) ?? Number.NEGATIVE_INFINITY) <= uptime.nowMs())
        return await askTogether(validator, replyIds);
    } catch (error) {
      const known = toKnown(error);
      if (known.refusal !== 'unsupported') return { replies: [], error: known };
      singly.set(name, uptime.nowMs() + SINGLY_MS);
    }
    return askSingly(validator, replyIds);
  };
}

/** @throws errors of other kinds. */
function toKnown(error: unknown): LinkError {
  if (error instanceof LinkError) return error;
  throw error;
}
