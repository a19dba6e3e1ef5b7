import { WINDOW_TOKENS } from '../commitment/window.ts';

/** What a verifier has room for, and what a reply takes there. */
interface PassRoom {
  /** Tokens that one pass of the verifier holds. */
  readonly contextSize: number;
  /** As the verifier counts them. */
  readonly promptTokenCount: number;
}

/**
 * How many positions of a reply a verifier scores: all where prompt and reply fit, else the whole windows that do. A forged reply
 * shows at its first token, so a beginning is worth more than no report.
 */
export function countScored({ contextSize, promptTokenCount }: PassRoom, positions: number): number {
  const room = Math.max(0, contextSize - promptTokenCount);
  return positions <= room ? positions : Math.floor(room / WINDOW_TOKENS) * WINDOW_TOKENS;
}
