import type { SetConversation } from './conversation.ts';
import { type Half, readThreads, readTraps } from './threads.ts';
import { writeConversation } from './write-conversation.ts';

/** Conversations of each half. */
export const CONVERSATIONS = 30;

/** Reads the conversations of a half. @param count of the first ones. Default: all. */
export function readSet(half: Half, count = CONVERSATIONS): readonly SetConversation[] {
  const material = { threads: readThreads(), traps: readTraps() };
  return Array.from({ length: count }, (_, index) => writeConversation({ half, index }, material));
}
