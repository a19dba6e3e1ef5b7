import type { ChatMessage, ContentPart } from '@ogong/protocol/modality/text/request/chat-messages';

const isPicture = (part: ContentPart): boolean => 'picture' in part;

/**
 * Moves the pictures of tools' answers into the user's turn behind these answers. Most templates that show pictures write a tool's
 * answer as a text. The pictures keep their order (docs/spec/prompt.md).
 */
export function moveToolPictures(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  if (!messages.some(({ role, parts }) => role === 'tool' && parts?.some(isPicture))) return messages;
  const written: ChatMessage[] = [];
  let moved: readonly ContentPart[] = [];
  for (const message of messages) {
    const { parts, ...said } = message;
    if (message.role === 'tool') {
      moved = [...moved, ...(parts ?? []).filter(isPicture)];
      written.push(said);
      continue;
    }
    if (moved.length > 0 && message.role === 'user') {
      written.push({ ...said, parts: [...moved, ...(parts ?? [{ text: message.content }])] });
    } else written.push(...showAlone(moved), message);
    moved = [];
  }
  return [...written, ...showAlone(moved)];
}

const showAlone = (parts: readonly ContentPart[]): readonly ChatMessage[] =>
  parts.length === 0 ? [] : [{ role: 'user', content: '', parts }];
