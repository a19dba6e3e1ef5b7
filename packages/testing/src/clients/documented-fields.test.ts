import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ANTHROPIC_FIELDS } from '@ogong/protocol/modality/text/fields/anthropic-fields';
import { CHAT_FIELDS, COMPLETION_FIELDS } from '@ogong/protocol/modality/text/fields/chat-fields';
import { RESPONSES_FIELDS } from '@ogong/protocol/modality/text/fields/responses-fields';
import { expect, it } from 'vitest';

/** The fields of a request as the types of a pinned client list them. */
function readFields(module: string, name: string): readonly string[] {
  const path = fileURLToPath(import.meta.resolve(module)).replace(/\.m?js$/, '.d.ts');
  const [, body = ''] =
    new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`, 'm').exec(readFileSync(path, 'utf8')) ?? [];
  return [...body.matchAll(/^ {4}([a-z_]+)\??:/gm)].map(([, field]) => field as string);
}

it.each([
  ['openai/resources/chat/completions/completions', 'ChatCompletionCreateParamsBase', CHAT_FIELDS],
  ['openai/resources/completions', 'CompletionCreateParamsBase', COMPLETION_FIELDS],
  ['openai/resources/responses/responses', 'ResponseCreateParamsBase', RESPONSES_FIELDS],
  ['@anthropic-ai/sdk/resources/beta/messages/messages', 'MessageCreateParamsBase', ANTHROPIC_FIELDS],
])('every field that %s documents has a rule', (module, name, rules) => {
  const fields = readFields(module, name);
  expect(fields).toContain('model');
  // A header of the client.
  expect(fields.filter((field) => field !== 'betas' && rules[field] === undefined)).toEqual([]);
});
