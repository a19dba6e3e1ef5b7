import type { Output } from '@ogong/host/lifecycle/command';
import { createWordWrap } from '@ogong/host/lifecycle/word-wrap';
import { toPrintable } from '@ogong/protocol/base/printable';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import type { LocalApi } from './local-api.ts';
import { callLocal, LocalApiError, streamLocal } from './local-client.ts';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** A question and its answer. */
interface Exchange {
  readonly turns: readonly Turn[];
  /** Tokens that it added to the prompt. */
  readonly tokens: number;
}

/** Fields of requests to the model besides the messages; `/set` changes them. */
export interface ChatSettings {
  system: string | undefined;
  /** Options of the sampler, by Ollama's names. */
  parameters: Record<string, unknown>;
  /** `json` or a JSON schema. */
  format: unknown;
  think: boolean | string | undefined;
  keepAlive: string | undefined;
  isVerbose: boolean;
}

export interface Conversation {
  /** The model's name, as it was typed. */
  readonly model: string;
  readonly settings: ChatSettings;
  /** Loads the model. @throws LocalApiError */
  begin(): Promise<void>;
  /**
   * Streams the answer. The answer until the signal fired stays in the conversation, and a failure leaves the conversation as it was.
   * @returns the answer.
   * @throws LocalApiError; the signal's reason
   */
  say(content: string, signal?: AbortSignal): Promise<string>;
  /** Path of the last answer's receipt on the server; undefined if no answer has one. */
  readonly receiptPath: string | undefined;
  clear(): void;
  /** Goes on with another model, or with a conversation that was saved. @throws LocalApiError */
  load(model: string): Promise<void>;
  /** Keeps model, settings and messages under a name. @throws LocalApiError */
  save(name: string): Promise<void>;
}

export interface ConversationOptions {
  readonly api: LocalApi;
  readonly model: string;
  readonly settings: ChatSettings;
  readonly output: Output;
  /** Reasoning is shown to people, and not to programs that read the answer. */
  readonly isInteractive: boolean;
}

