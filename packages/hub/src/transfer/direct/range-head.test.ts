import { expect, it } from 'vitest';
import { formatRangeRequest, parseRangeHead } from './range-head.ts';

const range = { from: 5, to: 15 };
const GOOD = ['HTTP/1.1 206 Partial Content', 'Content-Length: 10', 'Content-Range: bytes 5-14/100', 'X-Other:  a: b '];
const parse = (lines: readonly string[]) => parseRangeHead(lines.join('\r\n'), range);
const withLine = (...lines: string[]) => [...GOOD, ...lines];

it('reads the head of an answer that has the asked bytes', () => {
  expect(parse(GOOD)).toEqual({ staysOpen: true });
  expect(parse(withLine('Connection: keep-alive'))).toEqual({ staysOpen: true });
  expect(parse(withLine('connection: Close'))).toEqual({ staysOpen: false });
  expect(parse(withLine('content-encoding: identity'))).toEqual({ staysOpen: true });
});

it.each<[string, readonly string[]]>([
  ['another status', GOOD.with(0, 'HTTP/1.1 200 OK')],
  ['another version', GOOD.with(0, 'HTTP/1.0 206 Partial Content')],
  ['another length', GOOD.with(1, 'Content-Length: 11')],
  ['no length', GOOD.with(1, 'X-Length: 10')],
  ['two lengths', withLine('content-length: 10')],
  ['another range', GOOD.with(2, 'Content-Range: bytes 4-13/100')],
  ['no range', GOOD.with(2, 'X-Range: 5')],
  ['chunks', withLine('Transfer-Encoding: chunked')],
  ['compressed bytes', withLine('Content-Encoding: gzip')],
  ['a line without a name', withLine(': 10')],
  ['a name that ends with a space', GOOD.with(1, 'Content-Length : 10')],
  ['a folded line', withLine(' more')],
  ['a line feed alone', GOOD.with(3, 'x: 1\ncontent-length: 10')],
  ['nothing', []],
])('refuses the head of %s', (_name, lines) => {
  expect(parse(lines)).toBeUndefined();
});

it('writes a request, and refuses a header that would end its line', () => {
  const url = new URL('https://a.example:8443/b%20c?d');
  expect(formatRangeRequest({ url, range, headers: { 'x-key': 'k' } })).toBe(
    'GET /b%20c?d HTTP/1.1\r\nhost: a.example:8443\r\nrange: bytes=5-14\r\naccept-encoding: identity\r\nx-key: k\r\n\r\n',
  );
  for (const headers of [{ 'x-key': 'k\r\nhost: b' }, { 'x\n': 'k' }, { 'x-key': 'ü' }])
    expect(formatRangeRequest({ url, range, headers })).toBeUndefined();
});
