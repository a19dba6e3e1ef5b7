import { utf8Encode } from '../../../base/bytes.ts';
import { RequestError } from '../../shared/request-error.ts';

/** The most blanks that a template writes for each level of nesting. */
const BLANKS = 4;
/** Characters that Python writes more for a number with a fraction or an exponent, such as 2.0 or 1e-07. */
const FLOAT = 2;

/**
 * Measures the most bytes of a JSON value in a template: each item on its own line, four blanks for each level.
 * @param value plain or exact, and at most 64 arrays and objects deep.
 * @throws RequestError if a text contains a lone surrogate.
 */
export function measureJson(value: unknown, param: string, depth = 1): number {
  if (typeof value === 'string') return measureText(value, param);
  if (typeof value !== 'object' || value === null)
    return String(value).length + (typeof value === 'number' ? FLOAT : 0);
  const line = 2 + BLANKS * depth;
  const sizes = Array.isArray(value)
    ? value.map((item: unknown) => measureJson(item, param, depth + 1))
    : [...(value instanceof Map ? (value as Map<string, unknown>) : Object.entries(value))].map(
        ([key, item]) => measureText(key, param) + 2 + measureJson(item, param, depth + 1),
      );
  return sizes.reduce((sum, size) => sum + size + line, 2 + line);
}

function measureText(text: string, param: string): number {
  if (!text.isWellFormed()) throw new RequestError(`${param} must hold texts without lone surrogates`, param);
  return utf8Encode(JSON.stringify(text)).length;
}
