import { utf8Encode } from '../../base/bytes.ts';
import { MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseObject } from '../shared/request-fields.ts';
import { type EmbeddingInput, MAX_INPUTS, parseDimensions, parseInput } from './request.ts';
import { MAX_DIMENSIONS, VALUE_BYTES } from './vector.ts';

/** The most inputs of one call, over all its orders. */
export const MAX_CALL_INPUTS = 2_048;
/** The most bytes of the body of a call. */
export const MAX_CALL_BYTES = 4 * MAX_REQUEST_BYTES;
/** Inputs that fit into an order of every model. */
const LEAST_INPUTS = Math.floor(MAX_RESPONSE_BYTES / (VALUE_BYTES * MAX_DIMENSIONS));
/** The most bytes of all other fields of a call with several orders: each order repeats them. */
const MAX_REPEATED_BYTES = 64 * 1024;

/** One order of a call. */
export interface InputsPart {
  readonly body: Uint8Array;
  /** Number of its first input among those of the call. */
  readonly first: number;
}

/**
 * Splits a request for more vectors than one order has into requests of consecutive inputs. A body that one order answers stays unchanged.
 * @param mostInputs of one order, if the model's vectors allow fewer than others do. @throws RequestError naming an input by its number in
 * the call.
 */
export function splitInputs(body: Uint8Array, mostInputs = MAX_INPUTS): readonly InputsPart[] {
  const { input, ...repeated } = parseObject(body, MAX_CALL_BYTES);
  const most = Math.min(mostInputs, countPerOrder(repeated));
  if (!Array.isArray(input) || typeof input[0] === 'number') return [{ body, first: 0 }];
  if (input.length <= most && body.length <= MAX_REQUEST_BYTES) return [{ body, first: 0 }];
  if (input.length > MAX_CALL_INPUTS)
    throw new RequestError(`input must be a string or an array of 1 to ${MAX_CALL_INPUTS} strings`, 'input');
  const repeatedBytes = countBytes({ ...repeated, input: [] });
  if (repeatedBytes > MAX_REPEATED_BYTES) {
    const message = `a request for several orders must have at most ${MAX_REPEATED_BYTES} bytes beside its inputs`;
    throw new RequestError(message, 'input');
  }
  const groups = groupInputs(input.map(parseInput), { most, maxBytes: MAX_REQUEST_BYTES - repeatedBytes });
  return groups.map(({ first, inputs }) => ({
    body: utf8Encode(JSON.stringify({ ...repeated, input: inputs })),
    first,
  }));
}

/** Returns the most inputs of one order. The size of its answer is bounded, too, and known if the request names the dimensions. */
function countPerOrder({ dimensions }: BodyFields): number {
  const values = parseDimensions(dimensions);
  return values === 0 ? MAX_INPUTS : Math.min(MAX_INPUTS, Math.floor(MAX_RESPONSE_BYTES / (VALUE_BYTES * values)));
}

interface InputGroup {
  readonly first: number;
  readonly inputs: EmbeddingInput[];
}

/** Groups inputs in their order, each group as large as it may be. */
function groupInputs(
  inputs: readonly EmbeddingInput[],
  { most, maxBytes }: { readonly most: number; readonly maxBytes: number },
): readonly InputGroup[] {
  const groups: InputGroup[] = [];
  let groupBytes = 0;
  for (const [first, input] of inputs.entries()) {
    // A comma stands between two inputs.
    const bytes = countBytes(input) + 1;
    const last = groups.at(-1);
    if (last !== undefined && last.inputs.length < most && groupBytes + bytes <= maxBytes) {
      last.inputs.push(input);
      groupBytes += bytes;
    } else {
      groups.push({ first, inputs: [input] });
      groupBytes = bytes;
    }
  }
  return groups;
}

const countBytes = (value: unknown): number => utf8Encode(JSON.stringify(value)).length;

/** Words a refusal of more inputs than fit into the answer to one order. */
export const refuseInputs = (given: number, most: number): string =>
  `${given} inputs make too long an answer; this model takes ${most} at a time`;

/**
 * Reads the most inputs of one order from such a refusal; undefined in other texts. A number below LEAST_INPUTS counts as that, since no
 * vector is so long. So a provider cannot make thousands of orders of one call.
 */
export function readMostInputs(message: string): number | undefined {
  const [, most] = / inputs make too long an answer; this model takes ([1-9]\d{0,2}) at a time/.exec(message) ?? [];
  return most === undefined ? undefined : Math.max(LEAST_INPUTS, Number(most));
}

/**
 * Renames the input that a refusal of one order names, such as "input 3 has 600 tokens", by its number in the call.
 * @param first number of the order's first input in the call.
 */
export const renumberInput = (message: string, first: number): string =>
  message.replace(/\binput (\d{1,3})(?=:? )/, (_, index: string) => `input ${Number(index) + first}`);
