import { utf8Encode } from '../../base/bytes.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseObject } from '../shared/request-fields.ts';
import { MAX_INPUTS, parseDimensions, parseInput } from './request.ts';
import { VALUE_BYTES } from './vector.ts';

/** The most inputs of one call, over all its orders. */
export const MAX_CALL_INPUTS = 2_048;

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
 * @throws RequestError naming an input by its number in the call.
 */
export function splitInputs(body: Uint8Array): readonly InputsPart[] {
  const fields = parseObject(body);
  const { input } = fields;
  const most = countPerOrder(fields);
  if (!Array.isArray(input) || typeof input[0] === 'number' || input.length <= most) return [{ body, first: 0 }];
  if (input.length > MAX_CALL_INPUTS)
    throw new RequestError(`input must be a string or an array of 1 to ${MAX_CALL_INPUTS} strings`, 'input');
  const { input: _, ...repeated } = fields;
  if (utf8Encode(JSON.stringify(repeated)).length > MAX_REPEATED_BYTES) {
    const message = `a request with more than ${most} inputs must have at most ${MAX_REPEATED_BYTES} bytes beside them`;
    throw new RequestError(message, 'input');
  }
  const inputs = input.map(parseInput);
  return Array.from({ length: Math.ceil(inputs.length / most) }, (_, i) => {
    const first = i * most;
    const part = { ...repeated, input: inputs.slice(first, first + most) };
    return { body: utf8Encode(JSON.stringify(part)), first };
  });
}

/** Returns the most inputs of one order. The size of its answer is bounded, too, and known if the request names the dimensions. */
function countPerOrder({ dimensions }: BodyFields): number {
  const values = parseDimensions(dimensions);
  return values === 0 ? MAX_INPUTS : Math.min(MAX_INPUTS, Math.floor(MAX_RESPONSE_BYTES / (VALUE_BYTES * values)));
}

/**
 * Renames the input that a refusal of one order names, such as "input 3 has 600 tokens", by its number in the call.
 * @param first number of the order's first input in the call.
 */
export const renumberInput = (message: string, first: number): string =>
  message.replace(/\binput (\d{1,3})(?=:? )/, (_, index: string) => `input ${Number(index) + first}`);
