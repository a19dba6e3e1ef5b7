import { type ApiContext, getCallSignal, type Handler } from '@ogong/host/http/api-app';
import { isForm, readFormBody } from '@ogong/host/http/form-body';
import type { MediaBody } from '@ogong/host/http/media-body';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { NAMED_FRAMING, streamEvents } from '@ogong/host/openai/event-stream';
import { toOpenAiError } from '@ogong/host/openai/openai-error';
import { STEPS_HEADER } from '@ogong/protocol/http/routes';
import type {
  AnsweringEndpoints,
  LocalAnswer,
  LocalMeans,
  LocalRequest,
  ProviderModality,
  RequestParts,
} from '../modality/modality.ts';
import { MODALITIES } from '../modality/registry.ts';
import { nameReceipt, toReceiptsField } from './answer-receipts.ts';
import { assertDemands, borrowModel, HEARTBEAT_MS, type LocalCall, readFilledBody } from './local-model.ts';
import { findModel } from './model-shelf.ts';
import { readParts } from './request-parts.ts';

/** Returns a handler for each endpoint of OpenAI's API whose answers come at once, in all modalities. */
export const createAtOnceHandlers = (call: LocalCall): Readonly<Record<string, Handler>> =>
  Object.fromEntries(
    MODALITIES.flatMap((modality) => {
      const { atOnce } = modality;
      if (atOnce === undefined) return [];
      return atOnce.names.map((endpoint): [string, Handler] => [
        endpoint,
        (context) => answerAtOnce(context, call, { modality, atOnce, endpoint }),
      ]);
    }),
  );

interface AtOnceRoute {
  readonly modality: ProviderModality;
  readonly atOnce: AnsweringEndpoints;
  readonly endpoint: string;
}

/** @throws RequestError, ApiError, ModelError, EngineError */
async function answerAtOnce(context: ApiContext, call: LocalCall, route: AtOnceRoute): Promise<Response> {
  const { formFields } = route.atOnce;
  const { body, media } =
    formFields && isForm(context)
      ? await readFilledBody(context, call, (form, limits) => readFormBody(form, limits, formFields))
      : await readFilledBody(context, call);
  const { atOnce, endpoint } = route;
  const bodies = atOnce.split?.(body, endpoint) ?? [body];
  const parts = readParts(bodies, (part) => atOnce.parse(part, endpoint));
  const [{ request }] = parts;
  showIgnored(context, request.dropped);
  if (request.stream) {
    return streamEvents(
      context,
      async (send) => {
        const answer = { ...route, parts, media, send: async (event: object) => send(event) };
        const { answerId, events = [] } = await makeAnswer(context, call, answer);
        for (const [first, event] of events.entries())
          await send({ ...event, ...toReceiptsField(context, call, { answerId, choices: 1, first }) });
      },
      {
        heartbeatMs: HEARTBEAT_MS,
        framing: NAMED_FRAMING,
        toFailure: (error) => ({ type: 'error', ...toOpenAiError(context.get('explain')(error), context) }),
      },
    );
  }
  const { answerId, replies, body: answer } = await makeAnswer(context, call, { ...route, parts, media });
  const receipts = toReceiptsField(context, call, { answerId, choices: replies.length });
  return context.json({ ...answer, ...receipts }, 200, nameReceipt(replies.length === 0 ? undefined : answerId));
}

/** Makes the answer, and keeps its receipts. */
async function makeAnswer(
  context: ApiContext,
  call: LocalCall,
  {
    modality,
    atOnce,
    parts,
    media,
    send,
  }: AtOnceRoute &
    Pick<MediaBody, 'media'> & { readonly parts: RequestParts<LocalRequest>; readonly send?: LocalMeans['send'] },
): Promise<LocalAnswer> {
  const [{ request }] = parts;
  const model = await findModel(call.shelf, request.model);
  const { engine, release } = await borrowModel(call, model, { modality, use: atOnce.nameUse(request) });
  try {
    assertDemands(request, engine.info());
    const namesSteps = context.req.header(STEPS_HEADER) !== undefined;
    const means = { ...call, signal: getCallSignal(context), namesSteps, ...(send && { send }) };
    const answer = await atOnce.answer(means, { engine, parts, media });
    const { answerId, replies } = answer;
    for (const [choice, reply] of replies.entries()) call.receipts.keep({ answerId, choice }, reply);
    return answer;
  } finally {
    release();
  }
}
