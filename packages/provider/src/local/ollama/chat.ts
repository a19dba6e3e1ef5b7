import type { ApiContext } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import { readBoolean, readFields } from '../field-rules.ts';
import { borrowText, findToday, type LocalCall } from '../local-model.ts';
import { withDefaults } from '../model-defaults.ts';
import { findModel } from '../model-shelf.ts';
import { answerOllama } from './answer.ts';
import { toModelRequest } from './asked.ts';
import { CHAT_RULES, MESSAGE_RULES } from './generation-rules.ts';
import { parseKeepAlive } from './keep-alive.ts';
import { loadOrUnload } from './load.ts';
import { readOptions } from './options.ts';
import { readCall } from './read-call.ts';

/** Answers a conversation. @throws RequestError, ApiError, EngineError */
export async function chat(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields, dropped } = await readCall(context, CHAT_RULES);
  const model = await findModel(call.shelf, fields.model);
  const options = readOptions(fields.options, model.defaults?.parameters);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const stream = readBoolean(fields, 'stream', true);
  const { messages, dropped: ofMessages } = readMessages(fields.messages ?? []);
  const typed = fields.model as string;
  const format = (content: string) => ({ message: { role: 'assistant', content } });
  showIgnored(context, [...dropped, ...ofMessages, ...options.dropped]);
  if (messages.length === 0) return loadOrUnload(context, call, { model, typed, keepMs, empty: format('') });

  const lease = await borrowText(call, model, { keepMs, use: 'chat' });
  try {
    const prompt = { messages: withDefaults(messages, model.defaults) };
    const request = toModelRequest(context, lease.engine, { fields, prompt, options, day: findToday(call.clock) });
    const { contextSize } = options;
    return await answerOllama(context, call, lease, { model: typed, request, contextSize, stream, format });
  } catch (error) {
    lease.release();
    throw error;
  }
}

interface Message {
  readonly role: unknown;
  readonly content: unknown;
}

function readMessages(value: unknown): { messages: readonly Message[]; dropped: readonly string[] } {
  if (!Array.isArray(value)) throw new RequestError('messages must be an array', 'messages');
  const read = value.map((message: unknown, index) => readFields(message, MESSAGE_RULES, `messages[${index}]`));
  return {
    messages: read.map(({ fields: { role, content } }) => ({ role, content: content ?? '' })),
    dropped: read.flatMap(({ dropped }) => dropped),
  };
}
