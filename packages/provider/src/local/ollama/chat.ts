import type { ApiContext } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { readBoolean } from '../field-rules.ts';
import { borrowText, type LocalCall } from '../local-model.ts';
import { withDefaults } from '../model-defaults.ts';
import { findModel } from '../model-shelf.ts';
import { answerOllama } from './answer.ts';
import { toServedRequest } from './asked.ts';
import { CHAT_RULES } from './generation-rules.ts';
import { parseKeepAlive } from './keep-alive.ts';
import { loadOrUnload } from './load.ts';
import { readMessages } from './messages.ts';
import { readOptions } from './options.ts';
import { NO_PARTS, type OllamaParts } from './parts.ts';
import { readCall } from './read-call.ts';

/** Answers a conversation. @throws RequestError, ApiError, EngineError */
export async function chat(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields, dropped, media } = await readCall(context, CHAT_RULES);
  const startMs = call.clock.nowMs();
  const model = await findModel(call.shelf, fields.model);
  const options = readOptions(fields.options, model.defaults?.parameters);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const stream = readBoolean(fields, 'stream', true);
  const { messages, dropped: ofMessages } = readMessages(fields.messages ?? []);
  const typed = fields.model as string;
  const format = ({ content, thinking, calls }: OllamaParts) => ({
    message: {
      ...{ role: 'assistant', content },
      ...(thinking !== '' && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  });
  const ignored = [...dropped, ...ofMessages, ...options.dropped];
  showIgnored(context, ignored);
  if (messages.length === 0) return loadOrUnload(context, call, { model, typed, keepMs, empty: format(NO_PARTS) });

  const lease = await borrowText(call, model, { keepMs, use: 'chat' });
  try {
    const prompt = { messages: withDefaults(messages, model.defaults) };
    const asked = { model: typed, fields, prompt, media, options, dropped: ignored, startMs };
    const request = await toServedRequest(context, lease.engine, asked);
    return await answerOllama(context, call, lease, { model: typed, request, stream, format });
  } catch (error) {
    lease.release();
    throw error;
  }
}
