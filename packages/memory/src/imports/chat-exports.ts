import { z } from 'zod';
import { type ExportOptions, type ImportedConversation, roleOf, toMessage, toThreadId } from './conversation.ts';

const text = z.string().nullish();

const TELEGRAM_CHAT = z.object({
  name: text,
  messages: z.array(
    z.object({
      from: text,
      from_id: text,
      date_unixtime: text,
      text: z.union([z.string(), z.array(z.union([z.string(), z.looseObject({ text: z.string() })]))]),
    }),
  ),
});
const TELEGRAM = z.union([TELEGRAM_CHAT, z.object({ chats: z.object({ list: z.array(TELEGRAM_CHAT) }) })]);

/** Parses `result.json` of Telegram Desktop: one chat, or all. @throws ZodError */
export function parseTelegram(given: unknown, options: ExportOptions): readonly ImportedConversation[] {
  const parsed = TELEGRAM.parse(given);
  const chats = 'chats' in parsed ? parsed.chats.list : [parsed];
  return chats.map(({ name, messages }) => ({
    threadId: toThreadId(name),
    messages: messages.map(({ from, from_id: id, date_unixtime: seconds, text: parts }) => {
      const words =
        typeof parts === 'string' ? parts : parts.map((part) => (typeof part === 'string' ? part : part.text)).join('');
      return toMessage(roleOf([from, id], options), words, Number(seconds ?? Number.NaN) * 1000);
    }),
  }));
}

const SLACK = z.array(
  z.object({
    user: text,
    text,
    ts: text,
    subtype: text,
    user_profile: z.object({ name: text, real_name: text, display_name: text }).nullish(),
  }),
);

/** Parses one file of a channel of a Slack export. @throws ZodError */
export const parseSlack = (given: unknown, options: ExportOptions): readonly ImportedConversation[] => [
  {
    threadId: 'slack',
    messages: SLACK.parse(given)
      // Joined, renamed and the like.
      .filter(({ subtype }) => subtype === undefined || subtype === null)
      .map(({ user, text: words, ts, user_profile: profile }) => {
        const names = [user, profile?.name, profile?.real_name, profile?.display_name];
        return toMessage(roleOf(names, options), words ?? '', Number(ts ?? Number.NaN) * 1000);
      }),
  },
];

const DISCORD = z.object({
  channel: z.object({ name: text, id: text }).nullish(),
  messages: z.array(
    z.object({ timestamp: text, content: z.string(), author: z.object({ id: text, name: text, nickname: text }) }),
  ),
});

/** Parses a channel as DiscordChatExporter writes it in JSON. @throws ZodError */
export function parseDiscord(given: unknown, options: ExportOptions): readonly ImportedConversation[] {
  const { channel, messages } = DISCORD.parse(given);
  return [
    {
      threadId: toThreadId(channel?.name, channel?.id, 'discord'),
      messages: messages.map(({ timestamp, content, author: { id, name, nickname } }) =>
        toMessage(roleOf([id, name, nickname], options), content, Date.parse(timestamp ?? '')),
      ),
    },
  ];
}
