import { utf8Encode } from '../../base/bytes.ts';
import { applyRules, type DroppedFields, isAbsent } from '../shared/field-rules.ts';
import { parsePreference } from '../shared/preference-fields.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseDemands, parseModelName, parseObject } from '../shared/request-fields.ts';
import { DOCUMENT_FIELDS, RERANK_FIELDS } from './fields.ts';
import { computePromptBound, type EmbeddingRequest, MAX_INPUTS, parseText } from './request.ts';

/** A body of `POST /v1/rerank` (docs/spec/embedding.md). Its documents are the inputs, each read together with the query. */
export interface RerankRequest extends EmbeddingRequest {
  readonly endpoint: 'rerank';
  readonly inputs: readonly string[];
  readonly query: string;
  /** Number of documents to show, at most all. */
  readonly topN: number;
  /** Whether each result repeats its document. */
  readonly returnsDocuments: boolean;
}

/** The most bytes to read. Each document is read with the whole query, so a short body could request a lot of reading. */
const MAX_READ_BYTES = 16 * 1024 * 1024;

/** @throws RequestError naming the offending parameter. */
export function parseRerankRequest(body: Uint8Array): RerankRequest {
  const fields = parseObject(body);
  const collected: DroppedFields = { dropped: [] };
  applyRules(collected, fields, RERANK_FIELDS);
  const named = parseModelName(fields.model);
  const query = parseText(fields.query, 'query');
  const inputs = parseDocuments(fields.documents, collected);
  const queryBytes = utf8Encode(query).length;
  const readBytes = inputs.reduce((sum, input) => sum + queryBytes + utf8Encode(input).length, 0);
  if (readBytes > MAX_READ_BYTES) {
    const message = `documents, and the query once for each of them, have at most ${MAX_READ_BYTES} bytes; send fewer at a time`;
    throw new RequestError(message, 'documents');
  }
  return {
    ...{ endpoint: 'rerank', model: named.model, query, inputs, inputCount: inputs.length },
    promptTokenBound: computePromptBound({ inputs, query }),
    dimensions: 0,
    topN: Math.min(inputs.length, parseTopN(fields.top_n)),
    returnsDocuments: parseFlag(fields.return_documents),
    demands: parseDemands(fields.ogong),
    preference: parsePreference(fields.ogong, named),
    dropped: collected.dropped,
  };
}

function parseDocuments(value: unknown, collected: DroppedFields): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_INPUTS) {
    throw new RequestError(`documents must be an array of 1 to ${MAX_INPUTS} documents`, 'documents');
  }
  return value.map((item: unknown, index) => {
    const param = `documents[${index}]`;
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return parseText(item, param);
    applyRules(collected, item as BodyFields, DOCUMENT_FIELDS, param);
    return parseText((item as BodyFields).text, `${param}.text`);
  });
}

function parseTopN(value: unknown): number {
  if (isAbsent(value)) return MAX_INPUTS;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw new RequestError('top_n must be a whole number of 1 or more', 'top_n');
}

function parseFlag(value: unknown): boolean {
  if (isAbsent(value)) return false;
  if (typeof value === 'boolean') return value;
  throw new RequestError('return_documents must be true or false', 'return_documents');
}

/** A document's index in the request, and its committed score. */
export interface RankedDocument {
  readonly index: number;
  readonly score: number;
}

/** Ranks the committed scores: the best first, equal ones in the order of the request, and no more than requested. */
export function rankDocuments(scores: readonly number[], topN: number): readonly RankedDocument[] {
  return scores
    .map((score, index) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topN);
}
