import type { BaseLanguageModelInput } from '@langchain/core/language_models/base';
import {
  type AIMessageChunk,
  type BaseMessage,
  coerceMessageLikeToMessage,
  HumanMessage,
  SystemMessage,
} from '@langchain/core/messages';
import { Runnable, type RunnableConfig } from '@langchain/core/runnables';
import { type ConversationMemory, type ConversationMemoryOptions, createConversationMemory } from '@ogong/sdk';

/** A chat model, or a chain that begins and ends as one. */
type Chat = Runnable<BaseMessage[], BaseMessage>;

export interface RememberingChatOptions extends ConversationMemoryOptions {
  readonly chat: Chat;
}

/**
 * Asks a chat model with memories. It finds memories for the newest message of the user and shows them in a system message. After the
 * answer it sends both to be remembered, in the background. A failure of the memory service changes neither.
 */
export class RememberingChat extends Runnable<BaseLanguageModelInput, BaseMessage> {
  override lc_namespace = ['ogong', 'runnables'];
  readonly #chat: Chat;
  readonly #conversation: ConversationMemory;

  static override lc_name(): string {
    return 'RememberingChat';
  }

  constructor({ chat, ...options }: RememberingChatOptions) {
    super();
    this.#chat = chat;
    this.#conversation = createConversationMemory(options);
  }

  override invoke(input: BaseLanguageModelInput, config?: Partial<RunnableConfig>): Promise<BaseMessage> {
    return this._callWithConfig(
      async (given: BaseLanguageModelInput, own) => {
        const messages = readMessages(given);
        const answer = await this.#chat.invoke(await this.#addNotes(messages, own?.signal), own);
        this.#remember(messages, answer);
        return answer;
      },
      input,
      config,
    );
  }

  override async *_streamIterator(
    input: BaseLanguageModelInput,
    config?: Partial<RunnableConfig>,
  ): AsyncGenerator<BaseMessage> {
    const messages = readMessages(input);
    const chunks = await this.#chat.stream(await this.#addNotes(messages, config?.signal), config);
    let answer: BaseMessage | undefined;
    for await (const chunk of chunks) {
      answer = answer === undefined ? chunk : (answer as AIMessageChunk).concat(chunk as AIMessageChunk);
      yield chunk;
    }
    if (answer !== undefined) this.#remember(messages, answer);
  }

  /** Puts the notes behind the system messages. */
  async #addNotes(messages: readonly BaseMessage[], signal: AbortSignal | undefined): Promise<BaseMessage[]> {
    const recalled = await this.#conversation.recall(readQuestion(messages), signal);
    if (recalled === undefined) return [...messages];
    const place = messages.findIndex(({ type }) => type !== 'system');
    return messages.toSpliced(place < 0 ? messages.length : place, 0, new SystemMessage(recalled));
  }

  /** An answer that calls tools is followed by another one. */
  #remember(messages: readonly BaseMessage[], answer: BaseMessage): void {
    const { tool_calls: calls = [] } = answer as AIMessageChunk;
    if (calls.length === 0) this.#conversation.remember({ user: readQuestion(messages), assistant: answer.text });
  }
}

function readMessages(input: BaseLanguageModelInput): BaseMessage[] {
  if (typeof input === 'string') return [new HumanMessage(input)];
  return Array.isArray(input) ? input.map(coerceMessageLikeToMessage) : input.toChatMessages();
}

const readQuestion = (messages: readonly BaseMessage[]): string =>
  messages.findLast(({ type }) => type === 'human')?.text ?? '';

/** Gives a chat model the memories of a service. */
export const rememberConversation = (
  model: Chat,
  memory: ConversationMemoryOptions['memory'],
  options: Omit<ConversationMemoryOptions, 'memory'> = {},
): RememberingChat => new RememberingChat({ ...options, chat: model, memory });
