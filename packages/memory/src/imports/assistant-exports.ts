import { z } from 'zod';
import { type ImportedConversation, toMessage, toThreadId } from './conversation.ts';

const text = z.string().nullish();

const CHATGPT = z.array(
  z.object({
    title: text,
    conversation_id: text,
    current_node: text,
    mapping: z.record(
      z.string(),
      z.object({
        parent: text,
        message: z
          .object({
            author: z.object({ role: z.string() }),
            create_time: z.number().nullish(),
            content: z.object({ parts: z.array(z.unknown()).nullish() }),
          })
          .nullish(),
      }),
    ),
  }),
);

/** Parses `conversations.json` of ChatGPT: the branch that the user saw last. @throws ZodError */
export const parseChatGpt = (given: unknown): readonly ImportedConversation[] =>
  CHATGPT.parse(given).map(({ title, conversation_id: id, mapping, current_node: last }) => {
    const nodes = new Map(Object.entries(mapping));
    const branch = [];
    // A node is taken out when it is read, so a circle ends.
    for (let name = last ?? [...nodes.keys()].at(-1); name; ) {
      const node = nodes.get(name);
      nodes.delete(name);
      if (node?.message) branch.push(node.message);
      name = node?.parent ?? undefined;
    }
    const messages = branch.toReversed().flatMap(({ author, create_time: seconds, content }) => {
      const words = (content.parts ?? []).filter((part): part is string => typeof part === 'string').join('\n');
      return words === '' ? [] : [toMessage(author.role, words, (seconds ?? Number.NaN) * 1000)];
    });
    return { threadId: toThreadId(title, id), messages };
  });

const CLAUDE = z.array(
  z.object({
    uuid: text,
    name: text,
    chat_messages: z.array(
      z.object({
        sender: z.string(),
        text,
        created_at: text,
        content: z.array(z.looseObject({ type: z.string(), text })).nullish(),
      }),
    ),
  }),
);

/** Parses `conversations.json` of Claude. @throws ZodError */
export const parseClaude = (given: unknown): readonly ImportedConversation[] =>
  CLAUDE.parse(given).map(({ uuid, name, chat_messages: said }) => ({
    threadId: toThreadId(name, uuid),
    messages: said.flatMap(({ sender, text: whole, content, created_at: time }) => {
      const parts = (content ?? []).flatMap((part) => (part.type === 'text' && part.text ? [part.text] : []));
      const words = parts.length > 0 ? parts.join('\n') : (whole ?? '');
      const role = sender === 'human' ? 'user' : sender;
      return words === '' ? [] : [toMessage(role, words, Date.parse(time ?? ''))];
    }),
  }));
