import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { qwen3 } from '@ogong/testing/models/architectures/qwen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { writeRandomBert } from '@ogong/testing/models/random-bert';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryCommand } from './memory-command.ts';

const PROGRAM = findProgram(new URL('../bin/ogong.ts', import.meta.url));
const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
/** llama.h, enum llama_pooling_type. */
const MEAN = 1;
const CONTEXT = 8_192;
const NOW = '2026-05-08T12:00:00.000Z';
const TEXT = 'The user plays the accordion';
/** A memory that a person wrote. */
const LINE = {
  memory: {
    ...{
      id: '01'.repeat(16),
      content: TEXT,
      type: 'semantic',
      categories: ['interests'],
      subject: 'user',
      quote: null,
    },
    ...{
      receipts: null,
      agent_id: '',
      thread_id: '',
      source: 'import',
      metadata: {},
      created_at: NOW,
      updated_at: NOW,
    },
    ...{ supersedes: null, superseded_at: null },
  },
  ...{ vector: 'AAAAAA==', embedding_model: 'other', calls: { extraction: null, embedding: null, update: null } },
};

const directory = createTestDirectory('memory-up');
const [chat, words, file] = ['chat.gguf', 'words.gguf', 'memories.jsonl'].map((name) => join(directory.path, name)) as [
  string,
  string,
  string,
];
let child: ChildProcess;
let address: string;

beforeAll(async () => {
  const more = { 'qwen3.context_length': { type: 'u32', value: CONTEXT } } as const;
  writeRandomArchitecture(chat, { recipe: qwen3, seed: 3, vocabularyFrom: STORIES, more });
  writeRandomBert(words, { embedding: 128, layers: 2, heads: 4, feedForward: 256, context: 512, poolingCode: MEAN });
  await bringUp();
});
afterAll(async () => {
  await bringDown();
  directory.remove();
});

async function bringUp(): Promise<void> {
  const models = ['--model', chat, '--embedding-model', words, '--models-dir', join(directory.path, 'models')];
  const places = ['--dir', join(directory.path, 'memory'), '--bind', '127.0.0.1:0', '--listen', '127.0.0.1:0'];
  const argv = ['--disable-warning=ExperimentalWarning', PROGRAM, 'memory', 'up', ...models, ...places];
  child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  address = /^memories at (\S+),/.exec(line)?.[1] ?? expect.fail(line);
}

async function bringDown(): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
}

const run = (verb: string, ...rest: readonly string[]) => type(verb, '--memory', address, ...rest);

async function type(...argv: readonly string[]) {
  const [written, errors]: [string[], string[]] = [[], []];
  const output = {
    write: (text: string) => void written.push(text),
    writeError: (text: string) => void errors.push(text),
  };
  const code = await memoryCommand.run(argv, output);
  return { code, text: written.join(''), errors: errors.join('') };
}

it('stores nothing that a model without sense proposes, and answers with a receipt from a memory of an earlier run', async () => {
  expect(await run('add', 'I live in Porto.')).toMatchObject({ code: 0, text: '' });
  writeFileSync(file, `${JSON.stringify(LINE)}\n`);
  expect((await run('import', file)).text).toBe('1 imported, 0 known\n');
  const again = await type('up', '--bind', new URL(address).host, '--json');
  expect(again).toMatchObject({ code: 0, errors: `a memory service runs already at ${address}\n` });
  expect(JSON.parse(again.text)).toEqual({ memories: address });
  await bringDown();
  await bringUp();
  expect((await run('search', 'accordion')).text).toContain(TEXT);
  expect((await run('ask', 'Which instrument does the user play?')).text).toMatch(/receipt [0-9a-f]{64}\n$/);
});
