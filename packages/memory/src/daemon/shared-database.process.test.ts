import { join } from 'node:path';
import { change } from '@ogong/host/store/work';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { startLocalMode } from '@ogong/testing/memory/local-mode';
import { createExportLine, createMemorydRunner, type MemorydRunner } from '@ogong/testing/memory/memoryd-process';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMemoryWorks } from './open-store-files.ts';

describe.skipIf(noPostgres !== undefined)(`daemons with one database${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  const directory = createTestDirectory('shared-memories');
  let server: TestPostgres;
  let local: Awaited<ReturnType<typeof startLocalMode>>;
  let runner: MemorydRunner;
  beforeAll(async () => {
    const engines = { chat: createFakeEngine({ contextSize: 8_192 }), words: createFakeEmbeddingEngine() };
    [server, local] = await Promise.all([startTestPostgres(), startLocalMode(engines)]);
    runner = createMemorydRunner({ OGONG_MEMORY_DATABASE_PASSWORD: server.password.reveal() });
  });
  afterAll(async () => {
    runner?.close();
    await local?.close();
    await server?.stop();
    directory.remove();
  });

  it('answer alike, forget alike, and are restored by the tools of the database', async () => {
    const { run } = runner;
    const database = await server.createDatabase();
    const shared = ['--database', database, '--master-key', join(directory.path, 'master.key')];
    const folder = (name: string): string => join(directory.path, name);
    const made = await run('key', 'add', '--user', 'ana', '--data-dir', folder('a'), ...shared);
    expect(made, made.errors).toMatchObject({ code: 0 });
    const key = made.out.trim();
    const [one, other] = await Promise.all(['a', 'b'].map((name) => runner.serve(folder(name), local.baseUrl, shared)));
    if (one === undefined || other === undefined) throw new Error('two daemons run');
    const [first, second] = ['01', '02'].map((byte) => byte.repeat(16)) as [string, string];
    const search = { query: 'accordion', include_bio: false };
    const find = async (daemon: typeof one): Promise<string[]> =>
      (await daemon.call(key, 'POST', '/v1/memories/search', search)).body.memories.map(({ id }: { id: string }) => id);
    for (const [daemon, id] of [
      [one, first],
      [other, second],
    ] as const) {
      const line = createExportLine(id, `The user plays the accordion in band ${id}`);
      expect((await daemon.call(key, 'POST', '/v1/memories/import', line)).body).toEqual({ outcome: 'imported' });
      expect((await find(one)).length).toBe((await find(other)).length);
    }
    expect((await find(one)).sort()).toEqual([first, second]);
    expect((await other.call(key, 'DELETE', `/v1/memories/${first}`)).body).toMatchObject({ success: true });
    expect(await find(one)).toEqual([second]);
    expect((await one.call(key, 'GET', `/v1/memories/${first}`)).status).toBe(404);
    expect((await Promise.all([one, other].map((each) => each.stop()))).map(({ code }) => code)).toEqual([0, 0]);

    for (const command of ['backup', 'keys-backup']) {
      const { code, errors } = await run(command, folder('rows.db'), '--data-dir', folder('a'), ...shared.slice(0, 2));
      expect([code === 0, errors.includes('pg_dump')]).toEqual([false, true]);
    }
    // As after a restore of rows with the keys of a later time.
    const place = { dataDir: folder('a'), database, databasePassword: server.password };
    const { opened: works, close } = await openMemoryWorks(place);
    await works.write(() => change('DELETE FROM memory_row_keys WHERE id = ?', second));
    await close();
    const { code, errors } = await run('restore', '--data-dir', folder('a'), ...shared.slice(0, 2));
    expect(code, errors).toBe(0);
    const third = await runner.serve(folder('a'), local.baseUrl, shared);
    expect((await third.call(key, 'GET', '/v1/memories')).body).toMatchObject({ memories: [], has_more: false });
    expect((await third.stop()).code).toBe(0);
  });
});
