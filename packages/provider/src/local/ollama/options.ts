import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type Fields, readFields } from '../field-rules.ts';
import { OPTION_RULES } from './generation-rules.ts';

/** Ollama's documented defaults if a request names none. */
const DEFAULTS = { temperature: 0.8, top_k: 40, top_p: 0.9 };

export interface OllamaOptions {
  /** Settings by OpenAI's names. */
  readonly sampling: Fields;
  /** Undefined: as much as fits. */
  readonly maxTokens: number | undefined;
  /** The context that was asked for, in tokens. */
  readonly contextSize: number | undefined;
  readonly dropped: readonly string[];
  /** Whether the request or the model names a limit of candidates; otherwise it is the default. */
  readonly namesTopK: boolean;
}

/** @param defaults of the model. @throws RequestError */
export function readOptions(given: unknown, defaults: Fields = {}): OllamaOptions {
  const { fields: asked, dropped } = readFields(given ?? {}, OPTION_RULES, 'options');
  const own = Object.entries(defaults).filter(([key]) => (OPTION_RULES as FieldRules)[key] === 'works');
  const settings: Fields = { ...Object.fromEntries(own), ...asked };
  const { num_predict: wanted, num_ctx: contextSize, seed, top_k: topK, ...rest } = settings;
  const sampling = {
    ...DEFAULTS,
    ...rest,
    // Below zero Ollama draws a seed, and cuts no candidates.
    ...(typeof seed === 'number' && seed < 0 ? {} : { seed }),
    ...(topK === undefined ? {} : { top_k: typeof topK === 'number' && topK < 0 ? 0 : topK }),
  };
  const namesTopK = topK !== undefined;
  return { sampling, maxTokens: readLength(wanted), contextSize: readContext(contextSize), dropped, namesTopK };
}

function readLength(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value)) throw new RequestError('options.num_predict must be an integer', 'options.num_predict');
  const length = value as number;
  if (length === 0) {
    const message = 'options.num_predict: 0 asks for no answer; send an empty prompt to load the model';
    throw new RequestError(message, 'options.num_predict');
  }
  // -1 is without end, -2 until the context is full.
  return length < 0 ? undefined : length;
}

/** Reads a context in tokens. @throws RequestError */
export function readContext(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || (value as number) < 1)
    throw new RequestError('options.num_ctx must be an integer above 0', 'options.num_ctx');
  return value as number;
}
