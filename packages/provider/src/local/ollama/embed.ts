import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { showClamped, showIgnored } from '@ogong/host/openai/answer-headers';
import { type EmbeddingInput, parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { splitInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { embedLocally } from '../../modality/embedding/embed-locally.ts';
import { embeddingModality } from '../../modality/embedding/embedding.ts';
import { nameReceipt, toInlineReceipt } from '../answer-receipts.ts';
import type { Fields } from '../field-rules.ts';
import { readBoolean, readFields, readText } from '../field-rules.ts';
import { borrowModel, encodeJson, type LocalCall } from '../local-model.ts';
import { findModel } from '../model-shelf.ts';
import { readParts } from '../request-parts.ts';
import { EMBED_OPTION_RULES, EMBED_RULES, EMBEDDINGS_RULES } from './embed-rules.ts';
import { parseKeepAlive } from './keep-alive.ts';
import { readContext } from './options.ts';
import { readCall } from './read-call.ts';

/** POST /api/embed: vectors of one text or several. @throws RequestError, ApiError, EngineError */
export async function embed(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, EMBED_RULES);
  const startedAt = performance.now();
  const cuts = readBoolean(fields, 'truncate', true);
  const asked = { fields, texts: readInput(fields.input ?? ''), cuts };
  const { embedded, loadMs, answerId, choices } = await embedTexts(context, call, asked);
  const answer = {
    model: fields.model,
    embeddings: embedded.map(({ vector }) => [...vector]),
    total_duration: Math.round((performance.now() - startedAt) * 1e6),
    load_duration: Math.round(loadMs * 1e6),
    prompt_eval_count: embedded.reduce((sum, { tokens }) => sum + tokens.length, 0),
    ...toInlineReceipt(context, call, answerId, choices),
  };
  return context.json(answer, 200, nameReceipt(answerId));
}

/** POST /api/embeddings, which came before /api/embed. @throws RequestError, ApiError, EngineError */
export async function embeddings(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, EMBEDDINGS_RULES);
  const texts = readInput(readText(fields, 'prompt') ?? '');
  const { embedded, answerId } = await embedTexts(context, call, { fields, texts, cuts: true });
  const answer = { embedding: [...(embedded[0]?.vector ?? [])], ...toInlineReceipt(context, call, answerId) };
  return context.json(answer, 200, nameReceipt(answerId));
}

interface Embedded {
  readonly embedded: readonly EmbeddedInput[];
  readonly loadMs: number;
  readonly answerId: string | undefined;
  /** Number of receipts. */
  readonly choices: number;
}

interface AskedTexts {
  readonly fields: Fields;
  readonly texts: readonly string[];
  /** Whether a text that is too long is cut. */
  readonly cuts: boolean;
}

async function embedTexts(
  context: ApiContext,
  call: LocalCall,
  { fields, texts, cuts }: AskedTexts,
): Promise<Embedded> {
  const { fields: options, dropped } = readFields(fields.options ?? {}, EMBED_OPTION_RULES, 'options');
  showIgnored(context, dropped);
  const wanted = readContext(options.num_ctx);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const model = await findModel(call.shelf, fields.model);
  const { engine, loadMs, release } = await borrowModel(call, model, {
    modality: embeddingModality,
    keepMs,
    use: 'embeddings',
  });
  try {
    if (texts.length === 0) return { embedded: [], loadMs, answerId: undefined, choices: 0 };
    const own = engine.info().contextSize;
    if (wanted !== undefined && wanted > own) showClamped(context, { 'options.num_ctx': own });
    const contextSize = Math.min(wanted ?? own, own);
    const input = await fitTexts(engine, texts, { cuts, contextSize });
    if (cuts && input.some((ids, i) => typeof ids !== 'string' && texts[i] !== ''))
      showClamped(context, { input: contextSize });
    const { dimensions } = fields;
    const body = encodeJson({ model: fields.model, input, ...(dimensions === undefined ? {} : { dimensions }) });
    const bodies = splitInputs(body).map((part) => part.body);
    const means = { ...call, signal: getCallSignal(context) };
    const { inputs, answerId, replies } = await embedLocally(means, {
      engine,
      parts: readParts(bodies, parseEmbeddingRequest),
    });
    for (const [choice, reply] of replies.entries()) call.receipts.keep({ answerId, choice }, reply);
    return { embedded: inputs, loadMs, answerId, choices: replies.length };
  } finally {
    release();
  }
}

/**
 * Fits texts to the model. A text that is too long keeps its first tokens and the special ones at its end. An empty text has the
 * special tokens alone. Both are sent as ids, so that the receipt is for the exact input.
 * @throws RequestError for an empty text of a model without special tokens, EngineError for a long text that may not be cut.
 */
async function fitTexts(
  engine: EmbeddingEngine,
  texts: readonly string[],
  { cuts, contextSize }: { readonly cuts: boolean; readonly contextSize: number },
): Promise<readonly EmbeddingInput[]> {
  const special = await engine.tokenize('');
  const fitted: EmbeddingInput[] = [];
  for (const [i, text] of texts.entries()) {
    if (text === '' && special.length === 0)
      throw new RequestError(`input[${i}] is empty, and this model adds no token to it`, 'input');
    // No tokenizer makes more tokens of a text than it has bytes.
    const mayBeLong = Buffer.byteLength(text) + special.length > contextSize;
    const tokens = text === '' ? special : mayBeLong ? await engine.tokenize(text) : undefined;
    if (tokens === undefined || (text !== '' && tokens.length <= contextSize)) fitted.push(text);
    else if (!cuts && tokens.length > contextSize)
      throw new EngineError('prompt-too-long', `input ${i} has ${tokens.length} tokens, at most ${contextSize} fit`);
    else fitted.push(cutTokens(tokens, { contextSize, special }));
  }
  return fitted;
}

function cutTokens(
  tokens: Uint32Array,
  { contextSize, special }: { readonly contextSize: number; readonly special: Uint32Array },
): readonly number[] {
  if (tokens.length <= contextSize) return [...tokens];
  const last = tokens.at(-1);
  const hasEnd = last === special.at(-1) && (special.length > 1 || tokens[0] !== last);
  const end = hasEnd ? [last as number] : [];
  return [...tokens.subarray(0, contextSize - end.length), ...end];
}

/** An empty text asks for the model to be loaded. */
function readInput(value: unknown): readonly string[] {
  if (value === '') return [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || !list.every((text) => typeof text === 'string' && text.isWellFormed()))
    throw new RequestError('input must be a string or an array of strings', 'input');
  return list as string[];
}
