import type { ApiContext } from '../http/api-app.ts';
import { formatModelList, type Json } from '../openai/format.ts';
import { isAnthropicCall } from './anthropic/anthropic-call.ts';
import { toAnthropicModel, toAnthropicModels } from './anthropic/anthropic-models.ts';

/** Formats all models as the client's API does. @param models as OpenAI shows them. */
export const showModels = (context: ApiContext, models: readonly Json[]): Response =>
  context.json(isAnthropicCall(context) ? toAnthropicModels(models) : formatModelList(models));

export const showModel = (context: ApiContext, model: Json): Response =>
  context.json(isAnthropicCall(context) ? toAnthropicModel(model) : model);
