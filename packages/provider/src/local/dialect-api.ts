import { answerInDialect } from '@ogong/host/dialect/answer';
import { API_DIALECTS, type ApiDialectName, createDialectIdentity } from '@ogong/host/dialect/dialects';
import type { Handler } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { DIALECT_ROUTES } from '@ogong/protocol/http/routes';
import { countPrompt } from '../modality/text/count-prompt.ts';
import { borrowText, findToday, HEARTBEAT_MS, type LocalCall, readFilledBody } from './local-model.ts';
import { findModel } from './model-shelf.ts';
import { addDefaults, openCompletion } from './openai-api.ts';
import { parseOpenAiRequest } from './openai-request.ts';

type DialectRouteName = keyof typeof DIALECT_ROUTES;

export const createDialectHandlers = (call: LocalCall): Readonly<Record<DialectRouteName, Handler>> => ({
  message: createDialectHandler('message', call),
  messageCount: createCountHandler('message', call),
  response: createDialectHandler('response', call),
  responseCount: createCountHandler('response', call),
});

/** Answers in the form of another API. @throws RequestError, ApiError, EngineError */
function createDialectHandler(name: ApiDialectName, call: LocalCall): Handler {
  const { read } = API_DIALECTS[name];
  return async (context) => {
    const { body: sent, media } = await readFilledBody(context, call);
    const request = read(context, sent);
    const { asked, answerAs } = await openCompletion(context, call, { endpoint: 'chat', body: request.body, media });
    const nowMs = () => call.clock.nowMs();
    const random = call.randomBytes(18);
    const identity = createDialectIdentity(name, { model: asked.model, nowMs: nowMs(), random });
    return answerInDialect(context, {
      dialect: request.toDialect({ identity, nowMs }),
      request: { ...asked, dropped: [...request.dropped, ...asked.dropped] },
      ...answerAs(identity.id),
      heartbeatMs: HEARTBEAT_MS,
    });
  };
}

/** How many tokens the model makes of a prompt. @throws RequestError, ApiError, EngineError */
function createCountHandler(name: ApiDialectName, call: LocalCall): Handler {
  const { readCount, formatCount } = API_DIALECTS[name];
  return async (context) => {
    const { body: sent, media } = await readFilledBody(context, call);
    const { body, dropped } = readCount(context, sent);
    const { asked, prompts } = parseOpenAiRequest(body, 'chat', findToday(call.clock));
    const model = await findModel(call.shelf, asked.model);
    const { engine, release } = await borrowText(call, model, { use: 'chat' });
    try {
      const [given] = prompts;
      const counted = given && { asked, prompt: addDefaults(given, model) };
      const tokens = counted === undefined ? 0 : await countPrompt(engine, counted, media);
      showIgnored(context, [...dropped, ...asked.dropped]);
      return context.json(formatCount(tokens));
    } finally {
      release();
    }
  };
}
