import { describe, expect, it } from 'vitest';
import { formatHostPort, parseHostPort } from './host-port.ts';

describe('endpoint', () => {
  it.each([
    ['127.0.0.1:4533', { host: '127.0.0.1', port: 4533 }],
    ['https://127.0.0.1:4543', { host: '127.0.0.1', port: 4543 }],
    ['[::1]:80', { host: '::1', port: 80 }],
  ])('reads %s', (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
    expect(parseHostPort(formatHostPort(expected))).toEqual(expected);
  });

  it.each(['', 'host', 'host:', 'host:65536', 'http://host:1', 'a b:1', 'host:1/path', '[::1:1'])(
    'refuses %j',
    (text) => {
      expect(() => parseHostPort(text)).toThrow(RangeError);
    },
  );
});
