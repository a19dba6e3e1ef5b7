import { defineConfig } from '@ogong/host/config/define-config';
import { integer } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { z } from 'zod';
import { FOUND, formatMemory, openClient, serviceFields, toShown } from './memory-service-fields.ts';

export const searchMemoryConfig = defineConfig({
  name: 'ogong memory search',
  summary: 'Finds memories by meaning and by words.',
  positionals: { label: '<text>', min: 1, max: 1 },
  fields: {
    limit: { schema: integer({ min: 1, max: 100 }), default: '10', description: 'results at most' },
    ...serviceFields,
  },
  examples: ['ogong memory search "where does the user live"'],
});

const ANSWER = z.object({ memories: z.array(FOUND) });

/** @returns the exit code. @throws ConfigError, MemoryClientError */
export async function searchMemory(argv: readonly string[], output: Output): Promise<number> {
  const parsed = searchMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const body = { query: positionals[0], limit: values.limit, include_bio: false };
  const { memories } = await openClient(values).call('search', { body, answer: ANSWER });
  if (values.json) printJson(output, memories);
  else if (memories.length === 0) output.writeError('no memory was found\n');
  else for (const memory of memories) output.write(formatMemory(toShown(memory)));
  return EXIT.ok;
}
