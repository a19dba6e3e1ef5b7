import { expect, it } from 'vitest';
import type { ApiContext } from '../http/api-app.ts';
import { IGNORED_HEADER, showIgnored } from './answer-headers.ts';

function show(...lists: readonly (readonly string[])[]): string | null {
  const res = new Response();
  // Throws for a value that no header may have.
  const header = (name: string, value: string) => res.headers.set(name, value);
  for (const dropped of lists) showIgnored({ header, res } as unknown as ApiContext, dropped);
  return res.headers.get(IGNORED_HEADER);
}

it('lists each name once, and nothing without names', () => {
  expect(show(['a', 'b.c', 'a'])).toBe('a, b.c');
  expect(show(['a', 'b'], ['b', 'c'])).toBe('a, b, c');
  expect(show([])).toBeNull();
});

it('writes names of a client as a header can hold them', () => {
  expect(show(['a\r\nset-cookie: x', 'ü,ber', '\u0000'])).toBe('a??set-cookie:?x, ?ber, ?'.replace('?ber', '??ber'));
});

it('cuts a long list and counts the rest', () => {
  const list = show(Array.from({ length: 1_000 }, (_, i) => `messages[${i}].x`)) ?? '';
  expect(list.length).toBeLessThan(2_100);
  const listed = list.split(', ').length - 1;
  expect(list.endsWith(`, and ${1_000 - listed} more`)).toBe(true);
});
