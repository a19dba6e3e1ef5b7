import { fromBase64, ProtocolError, toBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { toPrintable } from '@ogong/protocol/base/printable';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { parseReceipt, type Receipt, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { type EvaluationSet, MAX_ANSWER_TOKENS, parseEvaluationSet } from './evaluation-set.ts';
import type { EvaluationFigures } from './figures.ts';
import { createFieldReader } from './json-fields.ts';
import type { EvaluationParameters } from './question-request.ts';

export const EVALUATION_FORMAT = 'ogong-evaluation-v1';
/** The longest line of an evaluation. */
export const MAX_LINE_BYTES = 2 ** 24;
const MAX_MODEL_ID = 256;
const MAX_PROBLEM = 300;
const MAX_PRICE = /^(?:0|[1-9]\d{0,37})$/;
const MODEL_ROOT = /^[0-9a-f]{64}$/;

/** The first line. */
export interface EvaluationHeader {
  /** As requests name it. */
  readonly model: string;
  readonly parameters: EvaluationParameters;
  readonly set: EvaluationSet;
}

/** An answer with its receipt. */
export interface CountedRow {
  readonly kind: 'counted';
  readonly id: string;
  /** The scored text. */
  readonly answer: string;
  readonly score: 0 | 1;
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** A question without an answer whose receipt holds. */
export interface LostRow {
  readonly kind: 'lost';
  readonly id: string;
  readonly problem: string;
}

/** A line after the first one. The figures are the last. */
export type EvaluationLine = CountedRow | LostRow | { readonly kind: 'figures'; readonly figures: EvaluationFigures };

const encodeLine = (value: object): Uint8Array => utf8Encode(`${JSON.stringify(value)}\n`);

export function encodeEvaluationHeader({ model, parameters, set }: EvaluationHeader): Uint8Array {
  const { temperature, seed, maxTokens, maxPrice } = parameters;
  return encodeLine({
    ...{ format: EVALUATION_FORMAT, model },
    parameters: { temperature, seed, max_tokens: maxTokens, ...(maxPrice !== undefined && { max_price: maxPrice }) },
    set: toBase64(set.bytes),
  });
}

export function encodeEvaluationLine(line: EvaluationLine): Uint8Array {
  if (line.kind === 'lost')
    return encodeLine({ id: line.id, problem: toPrintable(line.problem).slice(0, MAX_PROBLEM).toWellFormed() });
  if (line.kind === 'counted') {
    const { id, answer, score, receipt, request, response } = line;
    const bodies = { request: toBase64(request), response: toBase64(response) };
    return encodeLine({ id, answer, score, receipt: { ...toReceiptJson(receipt), ...bodies } });
  }
  const { modelRoot, questions, counted, right, sharePpm, lowPpm, highPpm } = line.figures;
  return encodeLine({
    figures: {
      ...{ model_root: modelRoot, questions, counted, right },
      ...{ share_ppm: sharePpm, low_ppm: lowPpm, high_ppm: highPpm },
    },
  });
}

/** Parses the first line of an evaluation, with its set. @throws ProtocolError */
export function parseEvaluationHeader(crypto: Pick<Crypto, 'sha256'>, line: Uint8Array): EvaluationHeader {
  assertSize(line);
  const { refuse, readObject, readText, readInteger } = createFieldReader('header of the evaluation');
  const { format, ...fields } = readObject(parseJson(line), ['format', 'model', 'parameters', 'set']);
  if (format !== EVALUATION_FORMAT) throw new ProtocolError('unsupported', `format is not ${EVALUATION_FORMAT}`);
  const model = readText(fields.model, 'model', MAX_MODEL_ID);
  const given = readObject(fields.parameters, ['temperature', 'seed', 'max_tokens', 'max_price']);
  const { temperature, max_price: maxPrice } = given;
  if (typeof temperature !== 'number' || !(temperature >= 0 && temperature <= 2))
    return refuse('temperature is 0 to 2');
  if (maxPrice !== undefined && !(typeof maxPrice === 'string' && MAX_PRICE.test(maxPrice)))
    return refuse('max_price is a whole number in decimal');
  const parameters = {
    ...{ temperature, maxPrice },
    seed: readInteger(given.seed, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    maxTokens: readInteger(given.max_tokens, 'max_tokens', { min: 1, max: MAX_ANSWER_TOKENS }),
  };
  const set = parseEvaluationSet(crypto, fromBase64(readText(fields.set, 'set', MAX_LINE_BYTES)));
  return { model, parameters, set };
}

/** Parses a line after the first one. The receipt in it is not checked. @throws ProtocolError */
export function parseEvaluationLine(line: Uint8Array): EvaluationLine {
  assertSize(line);
  const { readObject, readText } = createFieldReader('a line of the evaluation');
  const fields = readObject(parseJson(line), ['id', 'answer', 'score', 'receipt', 'problem', 'figures']);
  if (fields.figures !== undefined) {
    readObject(fields, ['figures']);
    return { kind: 'figures', figures: readFigures(fields.figures) };
  }
  const id = readText(fields.id, 'id', 64);
  if (fields.problem === undefined) return readCounted(id, fields);
  readObject(fields, ['id', 'problem']);
  return { kind: 'lost', id, problem: toPrintable(readText(fields.problem, 'problem', MAX_PROBLEM)) };
}

function readCounted(
  id: string,
  { answer, score, receipt: shown }: Partial<Record<'answer' | 'score' | 'receipt', unknown>>,
): CountedRow {
  const { refuse } = createFieldReader(`question ${id}`);
  if (typeof answer !== 'string') return refuse('answer is no text');
  if (score !== 0 && score !== 1) return refuse('score is 0 or 1');
  const receipt = parseReceipt(shown);
  const read = (field: 'request' | 'response'): Uint8Array => {
    const value = (shown as Readonly<Record<string, unknown>>)[field];
    return typeof value === 'string' ? fromBase64(value) : refuse(`the receipt has no ${field}`);
  };
  return { kind: 'counted', id, answer, score, receipt, request: read('request'), response: read('response') };
}

function readFigures(value: unknown): EvaluationFigures {
  const { refuse, readObject, readText, readInteger } = createFieldReader('figures');
  const names = ['model_root', 'questions', 'counted', 'right', 'share_ppm', 'low_ppm', 'high_ppm'] as const;
  const fields = readObject(value, names);
  const read = (name: (typeof names)[number], max: number): number => readInteger(fields[name], name, { min: 0, max });
  const modelRoot = readText(fields.model_root, 'model_root', 64);
  if (!MODEL_ROOT.test(modelRoot)) refuse('model_root has 64 hex digits');
  return {
    modelRoot,
    questions: read('questions', 2 ** 32),
    counted: read('counted', 2 ** 32),
    right: read('right', 2 ** 32),
    sharePpm: read('share_ppm', 1_000_000),
    lowPpm: read('low_ppm', 1_000_000),
    highPpm: read('high_ppm', 1_000_000),
  };
}

function assertSize(line: Uint8Array): void {
  if (line.length > MAX_LINE_BYTES)
    throw new ProtocolError('too-large', `a line of an evaluation has at most ${MAX_LINE_BYTES} bytes`);
}
