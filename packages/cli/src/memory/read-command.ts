import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from '@ogong/host/config/define-config';
import { oneOf, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { cutCalls } from '@ogong/memory/imports/cut-calls';
import { EXPORT_SOURCES, parseExport } from '@ogong/memory/imports/parse-export';
import { createPdfReader } from '@ogong/memory/imports/pdf/pdf-reader';
import { isReadable, readUserFile, readUtf8 } from '@ogong/memory/imports/user-file';
import { MemoryError } from '@ogong/memory/memory-error';
import { z } from 'zod';
import { openClient, serviceFields } from './memory-service-fields.ts';

const SOURCES = [...EXPORT_SOURCES, 'file'] as const;

export const readMemoryConfig = defineConfig({
  name: 'ogong memory read',
  summary:
    'Remembers the facts of conversations or posts that another service exported, and of texts and PDF files (--source file). The file is\n' +
    'read here. An export or a text may be of any size. If it stops, run it again: parts that were read before store nothing.',
  positionals: { label: '<file>', min: 1, max: 1 },
  fields: {
    source: {
      schema: oneOf(SOURCES),
      required: true,
      description: 'service that wrote the file; file for a text, Markdown or PDF of the user',
    },
    speaker: { schema: text, label: '<name>', description: 'name or id of the user in a chat among people' },
    dates: { schema: oneOf(['dmy', 'mdy']), description: 'order of day and month in dates of WhatsApp' },
    ...serviceFields,
  },
  examples: [
    'ogong memory read conversations.json --source chatgpt',
    'ogong memory read chat.txt --source whatsapp --speaker Ana --dates dmy',
    'ogong memory read cv.pdf --source file',
  ],
});

type Run = Extract<ReturnType<typeof readMemoryConfig.parse>, { kind: 'run' }>;

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
  const conversations = await readSource(positionals[0] as string, values);
  const client = openClient(values);
  const counts = { conversations: conversations.length, memories: 0, refused: 0, duplicates: 0 };
  for (const [index, { threadId, messages, source = values.source }] of conversations.entries()) {
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

async function readSource(path: string, { source, speaker, dates }: Run['values']) {
  const bytes = readFileSync(path);
  if (source !== 'file') return parseExport(source, readUtf8(bytes), { speaker, dates });
  const name = basename(path);
  if (!isReadable(name)) throw new MemoryError('malformed', `${name}: text, Markdown and PDF are read`);
  return readUserFile({ name, bytes }, { pdfs: createPdfReader(), user: '', signal: new AbortController().signal });
}

const toBody = ({ role, content, timeMs }: ReturnType<typeof cutCalls>[number][number]) => ({
  ...{ role, content },
  ...(timeMs !== undefined && { created_at: new Date(timeMs).toISOString() }),
});
