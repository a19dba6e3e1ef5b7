import type { EmbeddedInput } from '@ogong/engine/interface/embedding';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import type { Fields } from '../field-rules.ts';
import { readText } from '../field-rules.ts';
import { borrowEmbedding, type LocalCall } from '../local-model.ts';
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
  const { embedded, loadMs } = await embedTexts(context, call, { fields, texts: readInput(fields.input ?? '') });
  return context.json({
    model: fields.model,
    embeddings: embedded.map(({ vector }) => [...vector]),
    total_duration: Math.round((performance.now() - startedAt) * 1e6),
    load_duration: Math.round(loadMs * 1e6),
    prompt_eval_count: embedded.reduce((sum, { tokens }) => sum + tokens.length, 0),
  });
}

/** POST /api/embeddings, which came before /api/embed. @throws RequestError, ApiError, EngineError */
export async function embeddings(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, EMBEDDINGS_RULES);
  const texts = readInput(readText(fields, 'prompt') ?? '');
  const { embedded } = await embedTexts(context, call, { fields, texts });
  return context.json({ embedding: [...(embedded[0]?.vector ?? [])] });
}

async function embedTexts(
  context: ApiContext,
  call: LocalCall,
  { fields, texts }: { readonly fields: Fields; readonly texts: readonly string[] },
): Promise<{ readonly embedded: readonly EmbeddedInput[]; readonly loadMs: number }> {
  readOptions(fields.options);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const model = await findModel(call.shelf, fields.model);
  const { engine, loadMs, release } = await borrowEmbedding(call, model, { keepMs, use: 'embeddings' });
  try {
    if (texts.length === 0) return { embedded: [], loadMs };
    const { inputs } = await engine.embed({ inputs: texts }, { signal: getCallSignal(context) });
    return { embedded: inputs, loadMs };
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
