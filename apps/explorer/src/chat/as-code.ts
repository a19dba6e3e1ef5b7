import type { ChatBody, PictureBody } from './conversation.ts';
import { isSealedModel } from './sealed-model.ts';

/** A text within single quotes of a shell. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** As the copied code reads it, and not this page. */
const KEY_IN_NODE = ['process', 'env', 'OGONG_API_KEY'].join('.');

/** The first is a call alone; those of `openai` are the usual clients; the last two check each answer. */
export const CODE_KINDS = ['curl', 'openai for Python', 'openai for JavaScript', 'TypeScript', 'Python'] as const;
export type CodeKind = (typeof CODE_KINDS)[number];

/** A picture is too long for code, so its place says that one goes there. */
const shorten = (_name: string, value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('data:') ? value.replace(/,.*$/, ',YOUR_PICTURE') : value;

/** Writes the same question as code. The key is in the environment, never in the copied text. */
export function writeCode(kind: CodeKind, baseUrl: string, body: ChatBody | PictureBody): string {
  const json = JSON.stringify(body, shorten);
  const pretty = JSON.stringify(body, shorten, 2);
  if (isSealedModel(body.model)) {
    return 'prompt' in body
      ? `# ${body.model} takes sealed requests alone, and requests for pictures cannot be sealed.\n`
      : writeSealedCode(kind, baseUrl, body);
  }
  if (kind === 'openai for Python' || kind === 'openai for JavaScript') return writeOpenAiCode(kind, baseUrl, body);
  if ('prompt' in body) return writePictureCode(kind, baseUrl, { json, pretty });
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

/** The usual client needs a key that is not empty, and checks nothing. */
function writeOpenAiCode(
  kind: 'openai for Python' | 'openai for JavaScript',
  baseUrl: string,
  body: ChatBody | PictureBody,
): string {
  const url = JSON.stringify(`${baseUrl}/v1`);
  const pretty = JSON.stringify(body, shorten, 2);
  const isPicture = 'prompt' in body;
  const note =
    'This client checks nothing. The header x-ogong-receipt of an answer leads to its receipt, for `ogong verify`.';
  if (kind === 'openai for Python') {
    return `import base64
import os
from openai import OpenAI

# ${note}
client = OpenAI(base_url=${url}, api_key=os.environ.get("OGONG_API_KEY", "none"))
${
  isPicture
    ? `answer = client.images.generate(**${pretty})
open("picture.png", "wb").write(base64.b64decode(answer.data[0].b64_json))`
    : `answer = client.chat.completions.create(**${pretty})
print(answer.choices[0].message.content)`
}
`.replace(isPicture ? '' : 'import base64\n', '');
  }
  return `${isPicture ? "import { writeFileSync } from 'node:fs';\n" : ''}import OpenAI from 'openai';

// ${note}
const client = new OpenAI({ baseURL: ${url}, apiKey: ${KEY_IN_NODE} ?? 'none' });
${
  isPicture
    ? `const answer = await client.images.generate(${pretty});
writeFileSync('picture.png', Buffer.from(answer.data[0].b64_json, 'base64'));`
    : `const answer = await client.chat.completions.create(${pretty});
console.log(answer.choices[0].message.content);`
}
`;
}

function writePictureCode(
  kind: CodeKind,
  baseUrl: string,
  { json, pretty }: { readonly json: string; readonly pretty: string },
): string {
  if (kind === 'curl') {
    return `curl ${quote(`${baseUrl}/v1/images/generations`)} \\
  -H 'content-type: application/json' -H "authorization: Bearer $OGONG_API_KEY" \\
  -d ${quote(json)}
`;
  }
  if (kind === 'TypeScript') {
    return `import { readFileSync, writeFileSync } from 'node:fs';
import { createClient, parseTrust } from '@ogong/sdk';

// Checks every picture before you get it, by a file of your trusted parties (docs/spec/receipt.md).
const trust = parseTrust(JSON.parse(readFileSync('trust.json', 'utf8')));
const client = createClient({ baseUrl: ${JSON.stringify(baseUrl)}, apiKey: ${KEY_IN_NODE}, trust });
const { pictures, replies } = await client.images.generate(${pretty});
writeFileSync('picture.png', pictures[0].png);
console.log(replies[0].checks);
`;
  }
  return `import base64
import json
import os
from ogong import Client

# Checks every picture before you get it, by a file of your trusted parties (docs/spec/receipt.md).
trust = json.load(open("trust.json"))
client = Client(${JSON.stringify(`${baseUrl}/v1`)}, api_key=os.environ.get("OGONG_API_KEY"), trust=trust)
answer = client.images.generate(**${pretty})
open("picture.png", "wb").write(base64.b64decode(answer.data[0].b64_json))
`;
}

/** Curl and the Python client check no machine, so the question is not in their text. */
function writeSealedCode(kind: CodeKind, baseUrl: string, body: ChatBody): string {
  if (kind !== 'TypeScript')
    return `# ${body.model} takes sealed questions alone, and ${kind} checks no machine. Use the TypeScript client, or:
ogong ask --gateway ${quote(baseUrl)} --trust trust.json --machines machine-policy.json --model ${quote(body.model)} 'YOUR QUESTION'
`;
  return `import { readFileSync } from 'node:fs';
import { checkMachine } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createClient, parseTrust } from '@ogong/sdk';

// Checks the machine by your policy before it sends anything (docs/spec/tee-tier.md#policy), and seals to the key inside.
const policy = parsePolicy(readFileSync('machine-policy.json'));
const trust = parseTrust(JSON.parse(readFileSync('trust.json', 'utf8')));
const client = createClient({
  baseUrl: ${JSON.stringify(baseUrl)},
  apiKey: ${KEY_IN_NODE},
  trust,
  allow: ['machine'],
  checkMachine: (machine) => checkMachine(machine, { crypto, policy, nowMs: Date.now() }),
});
const { response, replies } = await client.chat.completions.create(${JSON.stringify(body, shorten, 2)});
console.log(response.choices[0].message.content, replies[0].checks);
`;
}
