import { describe, expect, it } from 'vitest';
import { ProtocolError, utf8Encode } from '../base/bytes.ts';
import { encodeFramed, splitFramed } from './framed-body.ts';

const MESSAGE = { outcome: 'part', text: 'ü' };
const JSON_BYTES = utf8Encode(JSON.stringify(MESSAGE));

describe('a message followed by bytes', () => {
  it.each([[Uint8Array.of()], [Uint8Array.of(1, 2, 3)]])('is split at its length: %j', (bytes) => {
    const body = encodeFramed(MESSAGE, bytes);
    expect(body.subarray(0, 4)).toEqual(Uint8Array.of(0, 0, 0, JSON_BYTES.length));
    expect(splitFramed(body, JSON_BYTES.length)).toEqual({ json: JSON_BYTES, bytes });
    // Within a larger buffer, as a socket gives it.
    const within = new Uint8Array([9, 9, ...body]).subarray(2);
    expect(splitFramed(within, 1_024)).toEqual({ json: JSON_BYTES, bytes });
  });

  it.each<[string, Uint8Array]>([
    ['has no length', Uint8Array.of(0, 0, 0)],
    ['is shorter than its length says', Uint8Array.of(0, 0, 0, 2, 0x7b)],
    ['has a message that is longer than it may be', encodeFramed(MESSAGE, Uint8Array.of())],
    ['has the largest length', Uint8Array.of(255, 255, 255, 255, 0x7b, 0x7d)],
  ])('is refused if it %s', (_, body) => {
    expect(() => splitFramed(body, JSON_BYTES.length - 1)).toThrow(ProtocolError);
  });
});
