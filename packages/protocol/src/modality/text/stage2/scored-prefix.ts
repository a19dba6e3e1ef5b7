import { WINDOW_TOKENS } from '../commitment/window.ts';

/** The room of a verifier, and the size of a reply there. */
interface PassRoom {
  /** Tokens of one pass of the verifier. */
  readonly contextSize: number;
  /** Prompt tokens in the verifier's own count. */
  readonly promptTokenCount: number;
}

/**
 * Counts the positions of a reply that a verifier scores: all if prompt and reply fit, else only complete windows. A forged
 * reply is visible at its first token, so a beginning is better than no report.
 */
export function countScored({ contextSize, promptTokenCount }: PassRoom, positions: number): number {
  const room = Math.max(0, contextSize - promptTokenCount);
  return positions <= room ? positions : Math.floor(room / WINDOW_TOKENS) * WINDOW_TOKENS;
}
