import { defineConfig } from '@ogong/host/config/define-config';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { z } from 'zod';
import { FOUND, formatMemory, openClient, serviceFields, toShown } from './memory-service-fields.ts';

export const askMemoryConfig = defineConfig({
  name: 'ogong memory ask',
  summary:
    'Answers a question from the memories alone. It prints the memories that the answer names, and the receipt of the answer.',
  positionals: { label: '<question>', min: 1, max: 1 },
  fields: serviceFields,
  examples: ['ogong memory ask "Where do I live?"'],
});

const ANSWER = z.object({
  answer: z.string().nullable(),
  memories: z.array(FOUND),
  reply: z.looseObject({ id: z.string(), model: z.string() }).nullable(),
});

/** @returns the exit code. @throws ConfigError, MemoryClientError */
export async function askMemory(argv: readonly string[], output: Output): Promise<number> {
  const parsed = askMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const body = { question: positionals[0] };
  const answered = await openClient(values).call('question', { body, answer: ANSWER });
  if (values.json) printJson(output, answered);
  else if (answered.answer === null) output.writeError('no memory is about this\n');
  else {
    output.write(`${answered.answer}\n\n`);
    for (const memory of answered.memories) output.write(formatMemory(toShown(memory)));
    if (answered.memories.length === 0) output.write('The answer names no memory.\n');
    output.write(`answered by ${answered.reply?.model}, receipt ${answered.reply?.id}\n`);
  }
  return EXIT.ok;
}
