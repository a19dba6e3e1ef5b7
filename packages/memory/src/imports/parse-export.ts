import { ZodError } from 'zod';
import { MemoryError } from '../memory-error.ts';
import { parseChatGpt, parseClaude } from './assistant-exports.ts';
import { parseDiscord, parseSlack, parseTelegram } from './chat-exports.ts';
import type { ExportOptions, ImportedConversation } from './conversation.ts';
import { parseLinkedIn, parseMastodon, parseReddit, parseX } from './social-exports.ts';
import { parseWhatsApp } from './whatsapp-export.ts';

export const CHAT_SOURCES = ['chatgpt', 'claude', 'telegram', 'whatsapp', 'slack', 'discord'] as const;
/** Networks of which the user's own posts are read. */
export const SOCIAL_SOURCES = ['x', 'mastodon', 'linkedin', 'reddit'] as const;
export const EXPORT_SOURCES = [...CHAT_SOURCES, ...SOCIAL_SOURCES] as const;
export type ExportSource = (typeof EXPORT_SOURCES)[number];

/** Sources of chats among people, in which the user has to be named. */
const AMONG_PEOPLE: readonly ExportSource[] = ['telegram', 'whatsapp', 'slack', 'discord'];
/** Messages of one export. */
const MAX_MESSAGES = 200_000;

type Parse<T> = (given: T, options: ExportOptions) => readonly ImportedConversation[];

const asJson =
  (parse: Parse<unknown>): Parse<string> =>
  (text, options) =>
    parse(JSON.parse(text), options);

const PARSERS: Readonly<Record<ExportSource, Parse<string>>> = {
  ...{ chatgpt: asJson(parseChatGpt), claude: asJson(parseClaude) },
  ...{ telegram: asJson(parseTelegram), slack: asJson(parseSlack), discord: asJson(parseDiscord) },
  ...{ whatsapp: parseWhatsApp, x: parseX, mastodon: asJson(parseMastodon) },
  ...{ linkedin: parseLinkedIn, reddit: parseReddit },
};

/**
 * Parses the file that another service gives out of a user's conversations or posts.
 * @param text at most as long as a body may be. @throws MemoryError `malformed`, `too-large`
 */
export function parseExport(
  source: ExportSource,
  text: string,
  options: ExportOptions,
): readonly ImportedConversation[] {
  if (AMONG_PEOPLE.includes(source) && options.speaker === undefined)
    throw new MemoryError('malformed', `say by speaker which name in the chat is the user's`);
  const conversations = parseAs(source, text, options);
  const spoken = conversations
    .map(({ threadId, messages }) => ({ threadId, messages: messages.filter(({ content }) => content.trim() !== '') }))
    .filter(({ messages }) => messages.some(({ role }) => role === 'user'));
  const count = spoken.reduce((sum, { messages }) => sum + messages.length, 0);
  if (count > MAX_MESSAGES) throw new MemoryError('too-large', `an export has at most ${MAX_MESSAGES} messages`);
  if (count === 0) throw new MemoryError('malformed', 'the export has no message of the user');
  return spoken;
}

/** @throws MemoryError that names the place of another form. */
function parseAs(source: ExportSource, text: string, options: ExportOptions): readonly ImportedConversation[] {
  try {
    return PARSERS[source](text, options);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new MemoryError('malformed', 'the export is not JSON');
    if (!(cause instanceof ZodError)) throw cause;
    const place = cause.issues[0]?.path.join('.').slice(0, 200);
    throw new MemoryError('malformed', `this is no export of ${source}: see ${place || 'its beginning'}`);
  }
}
