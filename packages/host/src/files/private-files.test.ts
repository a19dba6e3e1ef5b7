import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOrLoadKeys } from '../crypto/key-files.ts';
import { openStore } from '../store/store.ts';
import {
  closeToOthers,
  makePrivateDirectory,
  makePrivateFile,
  openPrivateFile,
  writePrivateFile,
} from './private-files.ts';

const SCHEMA = 'CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT';
let directory: string;
let umask: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-private-'));
  // The worst umask for a daemon: files made without a mode are open to all.
  umask = process.umask(0);
});
afterEach(() => {
  process.umask(umask);
  rmSync(directory, { recursive: true });
});

const modeOf = (...path: string[]): number => statSync(join(directory, ...path)).mode & 0o777;

describe.skipIf(process.platform === 'win32')('files of a daemon are for its own user alone', () => {
  it.each([0o755, 0o777, 0o750, 0o000])('in a directory that was there with mode %o', (mode) => {
    const data = join(directory, 'data');
    mkdirSync(data);
    chmodSync(data, mode);
    createOrLoadKeys(data);
    expect(modeOf('data')).toBe(0o700);
    for (const name of readdirSync(data)) expect(modeOf('data', name)).toBe(0o600);
  });

  it('in every directory that has to be made', () => {
    makePrivateDirectory(join(directory, 'a', 'b'));
    expect([modeOf('a'), modeOf('a', 'b')]).toEqual([0o700, 0o700]);
  });

  it('but never in a directory that all users share, which stays as it is', () => {
    chmodSync(directory, 0o1777);
    expect(() => createOrLoadKeys(directory)).toThrow(/shared by all users/);
    expect(() => makePrivateDirectory(directory)).toThrow(expect.objectContaining({ code: 'permissions' }));
    expect(modeOf()).toBe(0o777);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("nor in another user's", () => {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(directory, 65_534, 65_534);
    // A user other than root does not own the root directory.
    expect(() => makePrivateDirectory(isRoot ? directory : '/')).toThrow(/belongs to another user/);
  });

  it('a database with its log and index, new or as it was found', () => {
    const path = join(directory, 'a.db');
    const write = () => {
      const store = openStore(path, { schema: SCHEMA });
      store.transact(({ prepare }) => prepare('INSERT INTO record (body) VALUES (?)').run('a'));
      return store;
    };
    const isPrivate = () => ['a.db', 'a.db-wal', 'a.db-shm'].map((name) => modeOf(name));
    const first = write();
    expect(isPrivate()).toEqual([0o600, 0o600, 0o600]);
    // A crash leaves all three; here another connection does.
    for (const name of ['a.db', 'a.db-wal', 'a.db-shm']) chmodSync(join(directory, name), 0o666);
    const second = write();
    expect(isPrivate()).toEqual([0o600, 0o600, 0o600]);
    second.close();
    first.close();
  });

  it('a log that was there, and a state file as a whole', () => {
    const log = join(directory, 'a.log');
    writeFileSync(log, 'before\n', { mode: 0o666 });
    writeFileSync(openPrivateFile(log, 'a'), 'after\n');
    expect([modeOf('a.log'), readFileSync(log, 'utf8')]).toEqual([0o600, 'before\nafter\n']);
    const state = join(directory, 'state.json');
    writeFileSync(state, '{}', { mode: 0o666 });
    writePrivateFile(state, '{"a":1}');
    expect([modeOf('state.json'), readFileSync(state, 'utf8')]).toEqual([0o600, '{"a":1}']);
    expect(readdirSync(directory).sort()).toEqual(['a.log', 'state.json']);
  });

  it('an empty file, and nothing of an existing one is lost', () => {
    const path = join(directory, 'a');
    makePrivateFile(path);
    expect(modeOf('a')).toBe(0o600);
    writeFileSync(path, 'kept');
    chmodSync(path, 0o664);
    makePrivateFile(path);
    expect([modeOf('a'), readFileSync(path, 'utf8')]).toEqual([0o600, 'kept']);
    closeToOthers(join(directory, 'absent'));
  });
});
