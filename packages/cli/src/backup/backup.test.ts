import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { enterDataDirectory, enterLatestDirectory } from '@ogong/host/files/data-directory';
import { EXIT } from '@ogong/host/log/errors';
import { openStore, type Store } from '@ogong/host/store/store';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupCommand } from './backup-command.ts';
import { checkBackup, createBackup, restoreBackup } from './backup-files.ts';

const SCHEMA = 'CREATE TABLE row (n INTEGER PRIMARY KEY, twice INTEGER NOT NULL) STRICT';
const NOW = 1_800_000_000_000;

let directory: TestDirectory;
let store: Store | undefined;
const at = (...path: string[]): string => join(directory.path, ...path);

beforeEach(() => {
  directory = createTestDirectory('backup');
  mkdirSync(at('data', 'misrouted'), { recursive: true });
  mkdirSync(at('data', 'models'));
  writeFileSync(at('data', 'hybrid.key'), 'secret', { mode: 0o600 });
  writeFileSync(at('data', 'misrouted', 'one.json'), '{}');
  writeFileSync(at('data', 'models', 'large.gguf'), 'x');
  writeFileSync(at('data', 'left.tmp'), 'x');
  mkdirSync(at('data', 'hub'));
  writeFileSync(at('data', 'hub', 'held.json'), '{}');
  store = openStore(at('data', 'role.db'), { schema: SCHEMA });
});
afterEach(() => {
  store?.close();
  directory.remove();
});

function insert(from: number, count: number): void {
  for (let n = from; n < from + count; n++) {
    store?.transact(({ prepare }) => prepare('INSERT INTO row (n, twice) VALUES (?, ?)').run(n, 2 * n));
  }
}
const countIn = (path: string): number => {
  const opened = openStore(path, { schema: SCHEMA });
  try {
    const { n, wrong } = opened.database
      .prepare('SELECT count(*) AS n, total(twice <> 2 * n) AS wrong FROM row')
      .get() as { n: number; wrong: number };
    expect(wrong).toBe(0);
    return n;
  } finally {
    opened.close();
  }
};
const create = (isFinal = false) => createBackup({ dataDir: at('data'), to: at('copy'), isFinal, nowMs: NOW });

