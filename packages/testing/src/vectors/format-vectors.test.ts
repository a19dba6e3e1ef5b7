import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatVectors } from './format-vectors.ts';

const directory = new URL('../../../protocol/vectors/', import.meta.url);

describe('formatVectors', () => {
  it('writes one case a line', () => {
    const cases = Array.from({ length: 3 }, (_, index) => ({
      name: `case ${index}`,
      bytes: 'ab'.repeat(40),
      tail: [1, 2],
    }));
    const text = formatVectors({ version: 1, cases });
    expect(text.split('\n')).toHaveLength(9);
    expect(JSON.parse(text)).toEqual({ version: 1, cases });
  });

  it('splits a case that is too long for a line', () => {
    const vectors = [{ tokens: Array.from({ length: 1_000 }, (_, index) => index) }];
    const text = formatVectors(vectors);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(160);
    expect(JSON.parse(text)).toEqual(vectors);
  });

  it.each(readdirSync(directory))('formats the committed %s', (name) => {
    const text = readFileSync(new URL(name, directory), 'utf8');
    expect(formatVectors(JSON.parse(text))).toBe(text);
  });
});
