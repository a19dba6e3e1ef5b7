import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { startLocalMode } from '@ogong/testing/memory/local-mode';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('../bin/ogong-memoryd.ts', import.meta.url));
const TEXT = 'The user plays the accordion';
const ID = '0123456789abcdef'.repeat(2);
const NOW = '2026-05-08T12:00:00.000Z';
/** A memory that a person wrote, as a line of an export. */
const LINE = {
  memory: {
    ...{ id: ID, content: TEXT, type: 'semantic', categories: ['interests'], subject: 'user', quote: null },
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

const directory = createTestDirectory('memoryd');
const dataDir = join(directory.path, 'data');
let local: Awaited<ReturnType<typeof startLocalMode>>;
const running: ChildProcess[] = [];
beforeAll(async () => {
  local = await startLocalMode({ chat: createFakeEngine({ contextSize: 8_192 }), words: createFakeEmbeddingEngine() });
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await local.close();
  directory.remove();
});

const startProgram = (argv: readonly string[]): ChildProcess =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Runs a command to its end. */
async function run(...argv: readonly string[]) {
  const child = startProgram(argv);
  const [code, out, errors] = await Promise.all([
    once(child, 'exit').then(([ended]) => ended as number),
    readText(child.stdout as NodeJS.ReadableStream),
    readText(child.stderr as NodeJS.ReadableStream),
  ]);
  return { code, out, errors };
}

async function serve(folder: string, flags: readonly string[] = []) {
  const models = ['--local', local.baseUrl, '--model', 'chat', '--embedding-model', 'words'];
  const child = startProgram([
    '--data-dir',
    folder,
    '--bind',
    '127.0.0.1:0',
    '--log-level',
    'debug',
    ...models,
    ...flags,
  ]);
  running.push(child);
  const log = readText(child.stderr as NodeJS.ReadableStream);
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  const { port } = (JSON.parse(line) as { address: { port: number } }).address;
  return {
    async call(key: string, method: string, path: string, body?: object) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        ...{ method, headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` } },
        ...(body && { body: JSON.stringify(body) }),
      });
      // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
      return { status: response.status, body: (await response.json()) as any };
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      return { code, log: await log };
    },
  };
}

const readFiles = (folder: string): string =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('');

it('serves sealed memories to holders of keys, and restores them from two files', async () => {
  const made = await run('key', 'add', '--user', 'ana', '--data-dir', dataDir);
  expect(made, made.errors).toMatchObject({ code: 0, out: expect.stringMatching(/^mem-[0-9a-f]{48}\n$/) });
  const key = made.out.trim();
  const daemon = await serve(dataDir);
  expect((await daemon.call('mem-0', 'GET', '/v1/memories')).status).toBe(401);
  // The made-up model writes nonsense in the form of the grammar.
  const said = { messages: [{ role: 'user', content: 'I live in Porto. I own a boat.' }] };
  expect(await daemon.call(key, 'POST', '/v1/memories', said)).toMatchObject({
    ...{ status: 200, body: { success: true, memories_created: 0 } },
  });
  expect((await daemon.call(key, 'POST', '/v1/memories/import', LINE)).body).toEqual({ outcome: 'imported' });
  const search = { query: 'accordion', include_bio: false };
  expect((await daemon.call(key, 'POST', '/v1/memories/search', search)).body.memories).toMatchObject([
    { id: ID, memory: TEXT, receipts: null, quote: null },
  ]);

  const [rows, keys] = [join(directory.path, 'rows.db'), join(directory.path, 'keys.db')];
  expect(await run('backup', rows, '--data-dir', dataDir)).toMatchObject({ code: 0 });
  expect(await run('keys-backup', keys, '--data-dir', dataDir)).toMatchObject({ code: 0 });
  expect((await run('backup', rows, '--data-dir', dataDir)).errors).toContain('is there already');
  const { code, log } = await daemon.stop();
  expect([code, log.includes('accordion'), log.includes('Porto')]).toEqual([0, false, false]);
  expect(readFiles(dataDir)).not.toContain('accordion');

  const restored = join(directory.path, 'restored');
  expect(await run('restore', rows, keys, '--data-dir', restored)).toMatchObject({ code: 0 });
  const masterKey = ['--master-key', join(dataDir, 'master.key')];
  const list = await run('key', 'add', '--user', 'ana', '--data-dir', restored, ...masterKey);
  const again = await serve(restored, masterKey);
  expect((await again.call(list.out.trim(), 'POST', '/v1/memories/search', search)).body.memories).toHaveLength(1);
  expect((await again.stop()).code).toBe(0);

  const next = join(directory.path, 'next.key');
  const rotated = await run('rotate', '--new-master-key', next, '--data-dir', restored, ...masterKey);
  expect(rotated, rotated.errors).toMatchObject({ code: 0, out: '1 users\n' });
  expect((await run('key', 'list', '--data-dir', restored, '--master-key', next)).out).toContain('  ana  read,write  ');
  const third = await serve(restored, ['--master-key', next]);
  expect((await third.call(list.out.trim(), 'POST', '/v1/memories/search', search)).body.memories).toHaveLength(1);
  expect((await third.stop()).code).toBe(0);
});
