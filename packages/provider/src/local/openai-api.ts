import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import { showModel, showModels } from '@ogong/host/dialect/models';
import { type ApiContext, getCallSignal, type Handler } from '@ogong/host/http/api-app';
import type { MediaBody } from '@ogong/host/http/media-body';
import { answerCompletion } from '@ogong/host/openai/completion';
import { echoPrompt } from '@ogong/host/openai/echo';
import { createIdentity, formatModel, type Json } from '@ogong/host/openai/format';
import type { ChoiceEnd, ChoicePart } from '@ogong/host/openai/read-choice';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { AnswerToken } from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { KeptReply } from '../modality/local-reply.ts';
import { findDay, type ServedRequest } from '../modality/text/commit-locally.ts';
import {
  assertReadsPictures,
  chooseAnswerFormat,
  listUnmet,
  listUnread,
  listUnusedTemplate,
  parseModelRequest,
} from '../modality/text/model-request.ts';
import { readPictures } from '../modality/text/read-pictures.ts';
import { createAtOnceHandlers } from './answer-at-once.ts';
import { nameReceipt, showReceipt, toReceiptsField } from './answer-receipts.ts';
import { readEchoedPrompt } from './echoed-prompt.ts';
import {
  assertDemands,
  borrowText,
  generateLocally,
  HEARTBEAT_MS,
  hasReceipts,
  type LocalCall,
  type LocalJob,
  readFilledBody,
} from './local-model.ts';
import { findContextSize } from './model-context.ts';
import { withDefaults } from './model-defaults.ts';
import { findModel, type ShelfModel } from './model-shelf.ts';
import { addParameters, fitModel, parseOpenAiRequest, writeServed } from './openai-request.ts';

export function createOpenAiHandlers(
  call: LocalCall,
): Readonly<Record<string, Handler>> & Readonly<Record<Endpoint | 'model' | 'models' | 'receipt', Handler>> {
  return {
    ...createAtOnceHandlers(call),
    chat: createCompletionHandler('chat', call),
    completion: createCompletionHandler('completion', call),
    model: async (context) =>
      showModel(context, formatListed(call, await findModel(call.shelf, context.req.param('id')))),
    receipt: async (context) => showReceipt(context, call),
    models: async (context) =>
      showModels(
        context,
        (await call.shelf.list()).map((each) => formatListed(call, each)),
      ),
  };
}

const formatListed = ({ loaded }: Pick<LocalCall, 'loaded'>, model: ShelfModel) =>
  formatModel({
    id: model.name,
    created: Math.floor(model.modifiedAtMs / 1000),
    ownedBy: 'local',
    contextSize: findContextSize(loaded, model),
  });

/** @throws RequestError, ApiError, EngineError */
function createCompletionHandler(endpoint: Endpoint, call: LocalCall): Handler {
  return async (context) => {
    const sent = await readFilledBody(context, call);
    const { asked, choices, answerAs } = await openCompletion(context, call, { endpoint, ...sent });
    const identity = createIdentity(endpoint, {
      // The name as the client wrote it.
      model: asked.model,
      nowMs: call.clock.nowMs(),
      random: call.randomBytes(18),
    });
    return answerCompletion(context, {
      ...{ endpoint, identity },
      request: { ...asked, choices },
      choicesPerPrompt: asked.choices,
      ...answerAs(identity.id),
      heartbeatMs: HEARTBEAT_MS,
    });
  };
}

/** A request whose model is loaded. */
interface OpenCompletion {
  readonly asked: InferenceRequest;
  /** Choices of all prompts together. */
  readonly choices: number;
  /** Serves it under the name of an answer, which its receipts are found by. */
  readonly answerAs: (answerId: string) => LocalAnswer;
}

interface LocalAnswer {
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<ChoicePart, ChoiceEnd>;
  readonly toExtra: () => Json;
  readonly headers: Readonly<Record<string, string>>;
  /** Gives the model back. */
  readonly onEnd: () => void;
}

