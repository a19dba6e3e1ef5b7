import { utf8Encode } from '../../base/bytes.ts';
import type { Demands } from '../demands.ts';
import { applyRules, type DroppedFields, isAbsent } from '../shared/field-rules.ts';
import { parsePreference, type RequestPreference } from '../shared/preference-fields.ts';
import { RequestError } from '../shared/request-error.ts';
import { parseDemands, parseModelName, parseObject } from '../shared/request-fields.ts';
import { EMBEDDING_ENDPOINT_INFO } from './endpoints.ts';
import { VECTOR_FIELDS } from './fields.ts';
import { MAX_DIMENSIONS } from './vector.ts';

/** Vectors of texts, or scores of documents for a query. */
export type EmbeddingEndpoint = keyof typeof EMBEDDING_ENDPOINT_INFO;
/** Endpoints, in the order of their codes in headers and summaries. */
export const EMBEDDING_ENDPOINTS = Object.keys(EMBEDDING_ENDPOINT_INFO) as readonly EmbeddingEndpoint[];

/** The fields that header, fee and verdict depend on, without text. Co-signers see only these (docs/spec/embedding.md). */
export interface AskedEmbedding {
  readonly endpoint: EmbeddingEndpoint;
  readonly model: string;
  readonly demands: Demands;
  readonly inputCount: number;
  /** The most tokens of all inputs together. */
  readonly promptTokenBound: number;
  /** Values of a vector, the first ones of the model's; 0: all of them. */
  readonly dimensions: number;
}

/** A text, or the ids of its tokens in the model's vocabulary. */
export type EmbeddingInput = string | readonly number[];

/** The part of a request that a model reads. It is the same for gateway, provider, verifier and consumer. */
export interface EmbeddingRequest extends AskedEmbedding {
  /** Texts, or documents. */
  readonly inputs: readonly EmbeddingInput[];
  /** The query that each document is read with; only in a reranking. */
  readonly query: string | undefined;
  readonly preference: RequestPreference;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/** A body of `POST /v1/embeddings` (docs/spec/embedding.md). */
export interface VectorRequest extends EmbeddingRequest {
  readonly endpoint: 'embedding';
  /** The format in which the gateway shows the vectors. The commitment covers their bytes. */
  readonly encodingFormat: EncodingFormat;
}

export type EncodingFormat = 'float' | 'base64';

/** The most inputs of one order. A call may have more (split-inputs.ts). */
export const MAX_INPUTS = 256;
const MAX_INPUT_BYTES = 256 * 1024;
/** The most ids of one input. */
const MAX_INPUT_IDS = MAX_INPUT_BYTES;
const MAX_TOKEN_ID = 2 ** 31 - 1;
/** The most tokens that a tokenizer adds around one input. */
const TOKENS_PER_INPUT = 16;
/** The most tokens that a reranker's template adds around a query and a document. */
export const TOKENS_PER_PAIR = 128;

/** @throws RequestError naming the offending parameter. */
export function parseEmbeddingRequest(body: Uint8Array): VectorRequest {
  const fields = parseObject(body);
  const collected: DroppedFields = { dropped: [] };
  applyRules(collected, fields, VECTOR_FIELDS);
  const named = parseModelName(fields.model);
  const format = isAbsent(fields.encoding_format) ? 'float' : fields.encoding_format;
  if (format !== 'float' && format !== 'base64') {
    throw new RequestError('encoding_format must be float or base64', 'encoding_format');
  }
  const inputs = parseInputs(fields.input);
  return {
    ...{ endpoint: 'embedding', model: named.model, encodingFormat: format, inputs, query: undefined },
    ...{ inputCount: inputs.length, promptTokenBound: computePromptBound({ inputs, query: undefined }) },
    dimensions: parseDimensions(fields.dimensions),
    demands: parseDemands(fields.ogong),
    preference: parsePreference(fields.ogong, named),
    dropped: collected.dropped,
  };
}

type Read = Pick<EmbeddingRequest, 'inputs' | 'query'>;

/** Computes the most tokens of a request. No tokenizer makes more tokens of a text than it has bytes. */
export const computePromptBound = (read: Read): number => boundInputs(read).reduce((sum, tokens) => sum + tokens, 0);

/** Computes the most tokens of one input, its query included. */
export const computeContextOfInputs = (read: Read): number =>
  boundInputs(read).reduce((most, tokens) => Math.max(most, tokens), 0);

function boundInputs({ inputs, query }: Read): number[] {
  const beside = query === undefined ? TOKENS_PER_INPUT : utf8Encode(query).length + TOKENS_PER_PAIR;
  return inputs.map((input) => beside + (typeof input === 'string' ? utf8Encode(input).length : input.length));
}

/** @returns 0 without a value: all values of the model's vectors. @throws RequestError */
export function parseDimensions(value: unknown): number {
  if (isAbsent(value)) return 0;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_DIMENSIONS) return value as number;
  throw new RequestError(`dimensions must be an integer between 1 and ${MAX_DIMENSIONS}`, 'dimensions');
}

function parseInputs(value: unknown): EmbeddingInput[] {
  // A flat list of ids is one input.
  const isOne = typeof value === 'string' || (Array.isArray(value) && typeof value[0] === 'number');
  const list: unknown = isOne ? [value] : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_INPUTS) {
    throw new RequestError(`input must be a string or an array of 1 to ${MAX_INPUTS} strings`, 'input');
  }
  return list.map(parseInput);
}

/** @throws RequestError naming the input by its index. */
export const parseInput = (item: unknown, index: number): EmbeddingInput =>
  Array.isArray(item) ? parseIds(item, `input[${index}]`) : parseText(item, `input[${index}]`);

function parseIds(ids: readonly unknown[], param: string): readonly number[] {
  if (ids.length === 0 || ids.length > MAX_INPUT_IDS)
    throw new RequestError(`${param} must have 1 to ${MAX_INPUT_IDS} token ids`, param);
  if (ids.every((id) => Number.isInteger(id) && (id as number) >= 0 && (id as number) <= MAX_TOKEN_ID))
    return ids as readonly number[];
  throw new RequestError(`${param} must be token ids: integers of 0 or more`, param);
}

/** @throws RequestError */
export function parseText(item: unknown, param: string): string {
  if (typeof item !== 'string' || item.length === 0) {
    throw new RequestError(`${param} must be a string that is not empty`, param);
  }
  // Two inputs that differ only in a lone surrogate would become equal, because UTF-8 has none.
  if (!item.isWellFormed()) throw new RequestError(`${param} must be text without lone surrogates`, param);
  if (utf8Encode(item).length > MAX_INPUT_BYTES) {
    throw new RequestError(`${param} must have at most ${MAX_INPUT_BYTES} bytes`, param);
  }
  return item;
}