export function createConversation({ api, output, isInteractive, ...given }: ConversationOptions): Conversation {
  const { settings } = given;
  let { model } = given;
  let exchanges: Exchange[] = [];
  /** Turns of the model itself: the server sends them along. */
  let kept: readonly Turn[] = [];
  let contextSize = Number.POSITIVE_INFINITY;
  let receiptPath: string | undefined;

  const listTurns = (): readonly Turn[] => exchanges.flatMap(({ turns }) => turns);

  const formatRequest = (turns: readonly Turn[]) => ({
    model,
    messages: [...(settings.system === undefined ? [] : [{ role: 'system', content: settings.system }]), ...turns],
    ...(Object.keys(settings.parameters).length > 0 && { options: settings.parameters }),
    ...(settings.format !== undefined && { format: settings.format }),
    ...(settings.think !== undefined && { think: settings.think }),
    ...(settings.keepAlive !== undefined && { keep_alive: settings.keepAlive }),
  });

  /** Prompts that are too long are refused, so the oldest exchanges go once half of the context is full. */
  function forget(): void {
    while (exchanges.length > 0 && exchanges.reduce((sum, { tokens }) => sum + tokens, 0) > contextSize / 2) {
      exchanges.shift();
    }
  }

  const conversation: Conversation = {
    get model() {
      return model;
    },
    settings,
    get receiptPath() {
      return receiptPath;
    },
    async begin() {
      await callLocal(api, '/api/chat', { body: { ...formatRequest([]), messages: [] } });
      const { models } = await callLocal(api, '/api/ps', { method: 'GET' });
      const sizes = (models as readonly { readonly context_length: number }[]).map((each) => each.context_length);
      // The right one of them is not needed: to forget early does no harm.
      contextSize = Math.min(...sizes, Number(settings.parameters.num_ctx ?? Number.POSITIVE_INFINITY));
    },
    async say(content, signal) {
      forget();
      const turns = [...listTurns(), { role: 'user', content } as const];
      const show = createAnswerPrinter(output, isInteractive);
      let answer = '';
      receiptPath = undefined;
      const onHeaders = (headers: Headers): void => {
        receiptPath = headers.get(RECEIPT_HEADER) ?? undefined;
      };
      let end: Readonly<Record<string, unknown>> | undefined;
      try {
        for await (const event of streamLocal(api, '/api/chat', { body: formatRequest(turns), signal, onHeaders })) {
          const { content: piece = '', thinking = '' } = (event.message ?? {}) as Partial<Record<string, string>>;
          answer += piece;
          show.piece(piece, thinking);
          if (event.done === true) end = event;
        }
        if (end === undefined) throw new LocalApiError(0, 'the answer broke off; ask again');
      } finally {
        show.end();
        // An answer that was broken off has none.
        if (end === undefined) receiptPath = undefined;
        if (end !== undefined || (signal?.aborted && answer !== '')) {
          const before = exchanges.reduce((sum, { tokens }) => sum + tokens, 0);
          const counted = Number(end?.prompt_eval_count ?? 0) + Number(end?.eval_count ?? 0);
          // A stopped answer is not counted; a token has four bytes or so.
          const tokens = end === undefined ? Math.ceil((content.length + answer.length) / 4) : counted - before;
          const answered = { role: 'assistant', content: answer } as const;
          exchanges.push({ turns: [{ role: 'user', content }, answered], tokens: Math.max(1, tokens) });
        }
      }
      if (settings.isVerbose) output.writeError(formatTimings(end));
      return answer;
    },
    clear() {
      exchanges = [];
      receiptPath = undefined;
    },
    async load(name) {
      const shown = await callLocal(api, '/api/show', { body: { model: name } });
      model = name;
      kept = (shown.messages as readonly Turn[] | undefined) ?? [];
      exchanges = [];
      receiptPath = undefined;
      settings.system = undefined;
      settings.parameters = {};
      await conversation.begin();
    },
    async save(name) {
      const messages = [...kept, ...listTurns()];
      const { system, parameters } = settings;
      await callLocal(api, '/api/create', {
        body: {
          model: name,
          from: model,
          stream: false,
          ...(system === undefined ? {} : { system }),
          ...(Object.keys(parameters).length > 0 && { parameters }),
          ...(messages.length > 0 && { messages }),
        },
      });
    },
  };
  return conversation;
}

/** Writes an answer as it comes, and ends it with a line break. */
function createAnswerPrinter(output: Output, isInteractive: boolean) {
  let isThinking = false;
  let last = '';
  const shownText = createWordWrap(output.write, () => output.readColumns?.());
  return {
    piece(text: string, thinking: string): void {
      if (thinking !== '' && isInteractive) {
        const shown = toPrintable(thinking);
        shownText.write(isThinking ? shown : `Thinking...\n${shown}`);
        isThinking = true;
      }
      if (text === '') return;
      if (isThinking) shownText.write('\n...done thinking.\n\n');
      isThinking = false;
      // A pipe gets the answer as it is; a terminal would obey it.
      shownText.write(isInteractive ? toPrintable(text) : text);
      last = text;
    },
    end(): void {
      shownText.end();
      if (isThinking || (last !== '' && !last.endsWith('\n'))) output.write('\n');
      if (isInteractive) output.write('\n');
    },
  };
}

function formatTimings(end: Readonly<Record<string, unknown>> = {}): string {
  const seconds = (name: string) => Number(end[name] ?? 0) / 1e9;
  const rate = (count: string, time: string) => (seconds(time) > 0 ? Number(end[count] ?? 0) / seconds(time) : 0);
  return [
    `total ${seconds('total_duration').toFixed(2)} s, of it loading ${seconds('load_duration').toFixed(2)} s`,
    `prompt ${end.prompt_eval_count} tokens, ${rate('prompt_eval_count', 'prompt_eval_duration').toFixed(1)} tokens/s`,
    `answer ${end.eval_count} tokens, ${rate('eval_count', 'eval_duration').toFixed(1)} tokens/s`,
    '',
  ].join('\n');
}