/** Reads a request, loads its model and fits the one to the other. @throws RequestError, ApiError, EngineError */
export async function openCompletion(
  context: ApiContext,
  call: LocalCall,
  { endpoint, body, media }: MediaBody & { readonly endpoint: Endpoint },
): Promise<OpenCompletion> {
  const startMs = call.clock.nowMs();
  const day = findDay(startMs);
  const first = parseOpenAiRequest(body, endpoint, day);
  const model = await findModel(call.shelf, first.asked.model);
  const fields = addParameters(body, model);
  const request = model.defaults ? parseOpenAiRequest(fields, endpoint, day) : first;
  const { engine, release } = await borrowText(call, model, { use: endpoint });
  try {
    assertDemands(request.asked, engine.info());
    assertReadsPictures(request.asked, engine.info());
    const fitted = fitModel(context, engine, request, model);
    const prompts = request.prompts.map((given) => addDefaults(given, model));
    const unused = await listUnusedTemplate(engine, prompts);
    const unfollowed = [...listUnmet(engine.info(), fitted), ...listUnread(engine.info(), fitted)];
    const asked = { ...fitted, dropped: [...fitted.dropped, ...unfollowed, ...unused] };
    const served: Served[] = [];
    for (const prompt of prompts) {
      if (asked.maxTokens === 0) served.push({ prompt });
      else {
        const exact = writeServed(fields, { prompt, model, maxTokens: asked.maxTokens });
        const parsed = parseModelRequest(exact, endpoint, day);
        // Once for all choices of the prompt.
        const seen = await readPictures(engine, parsed, { media, signal: getCallSignal(context) });
        served.push({ prompt, request: { ...seen, body: exact, media, startMs } });
      }
    }
    const choices = served.length * asked.choices;
    return {
      ...{ asked, choices },
      answerAs: (answerId) => ({
        serve: (choice, signal) => {
          const keep = (reply: KeptReply) => call.receipts.keep({ answerId, choice }, reply);
          const one = served[Math.floor(choice / asked.choices)] as Served;
          const job = { engine, draw: choice % asked.choices, keep, signal };
          return serveChoice(call, one, { ...job, choice, asked });
        },
        toExtra: () => toReceiptsField(context, call, { answerId, choices }),
        headers: asked.maxTokens === 0 || !hasReceipts(engine) ? {} : nameReceipt(answerId),
        onEnd: release,
      }),
    };
  } catch (error) {
    release();
    throw error;
  }
}

export const addDefaults = (prompt: Prompt, { defaults }: ShelfModel): Prompt =>
  'messages' in prompt ? { ...prompt, messages: withDefaults(prompt.messages, defaults) } : prompt;

/** One prompt; without a request if nothing is to be written. */
interface Served {
  readonly prompt: Prompt;
  readonly request?: ServedRequest;
}

interface ChoiceJob extends Omit<LocalJob, 'request'> {
  readonly choice: number;
  readonly asked: InferenceRequest;
}

function serveChoice(
  call: LocalCall,
  { prompt, request }: Served,
  job: ChoiceJob,
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const { engine, asked } = job;
  const answer = request ? generateChoice(call, { ...job, request }) : answerNothing(engine, prompt, job);
  return asked.echo ? echoChoice(answer, prompt, job) : answer;
}

async function* echoChoice(
  answer: AsyncGenerator<ChoicePart, ChoiceEnd>,
  prompt: Prompt,
  { engine, asked, signal }: ChoiceJob,
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const topLogprobs = asked.logprobs ? asked.topLogprobs : undefined;
  return yield* echoPrompt(await readEchoedPrompt(engine, prompt, { topLogprobs, signal }), answer);
}

// biome-ignore lint/correctness/useYield: it is read as a choice like any other, and writes nothing.
async function* answerNothing(
  engine: TextEngine,
  prompt: Prompt,
  { choice }: ChoiceJob,
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const { length: promptTokens } = await engine.tokenizePrompt(prompt);
  const { answerFormat: format } = engine.info();
  return { choice, text: '', tokens: [], format, stopReason: 'length', promptTokens, outputTokens: 0, cachedTokens: 0 };
}

async function* generateChoice(
  call: LocalCall,
  { choice, ...job }: ChoiceJob & { readonly request: ServedRequest },
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const { engine, request } = job;
  const { logprobs } = request.asked;
  const tokens: AnswerToken[] = [];
  const format = chooseAnswerFormat(engine.info(), request.asked);
  let promptTokens = 0;
  let sent = 0;
  for await (const event of generateLocally(call, job)) {
    if (event.kind === 'start') promptTokens = event.promptTokens.length;
    if (event.kind === 'token' && (event.text !== '' || logprobs)) {
      const shown = logprobs ? [{ ...event.token, alternatives: event.alternatives }] : [];
      tokens.push(...shown);
      sent += event.text.length;
      yield { text: event.text, tokens: shown, format, promptTokens };
    }
    if (event.kind === 'end') {
      const { stopReason, outputTokens, cachedTokens, text } = event;
      if (text.length > sent) yield { text: text.slice(sent), tokens: [], format, promptTokens };
      const counts = { promptTokens, outputTokens: outputTokens.length, cachedTokens };
      return { choice, text, tokens, format, stopReason, ...counts };
    }
  }
  throw new Error('the engine ended without an end');
}
