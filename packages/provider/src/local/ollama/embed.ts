import type { EmbeddedInput } from '@ogong/engine/interface/embedding';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { embedLocally } from '../../modality/embedding/embed-locally.ts';
import { embeddingModality } from '../../modality/embedding/embedding.ts';
import { nameReceipt, toInlineReceipt } from '../answer-receipts.ts';
import type { Fields } from '../field-rules.ts';
import { readText } from '../field-rules.ts';
import { borrowModel, encodeJson, type LocalCall } from '../local-model.ts';
import { findModel } from '../model-shelf.ts';
import { EMBED_RULES, EMBEDDINGS_RULES } from './embed-rules.ts';
import { parseKeepAlive } from './keep-alive.ts';
import { readOptions } from './options.ts';
import { readCall } from './read-call.ts';

/** POST /api/embed: vectors of one text or several. @throws RequestError, ApiError, EngineError */
export async function embed(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields, dropped } = await readCall(context, EMBED_RULES);
  showIgnored(context, dropped);
  const startedAt = performance.now();
  const asked = { fields, texts: readInput(fields.input ?? '') };
  const { embedded, loadMs, answerId } = await embedTexts(context, call, asked);
  const answer = {
    model: fields.model,
    embeddings: embedded.map(({ vector }) => [...vector]),
    total_duration: Math.round((performance.now() - startedAt) * 1e6),
    load_duration: Math.round(loadMs * 1e6),
    prompt_eval_count: embedded.reduce((sum, { tokens }) => sum + tokens.length, 0),
    ...toInlineReceipt(context, call, answerId),
  };
  return context.json(answer, 200, nameReceipt(answerId));
}

/** POST /api/embeddings, which came before /api/embed. @throws RequestError, ApiError, EngineError */
export async function embeddings(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, EMBEDDINGS_RULES);
  const texts = readInput(readText(fields, 'prompt') ?? '');
  const { embedded, answerId } = await embedTexts(context, call, { fields, texts });
  const answer = { embedding: [...(embedded[0]?.vector ?? [])], ...toInlineReceipt(context, call, answerId) };
  return context.json(answer, 200, nameReceipt(answerId));
}

interface Embedded {
  readonly embedded: readonly EmbeddedInput[];
  readonly loadMs: number;
  readonly answerId: string | undefined;
}

async function embedTexts(
  context: ApiContext,
  call: LocalCall,
  { fields, texts }: { readonly fields: Fields; readonly texts: readonly string[] },
): Promise<Embedded> {
  readOptions(fields.options);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const model = await findModel(call.shelf, fields.model);
  const { engine, loadMs, release } = await borrowModel(call, model, {
    modality: embeddingModality,
    keepMs,
    use: 'embeddings',
  });
  try {
    if (texts.length === 0) return { embedded: [], loadMs, answerId: undefined };
    const body = encodeJson({ model: fields.model, input: texts });
    const request = parseEmbeddingRequest(body);
    const means = { ...call, signal: getCallSignal(context) };
    const { inputs, answerId, reply } = await embedLocally(means, { engine, request, body });
    call.receipts.keep({ answerId, choice: 0 }, reply);
    return { embedded: inputs, loadMs, answerId };
  } finally {
    release();
  }
}

/** An empty text asks for the model to be loaded. */
function readInput(value: unknown): readonly string[] {
  if (value === '') return [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || !list.every((text) => typeof text === 'string' && text.isWellFormed()))
    throw new RequestError('input must be a string or an array of strings', 'input');
  return list as string[];
}
