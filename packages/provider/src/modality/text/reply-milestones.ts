import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { FeeError } from '@ogong/protocol/exchange/fee';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { isMilestoneDue } from '@ogong/protocol/exchange/progress';
import { encodeTokenWindow } from '@ogong/protocol/modality/text/commitment/token-window';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import { getTier, isProxiedTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from '../order-job.ts';
import { ReplyTextError, type ServedReply } from './commit-reply.ts';

/** The content of a milestone's commitment: the reply as though it had been cut short there. */
export type MilestoneSource = Pick<
  ServedReply,
  'outputTokens' | 'counted' | 'windows' | 'text' | 'stopReason' | 'isMilestone'
>;

/** A milestone as it goes over the wire, without the admission of its order. */
export interface SignedMilestone {
  readonly record: { readonly record: Uint8Array; readonly providerKey: Uint8Array; readonly signature: Uint8Array };
  readonly header: Uint8Array;
  readonly payeeWord: Uint8Array;
  /** Those since the milestone before. */
  readonly windows: WindowBytes[];
  readonly textBytes: number;
  /** Nothing follows it. */
  readonly last?: true;
}

/** Follows one text as it is made, and says where the next milestone of it is (docs/spec/progress.md#milestones). */
export interface ReplyMilestones {
  /** @param sent the text that was sent so far, with this token. @returns a milestone, if pieces are counted and one is due here. */
  token(token: { readonly id: number; readonly bytes: Uint8Array }, sent: string): SignedMilestone | undefined;
  /** @param sent the text that was sent so far. @returns a milestone, if one is due here. */
  window(window: WindowBytes, sent: string): SignedMilestone | undefined;
  /** The provider gives the reply up. @returns the last milestone, as far as windows are whole, if it is behind the one before. */
  cut(sent: string): SignedMilestone | undefined;
}

export interface ReplyMilestonesInput {
  readonly windows: 'engine' | 'pieces';
  /** @throws ReplyTextError, FeeError, ProtocolError if no such reply may be signed. */
  readonly commit: (passed: MilestoneSource) => CommittedReply;
  /** Limit of the whole reply: its record follows at once. */
  readonly maxTokens: number;
  readonly providerKey: Uint8Array;
  readonly payeeWord: Uint8Array;
}

/**
 * Returns the source of the windows of this model's milestones. An `engine` shows its draws while it writes. A server shows only
 * its pieces, and then the `pieces` are counted. None has a proxy, whose evidence is about a whole exchange.
 */
export function findMilestoneWindows(modelId: string, { tokenize }: { readonly tokenize: boolean }) {
  const { tier } = parseModelId(modelId);
  if (isProxiedTier(tier)) return undefined;
  if (getTier(tier).windows === 'tokens') return 'pieces' as const;
  return tokenize ? ('engine' as const) : undefined;
}

/** A window of a server that names no tokens. */
const UNNAMED_WINDOW: WindowBytes = {
  draws: encodeTokenWindow({ count: WINDOW_TOKENS, ids: [] }),
  sketch: new Uint8Array(),
};

export function createReplyMilestones({
  windows: source,
  commit,
  maxTokens,
  providerKey,
  payeeWord,
}: ReplyMilestonesInput): ReplyMilestones {
  const ids: number[] = [];
  const spelled: Uint8Array[] = [];
  const sentLengths: number[] = [];
  const windows: WindowBytes[] = [];
  let passedWindows = 0;
  let sizeBytes = 0;
  let isOver = false;

  function sign(tokens: number, text: string, passed: readonly WindowBytes[]) {
    try {
      const named = source === 'engine' ? ids.slice(0, tokens) : [];
      // A server reports its count of the prompt at the end.
      const counted = source === 'engine' ? undefined : { promptTokens: 0, outputTokens: tokens };
      const outputTokens = Uint32Array.from(named);
      return commit({ outputTokens, counted, windows: passed, text, stopReason: 'cancelled', isMilestone: true });
    } catch (error) {
      if (error instanceof ReplyTextError || error instanceof FeeError || error instanceof ProtocolError)
        return undefined;
      throw error;
    }
  }

  function takeWindow(window: WindowBytes, sent: string): SignedMilestone | undefined {
    windows.push(window);
    sizeBytes += window.draws.length + window.sketch.length;
    isOver ||= sizeBytes > MAX_MILESTONE_OPENING_BYTES / 2;
    const isDue = isMilestoneDue(windows.length * WINDOW_TOKENS, passedWindows * WINDOW_TOKENS);
    return isDue ? commitAt(windows.length, sent) : undefined;
  }

  function commitAt(count: number, sent: string): SignedMilestone | undefined {
    const tokens = count * WINDOW_TOKENS;
    if (isOver || tokens >= maxTokens || ids.length < tokens) return undefined;
    // A text that holds something back at this place has its milestone at a later window.
    const text = sent.slice(0, sentLengths[tokens - 1]);
    if (renderReply(Buffer.concat(spelled.slice(0, tokens)), [], 'cancelled') !== text) return undefined;
    // No text of a server bills more tokens than it has bytes, and one.
    if (source === 'pieces' && Buffer.byteLength(text) + 1 < tokens) return undefined;
    const committed = sign(tokens, text, windows.slice(0, count));
    if (committed === undefined) {
      isOver = true;
      return undefined;
    }
    const { record, signature, header } = committed;
    const fresh = windows.slice(passedWindows, count);
    passedWindows = count;
    return {
      ...{ record: { record, providerKey, signature }, header, payeeWord },
      ...{ windows: fresh, textBytes: Buffer.byteLength(text) },
    };
  }

  return {
    token({ id, bytes }, sent) {
      if (isOver) return undefined;
      ids.push(id);
      spelled.push(bytes);
      sentLengths.push(sent.length);
      return source === 'pieces' && ids.length % WINDOW_TOKENS === 0 ? takeWindow(UNNAMED_WINDOW, sent) : undefined;
    },
    window: (window, sent) => (source === 'engine' ? takeWindow(window, sent) : undefined),
    cut(sent) {
      for (let count = windows.length; count > passedWindows; count--) {
        const milestone = commitAt(count, sent);
        if (milestone) return { ...milestone, last: true };
      }
      return undefined;
    },
  };
}
