import { readFileSync } from 'node:fs';
import { ARCHITECTURES } from '@ogong/testing/models/architectures/catalogue';
import { describe, expect, it } from 'vitest';
import { formatArchitectures } from './report.ts';
import { type ArchitectureRun, parseArchitectureRun } from './results.ts';

const read = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

describe('docs/architectures.md', () => {
  const run = parseArchitectureRun(read('architectures.json'));

  it('is what its results say', () => expect(read('architectures.md')).toBe(formatArchitectures(run)));

  it('has a row for every recipe', () =>
    expect(run.results.map(({ name }) => name)).toEqual(ARCHITECTURES.map(({ name }) => name)));
});

describe('the table', () => {
  const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const served = { replies: 4, tokens: 90, differing: 0, cached: 7 };
  const run: ArchitectureRun = {
    ...{ version: 1, machine: 'a machine', day: '2026-01-01' },
    results: [
      {
        ...{ name: 'one', architecture: 'two', features: ['three'] },
        classes: [
          { weights: 'q8_0', way: 'exact', numericClass, served },
          { weights: 'q8_0', way: 'exact-tiled', numericClass, served: { ...served, differing: 3 } },
          { weights: 'f16', way: 'exact', refusal: 'too odd' },
        ],
        attacks: [
          { name: 'a', played: { replies: 2, caught: 1, by: ['equality'] } },
          { name: 'b', played: { replies: 2, caught: 0, by: [] } },
          { name: 'c', refusal: 'too odd' },
        ],
      },
    ],
  };
  const page = formatArchitectures(run);

  it('says which classes are exact, and why others are not', () => {
    expect(page).toContain(
      '| one | `two` | three | `exact` | no [1] | no [2] | 1 of 2: equality | same bits | cannot serve [2] |',
    );
    expect(page).toContain('1. `exact` 3 of 4 replies differ.');
    expect(page).toContain('2. too odd.');
  });

  it('counts what was compared', () => expect(page).toContain('8 replies of 180 tokens'));

  it('is not read from results of another version', () =>
    expect(() => parseArchitectureRun('{"version":2}')).toThrow('results of version 2'));
});
