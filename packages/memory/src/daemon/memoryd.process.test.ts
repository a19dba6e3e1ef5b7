import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { startLocalMode } from '@ogong/testing/memory/local-mode';
import { makePdf, writePage } from '@ogong/testing/memory/made-pdf';
import { createExportLine, createMemorydRunner } from '@ogong/testing/memory/memoryd-process';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';

const TEXT = 'The user plays the accordion';
const ID = '0123456789abcdef'.repeat(2);
const LINE = createExportLine(ID, TEXT);

const directory = createTestDirectory('memoryd');
const dataDir = join(directory.path, 'data');
let local: Awaited<ReturnType<typeof startLocalMode>>;
const runner = createMemorydRunner();
beforeAll(async () => {
  local = await startLocalMode({ chat: createFakeEngine({ contextSize: 8_192 }), words: createFakeEmbeddingEngine() });
});
afterAll(async () => {
  runner.close();
  await local.close();
  directory.remove();
});

const { run } = runner;
const serve = (folder: string, flags?: readonly string[]) => runner.serve(folder, local.baseUrl, flags);

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
  const pdf = makePdf([writePage(['I live in Porto.']), writePage(['I own a boat.'])]);
  const upload = await daemon.call(key, 'POST', '/v1/integrations/files?name=cv.pdf', pdf);
  expect(upload).toMatchObject({ status: 202, body: { source: 'file', calls: 2 } });

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
  const scopes = ['--scope', 'read', '--scope', 'keys'];
  const list = await run('key', 'add', '--user', 'ana', ...scopes, '--data-dir', restored, ...masterKey);
  const again = await serve(restored, masterKey);
  expect((await again.call(list.out.trim(), 'POST', '/v1/memories/search', search)).body.memories).toHaveLength(1);
  expect((await again.stop()).code).toBe(0);

  const next = join(directory.path, 'next.key');
  const rotated = await run('rotate', '--new-master-key', next, '--data-dir', restored, ...masterKey);
  expect(rotated, rotated.errors).toMatchObject({ code: 0, out: '1 users\n' });
  expect((await run('key', 'list', '--data-dir', restored, '--master-key', next)).out).toMatch(
    / {2}mem-[0-9a-f]{6} {2}ana {2}read,keys {2}/,
  );
  const third = await serve(restored, ['--master-key', next]);
  expect((await third.call(list.out.trim(), 'POST', '/v1/memories/search', search)).body.memories).toHaveLength(1);
  expect((await third.call(list.out.trim(), 'GET', '/v1/api-keys')).body.keys).toHaveLength(1);
  expect((await third.stop()).code).toBe(0);
});