describe('a backup', () => {
  it('of an open database is one state of it, closed to others, with the keys and without replaceable files', async () => {
    insert(0, 500);
    const copying = create();
    insert(500, 100);
    const manifest = await copying;
    expect(manifest.files.map(({ path, kind }) => [path, kind])).toEqual([
      ['hybrid.key', 'file'],
      ['misrouted/one.json', 'file'],
      ['role.db', 'database'],
    ]);
    expect(readdirSync(at('copy')).sort()).toEqual(['backup.json', 'hybrid.key', 'misrouted', 'role.db']);
    for (const name of ['backup.json', 'hybrid.key', 'role.db', 'misrouted/one.json']) {
      expect([name, statSync(at('copy', name)).mode & 0o077]).toEqual([name, 0]);
    }
    insert(600, 50);
    restoreBackup(at('copy'), at('back'), NOW + 5);
    const restored = countIn(at('back', 'role.db'));
    expect(restored).toBeGreaterThanOrEqual(500);
    expect(restored).toBeLessThanOrEqual(600);
    expect(readFileSync(at('back', 'hybrid.key'), 'utf8')).toBe('secret');
    expect(enterDataDirectory(at('back'))).toEqual({ copiedAtMs: NOW, restoredAtMs: NOW + 5, isFinal: false });
    // The daemon noticed nothing.
    expect(enterDataDirectory(at('data'))).toBeUndefined();
    expect(store?.read(({ prepare }) => prepare('SELECT count(*) AS n FROM row').get())).toEqual({ n: 650 });
  });

  it('that was changed in any way is refused', async () => {
    insert(0, 10);
    await create();
    const bytes = readFileSync(at('copy', 'role.db'));
    const bend = (change: () => void, problem: RegExp): void => {
      change();
      expect(() => checkBackup(at('copy'))).toThrow(problem);
      expect(() => restoreBackup(at('copy'), at('back'), NOW)).toThrow(problem);
      expect(existsSync(at('back'))).toBe(false);
    };
    const bent = Buffer.from(bytes);
    bent[bent.length - 1] = (bent.at(-1) as number) ^ 1;
    bend(() => writeFileSync(at('copy', 'role.db'), bent), /is not what was backed up/);
    bend(() => writeFileSync(at('copy', 'role.db'), bytes.subarray(0, 4_096)), /is not what was backed up/);
    writeFileSync(at('copy', 'role.db'), bytes);
    expect(checkBackup(at('copy')).files).toHaveLength(3);
    const manifest = JSON.parse(readFileSync(at('copy', 'backup.json'), 'utf8'));
    const write = (value: unknown) => () => writeFileSync(at('copy', 'backup.json'), JSON.stringify(value));
    const outside = { ...manifest.files[0], path: '../outside' };
    bend(write({ ...manifest, files: [outside] }), /does not say what the backup holds/);
    bend(write({ ...manifest, files: [{ ...manifest.files[0], path: 'gone' }] }), /is missing/);
    bend(write({}), /does not say/);
  });

  it('goes into an empty directory alone, and comes from no unfinished one', async () => {
    await create();
    await expect(create()).rejects.toMatchObject({ code: 'not-empty' });
    expect(() => restoreBackup(at('copy'), at('data'), NOW)).toThrow('is not empty');
    expect(() => restoreBackup(at('data'), at('back'), NOW)).toThrow('holds no whole backup');
  });

  it('that is final is refused while a daemon runs; then nothing starts from the old directory, and all from the new one', async () => {
    insert(0, 3);
    await expect(create(true)).rejects.toMatchObject({ code: 'in-use' });
    expect(enterDataDirectory(at('data'))).toBeUndefined();
    store?.close();
    directory.remove();
    directory = createTestDirectory('backup');
    mkdirSync(at('data'));
    store = openStore(at('data', 'role.db'), { schema: SCHEMA });
    insert(0, 3);
    store.close();
    expect((await create(true)).isFinal).toBe(true);
    expect(() => enterDataDirectory(at('data'))).toThrow('was handed over to a backup');
    restoreBackup(at('copy'), at('back'), NOW);
    expect(() => enterLatestDirectory(at('back'))).not.toThrow();
    expect(countIn(at('back', 'role.db'))).toBe(3);
  });

  it('that is not final does not start a role that a conflicting signature would convict', async () => {
    await create();
    restoreBackup(at('copy'), at('back'), NOW);
    expect(() => enterLatestDirectory(at('back'))).toThrow(/a copy of 2027-01-15.*costs the bond/);
    writeFileSync(at('back', 'restored.json'), '{"isFinal":true}');
    expect(() => enterLatestDirectory(at('back'))).toThrow('restore the backup again');
  });

  it('is made, checked and restored by commands', async () => {
    const said: string[] = [];
    const output = {
      write: (text: string) => void said.push(text),
      writeError: (text: string) => void said.push(text),
    };
    const run = (...argv: string[]) => backupCommand.run(argv, output);
    expect(await run('create', '--data-dir', at('data'), '--to', at('copy'), '--json')).toBe(EXIT.ok);
    expect(JSON.parse(said.join(''))).toMatchObject({ format: 'ogong-backup-1', isFinal: false });
    said.length = 0;
    expect(await run('check', at('copy'))).toBe(EXIT.ok);
    expect(await run('restore', at('copy'), '--data-dir', at('back'))).toBe(EXIT.ok);
    expect(said.join('')).toMatch(/is whole: 3 files, 1 databases.*\n.*is in .*back: 3 files/);
    expect(await run('check')).toBe(EXIT.usage);
  });
});
