import { type ApiContext, getCallSignal, type Handler } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { AnsweringEndpoints, ProviderModality } from '../modality/modality.ts';
import { MODALITIES } from '../modality/registry.ts';
import { nameReceipt, toReceiptsField } from './answer-receipts.ts';
import { assertDemands, BODY_LIMITS, borrowModel, type LocalCall } from './local-model.ts';
import { findModel } from './model-shelf.ts';

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
async function answerAtOnce(
  context: ApiContext,
  call: LocalCall,
  { modality, atOnce, endpoint }: AtOnceRoute,
): Promise<Response> {
  const body = await readBody(context, BODY_LIMITS);
  const request = atOnce.parse(body, endpoint);
  showIgnored(context, request.dropped);
  const model = await findModel(call.shelf, request.model);
  const { engine, release } = await borrowModel(call, model, { modality, use: atOnce.nameUse(request) });
  try {
    assertDemands(request, engine.info());
    const means = { ...call, signal: getCallSignal(context) };
    const { answerId, reply, body: answer } = await atOnce.answer(means, { engine, request, body });
    call.receipts.keep({ answerId, choice: 0 }, reply);
    return context.json(
      { ...answer, ...toReceiptsField(context, call, { answerId, choices: 1 }) },
      200,
      nameReceipt(answerId),
    );
  } finally {
    release();
  }
}
