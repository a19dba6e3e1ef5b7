import { expect, it } from 'vitest';
import type { ApiContext } from '../http/api-app.ts';
import { showIgnored } from './answer-headers.ts';

function show(dropped: readonly string[]): string | undefined {
  let shown: string | undefined;
  const header = (_: string, value: string) => {
    // Throws for a value that no header may have.
    new Headers({ x: value });
    shown = value;
  };
  showIgnored({ header } as unknown as ApiContext, dropped);
  return shown;
}

it('lists each name once, and nothing without names', () => {
  expect(show(['a', 'b.c', 'a'])).toBe('a, b.c');
  expect(show([])).toBeUndefined();
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
