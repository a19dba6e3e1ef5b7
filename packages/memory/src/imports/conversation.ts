import type { ConversationMessage } from '../pipeline/turns.ts';

/** A conversation of another service. */
export interface ImportedConversation {
  /** Its name there, or its id. */
  readonly threadId: string;
  /** Source of its memories. Default: that of the import. */
  readonly source?: string;
  readonly messages: readonly ConversationMessage[];
}

export interface ExportOptions {
  /** Name or id of the user in a chat among people. The words of others are not read. */
  readonly speaker: string | undefined;
  /** Order of day and month in dates of WhatsApp. */
  readonly dates: 'dmy' | 'mdy' | undefined;
}

export const MAX_THREAD_NAME = 256;
/** Unix time, ms. */
const MAX_TIME_MS = 32_503_679_999_999;

export const toThreadId = (...names: readonly (string | null | undefined)[]): string =>
  (names.find((name) => name !== undefined && name !== null && name.trim() !== '') ?? 'import').slice(
    0,
    MAX_THREAD_NAME,
  );

/** A message with its time, if that is one. @param timeMs Unix time, ms; NaN if it is unknown. */
export const toMessage = (role: string, content: string, timeMs: number): ConversationMessage => ({
  ...{ role, content },
  ...(timeMs >= 0 && timeMs <= MAX_TIME_MS && { timeMs: Math.round(timeMs) }),
});

/** People other than the user have a role that no extraction reads. */
export const roleOf = (names: readonly (string | null | undefined)[], { speaker }: ExportOptions): string =>
  names.some((name) => name === speaker) ? 'user' : 'other';

interface Post {
  readonly content: string;
  /** Unix time, ms; NaN if it is unknown. */
  readonly timeMs: number;
}

/** Returns the posts of a user as one conversation, the oldest first: a newer fact replaces an older one. */
export const toPosts = (threadId: string, posts: readonly Post[]): readonly ImportedConversation[] => [
  {
    threadId,
    messages: posts
      .toSorted((a, b) => (a.timeMs || 0) - (b.timeMs || 0))
      .map(({ content, timeMs }) => toMessage('user', content, timeMs)),
  },
];
