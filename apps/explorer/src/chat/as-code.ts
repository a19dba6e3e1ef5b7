import type { ChatBody } from './conversation.ts';

/** A text within single quotes of a shell. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** As the copied code reads it, and not this page. */
const KEY_IN_NODE = ['process', 'env', 'OGONG_API_KEY'].join('.');

export const CODE_KINDS = ['curl', 'TypeScript', 'Python'] as const;
export type CodeKind = (typeof CODE_KINDS)[number];

/** Writes the same question as code. The key is in the environment, never in the copied text. */
export function writeCode(kind: CodeKind, baseUrl: string, body: ChatBody): string {
  const json = JSON.stringify(body);
  const pretty = JSON.stringify(body, undefined, 2);
  if (kind === 'curl') {
    return `curl ${quote(`${baseUrl}/v1/chat/completions`)} \\
  -H 'content-type: application/json' -H "authorization: Bearer $OGONG_API_KEY" \\
  -d ${quote(json)}
`;
  }
  if (kind === 'TypeScript') {
    return `import { readFileSync } from 'node:fs';
import { createClient, parseTrust } from '@ogong/sdk';

// Checks every answer before you get it, by a file of your trusted parties (docs/spec/receipt.md); \`ogong mesh up\` writes one.
const trust = parseTrust(JSON.parse(readFileSync('trust.json', 'utf8')));
const client = createClient({ baseUrl: ${JSON.stringify(baseUrl)}, apiKey: ${KEY_IN_NODE}, trust });
const { response, replies } = await client.chat.completions.create(${pretty});
console.log(response.choices[0].message.content, replies[0].checks);
`;
  }
  return `import json
import os
from ogong import Client

# Checks every answer before you get it, by a file of your trusted parties (docs/spec/receipt.md); \`ogong mesh up\` writes one.
trust = json.load(open("trust.json"))
client = Client(${JSON.stringify(`${baseUrl}/v1`)}, api_key=os.environ.get("OGONG_API_KEY"), trust=trust)
answer = client.chat.completions.create(**${pretty})
print(answer.choices[0].message.content)
`;
}
