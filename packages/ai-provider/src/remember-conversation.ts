import type {
  LanguageModelV4FinishReason,
  LanguageModelV4Message,
  LanguageModelV4Middleware,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { type ConversationMemoryOptions, createConversationMemory, type MemoryClient } from '@ogong/sdk';

export type RememberOptions = Omit<ConversationMemoryOptions, 'memory'>;

type Finish = LanguageModelV4FinishReason['unified'];
/** Finish reasons of an answer that the user has. After `tool-calls` the model is asked again. */
const ANSWERED: readonly Finish[] = ['stop', 'length'];

/**
 * A middleware for `wrapLanguageModel`. Before a call it finds memories for the newest message of the user and shows them in a system
 * message. After the answer it sends both to be remembered, in the background. A failure of the memory service changes neither.
 */
export function rememberConversation(
  memory: Pick<MemoryClient, 'add' | 'search'>,
  options: RememberOptions = {},
): LanguageModelV4Middleware {
  const conversation = createConversationMemory({ ...options, memory });

  function remember(prompt: LanguageModelV4Prompt, assistant: string, finish: Finish): void {
    if (ANSWERED.includes(finish)) conversation.remember({ user: readQuestion(prompt), assistant });
  }

  return {
    specificationVersion: 'v4',
    async transformParams({ params }) {
      const recalled = await conversation.recall(readQuestion(params.prompt), params.abortSignal);
      return recalled === undefined ? params : { ...params, prompt: addNotes(params.prompt, recalled) };
    },
    async wrapGenerate({ doGenerate, params: { prompt } }) {
      const result = await doGenerate();
      const texts = result.content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
      remember(prompt, texts.join(''), result.finishReason.unified);
      return result;
    },
    async wrapStream({ doStream, params: { prompt } }) {
      const { stream, ...rest } = await doStream();
      let text = '';
      let isBroken = false;
      const watched = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
        transform(part, controller) {
          if (part.type === 'text-delta') text += part.delta;
          if (part.type === 'error') isBroken = true;
          if (part.type === 'finish' && !isBroken) remember(prompt, text, part.finishReason.unified);
          controller.enqueue(part);
        },
      });
      return { ...rest, stream: stream.pipeThrough(watched) };
    },
  };
}

/** Returns the texts of the newest message of the user, or an empty text. */
function readQuestion(prompt: LanguageModelV4Prompt): string {
  const message = prompt.findLast((one) => one.role === 'user');
  const parts = message?.role === 'user' ? message.content : [];
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

/** Puts the notes behind the system messages. */
function addNotes(prompt: LanguageModelV4Prompt, content: string): LanguageModelV4Prompt {
  const place = prompt.findIndex(({ role }) => role !== 'system');
  const notes: LanguageModelV4Message = { role: 'system', content };
  return prompt.toSpliced(place < 0 ? prompt.length : place, 0, notes);
}
