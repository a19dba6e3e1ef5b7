import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { z } from 'zod';
import { formatMemory, openClient, STORED, serviceFields, toStored } from './memory-service-fields.ts';

export const addMemoryConfig = defineConfig({
  name: 'ogong memory add',
  summary:
    'Remembers the facts that a text by the user states. Each memory names its words, and the receipts of the calls that made it.',
  positionals: { label: '<text>', min: 1, max: 1 },
  fields: {
    thread: { schema: text, label: '<name>', default: 'cli', description: 'name of the conversation' },
    ...serviceFields,
  },
  examples: ['ogong memory add "I live in Porto. I am allergic to nuts."'],
});

const ADDED = z.looseObject({
  memories: z.array(STORED),
  refused: z.array(z.object({ code: z.string(), text: z.string().nullable() })),
  duplicates: z.array(z.string()),
  repeated: z.boolean(),
});

/** @returns the exit code. @throws ConfigError, MemoryClientError */
export async function addMemory(argv: readonly string[], output: Output): Promise<number> {
  const parsed = addMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const messages = [{ role: 'user', content: positionals[0] }];
  const body = { messages, thread_id: values.thread, agent_id: 'ogong-cli', source: 'cli' };
  const added = await openClient(values).call('addition', { body, answer: ADDED });
  if (values.json) printJson(output, added);
  else {
    for (const memory of added.memories) output.write(formatMemory(toStored(memory)));
    for (const { code, text: refused } of added.refused)
      output.writeError(`not stored (${code})${refused === null ? '' : `: ${refused}`}\n`);
    for (const known of added.duplicates) output.writeError(`known: ${known}\n`);
    if (added.repeated) output.writeError('this text was added before\n');
    else if (added.memories.length === 0) output.writeError('the model finds no new fact in this text\n');
  }
  return EXIT.ok;
}
