import { parseArguments } from '@ogong/host/config/arguments';
import { formatHelp } from '@ogong/host/config/help';
import { describe, expect, it } from 'vitest';
import { referenceConfigs } from './reference-configs.ts';

const configs = referenceConfigs.map(({ definition }) => [definition.name, definition] as const);

/** Words of a command line; quotes hold some together. */
const split = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

describe.each(configs)('%s --help', (name, definition) => {
  const text = formatHelp(definition);

  it('fits a terminal and ends with examples', () => {
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(text).toMatch(/\nExamples:\n(?: {2}ogong.*\n(?: {4}.*\n)*)+$/);
  });

  it('shows examples that work', () => {
    for (const example of definition.examples ?? []) {
      expect(example.startsWith(name)).toBe(true);
      const problems: string[] = [];
      // The text behind `<` is a file to read.
      parseArguments(definition, split(example.slice(name.length).replace(/ < .*/, '')), problems);
      expect({ example, problems }).toEqual({ example, problems: [] });
    }
  });
});
