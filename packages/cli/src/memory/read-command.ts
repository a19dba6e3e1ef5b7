import { readFileSync } from 'node:fs';
import { defineConfig } from '@ogong/host/config/define-config';
import { oneOf, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { cutCalls } from '@ogong/memory/imports/cut-calls';
import { EXPORT_SOURCES, parseExport } from '@ogong/memory/imports/parse-export';
import { z } from 'zod';
import { openClient, serviceFields } from './memory-service-fields.ts';

export const readMemoryConfig = defineConfig({
  name: 'ogong memory read',
  summary:
    'Remembers the facts of conversations that another service exported. The file is read here, and may be of any size. If it stops, run it\n' +
    'again: parts that were read before store nothing.',
  positionals: { label: '<file>', min: 1, max: 1 },
  fields: {
    source: { schema: oneOf(EXPORT_SOURCES), required: true, description: 'service that wrote the file' },
    speaker: { schema: text, label: '<name>', description: 'name or id of the user in a chat among people' },
    dates: { schema: oneOf(['dmy', 'mdy']), description: 'order of day and month in dates of WhatsApp' },
    ...serviceFields,
  },
  examples: [
    'ogong memory read conversations.json --source chatgpt',
    'ogong memory read chat.txt --source whatsapp --speaker Ana --dates dmy',
  ],
});

const ADDED = z.looseObject({
  memories_created: z.int(),
  refused: z.array(z.unknown()),
  duplicates: z.array(z.string()),
  repeated: z.boolean(),
});

/** @returns the exit code. @throws ConfigError, MemoryError, MemoryClientError; the system's error if the file cannot be read. */
export async function readConversations(argv: readonly string[], output: Output): Promise<number> {
  const parsed = readMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const { source, speaker, dates } = values;
  const conversations = parseExport(source, readFileSync(positionals[0] as string, 'utf8'), { speaker, dates });
  const client = openClient(values);
  const counts = { conversations: conversations.length, memories: 0, refused: 0, duplicates: 0 };
  for (const [index, { threadId, messages }] of conversations.entries()) {
    for (const call of cutCalls(messages)) {
      const body = { messages: call.map(toBody), thread_id: threadId, agent_id: 'ogong-cli', source };
      const added = await client.call('addition', { body, answer: ADDED });
      counts.memories += added.memories_created;
      counts.refused += added.refused.length;
      counts.duplicates += added.duplicates.length;
    }
    output.writeError(`${index + 1} of ${conversations.length} conversations, ${counts.memories} memories\n`);
  }
  if (values.json) printJson(output, counts);
  else output.write(`${counts.memories} memories stored, ${counts.duplicates} known, ${counts.refused} refused\n`);
  return EXIT.ok;
}

const toBody = ({ role, content, timeMs }: ReturnType<typeof cutCalls>[number][number]) => ({
  ...{ role, content },
  ...(timeMs !== undefined && { created_at: new Date(timeMs).toISOString() }),
});
