import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { FeeError } from '@ogong/protocol/exchange/fee';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { isMilestoneDue } from '@ogong/protocol/exchange/progress';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import { getTier, isAttestedTier } from '@ogong/protocol/tier/registry';
import { type CommittedReply, ReplyTextError, type ServedReply } from './commit-reply.ts';

/** What a milestone commits to: the reply as though it had been cut short there. */
export type PassedReply = Pick<ServedReply, 'outputTokens' | 'windows' | 'text' | 'stopReason' | 'isMilestone'>;

/** As it goes over the wire, without the admission of its order. */
export interface SignedMilestone {
  readonly record: { readonly record: Uint8Array; readonly providerKey: Uint8Array; readonly signature: Uint8Array };
  readonly header: Uint8Array;
  readonly payeeWord: Uint8Array;
  /** Those since the milestone before. */
  readonly windows: WindowBytes[];
  readonly textBytes: number;
}

/** Follows one text as it is made, and says where the next milestone of it is (docs/spec/progress.md#milestones). */
export interface ReplyMilestones {
  /** @param text of the reply as far as it was sent with this token. */
  token(token: { readonly id: number; readonly bytes: Uint8Array }, sentLength: number): void;
  /** @param sent the text that was sent so far. @returns a milestone, where one is due here. */
  window(window: WindowBytes, sent: string): SignedMilestone | undefined;
}

export interface ReplyMilestonesInput {
  /** @throws ReplyTextError, FeeError, ProtocolError where no such reply may be signed. */
  readonly commit: (passed: PassedReply) => CommittedReply;
  readonly providerKey: Uint8Array;
  readonly payeeWord: Uint8Array;
}

/** Whether replies of this model have milestones: those whose windows show their draws, and that need no evidence of a machine each. */
export function hasMilestones(modelId: string): boolean {
  const { tier } = parseModelId(modelId);
  return getTier(tier).windows === 'draws' && !isAttestedTier(tier);
}

export function createReplyMilestones({ commit, providerKey, payeeWord }: ReplyMilestonesInput): ReplyMilestones {
  const ids: number[] = [];
  const spelled: Uint8Array[] = [];
  const sentLengths: number[] = [];
  const windows: WindowBytes[] = [];
  let passedWindows = 0;
  let sizeBytes = 0;
  let isOver = false;

  function sign(tokens: number, text: string) {
    try {
      const outputTokens = Uint32Array.from(ids.slice(0, tokens));
      return commit({ outputTokens, windows: [...windows], text, stopReason: 'cancelled', isMilestone: true });
    } catch (error) {
      if (error instanceof ReplyTextError || error instanceof FeeError || error instanceof ProtocolError)
        return undefined;
      throw error;
    }
  }

  return {
    token({ id, bytes }, sentLength) {
      if (isOver) return;
      ids.push(id);
      spelled.push(bytes);
      sentLengths.push(sentLength);
    },
    window(window, sent) {
      windows.push(window);
      sizeBytes += window.draws.length + window.sketch.length;
      const tokens = windows.length * WINDOW_TOKENS;
      isOver ||= sizeBytes > MAX_MILESTONE_OPENING_BYTES / 2;
      if (isOver || ids.length < tokens || !isMilestoneDue(tokens, passedWindows * WINDOW_TOKENS)) return undefined;
      // A text that holds something back at this place has its milestone at a later window.
      const text = sent.slice(0, sentLengths[tokens - 1]);
      if (renderReply(Buffer.concat(spelled.slice(0, tokens)), [], 'cancelled') !== text) return undefined;
      const committed = sign(tokens, text);
      if (committed === undefined) {
        isOver = true;
        return undefined;
      }
      const { record, signature, header } = committed;
      const fresh = windows.slice(passedWindows);
      passedWindows = windows.length;
      return {
        ...{ record: { record, providerKey, signature }, header, payeeWord },
        ...{ windows: fresh, textBytes: Buffer.byteLength(text) },
      };
    },
  };
}
