import { ProtocolError, utf8Encode } from './bytes.ts';

/**
 * Returns the tag that opens a signed or hashed byte string. A statement of one kind can never be read as one of another kind.
 */
export function encodeDomain(tag: string): Uint8Array {
  return utf8Encode(`${tag}\n`);
}

/** Asserts printable ASCII without space, so that a text has one spelling and no look-alikes. */
export function assertPlainText(text: string, maxLength: number, what: string): void {
  if (text.length > maxLength) throw new ProtocolError('too-large', `${what} of ${text.length} characters`);
  if (!/^[\x21-\x7e]*$/.test(text)) throw new ProtocolError('malformed', `${what} is not plain ASCII`);
}

/** @throws ProtocolError `malformed` unless strictly ascending: a set has one canonical order and no duplicates. */
export function assertAscending<T>(items: readonly T[], compare: (a: T, b: T) => number, what: string): void {
  for (let i = 1; i < items.length; i++) {
    if (compare(items[i - 1] as T, items[i] as T) >= 0) {
      throw new ProtocolError('malformed', `${what} are not in ascending order`);
    }
  }
}
