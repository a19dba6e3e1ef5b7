import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { type MemoryApiClient, MemoryClientError } from '@ogong/memory/api/memory-client';
import { MemoryError } from '@ogong/memory/memory-error';
import { z } from 'zod';
import { openClient, serviceFields } from './memory-service-fields.ts';

const { json, ...fields } = serviceFields;

export const exportMemoryConfig = defineConfig({
  name: 'ogong memory export',
  summary: 'Writes all memories as JSON lines on standard output, newest first, each with the calls that made it.',
  fields,
  examples: ['ogong memory export'],
});

export const importMemoryConfig = defineConfig({
  name: 'ogong memory import',
  summary:
    'Stores the memories of an export. A memory whose proof fails is refused; one that is there already is left alone.',
  positionals: { label: '<file>', min: 1, max: 1 },
  fields: { ...fields, json },
  examples: ['ogong memory import memories.jsonl'],
});

const PAGE = z.object({ memories: z.array(z.looseObject({ id: z.string() })), has_more: z.boolean() });
const OUTCOME = z.object({ outcome: z.enum(['imported', 'known']) });

/** @returns the exit code. @throws ConfigError, MemoryClientError */
export async function exportMemories(argv: readonly string[], output: Output): Promise<number> {
  const parsed = exportMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const client = openClient(parsed.values);
  let query: Record<string, string> = { limit: '100' };
  for (;;) {
    const { memories, has_more: isMore } = await client.call('list', { query, answer: PAGE });
    for (const { id } of memories)
      output.write(`${JSON.stringify(await client.call('proof', { id, answer: z.unknown() }))}\n`);
    const last = memories.at(-1)?.id;
    if (!isMore || last === undefined) return EXIT.ok;
    query = { ...query, before: last };
  }
}

/** @returns the exit code. @throws ConfigError, MemoryError, MemoryClientError; the system's error if the file cannot be read. */
export async function importMemories(argv: readonly string[], output: Output): Promise<number> {
  const parsed = importMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const client = openClient(values);
  const counts = { imported: 0, known: 0 };
  const lines = createInterface({
    input: createReadStream(positionals[0] as string),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let place = 0;
  for await (const line of lines) {
    place++;
    if (line.trim() === '') continue;
    const where = `${positionals[0]}, line ${place}`;
    counts[await importLine(client, line, where)]++;
  }
  if (values.json) printJson(output, counts);
  else output.write(`${counts.imported} imported, ${counts.known} known\n`);
  return EXIT.ok;
}

/** @param where file and line, for the error. @throws MemoryError, MemoryClientError */
async function importLine(client: MemoryApiClient, line: string, where: string): Promise<'imported' | 'known'> {
  let body: unknown;
  try {
    body = JSON.parse(line);
  } catch (cause) {
    throw new MemoryError('malformed', `${where}: it is no memory of an export`, { cause });
  }
  try {
    return (await client.call('importation', { body, answer: OUTCOME })).outcome;
  } catch (cause) {
    if (!(cause instanceof MemoryClientError)) throw cause;
    throw new MemoryClientError(cause.code, `${where}: ${cause.message}`, { cause });
  }
}
