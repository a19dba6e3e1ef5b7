import {
  chmodSync,
  cpSync,
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
import { inspect } from 'node:util';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOrLoadKeys, createOrLoadVrfSeed, KeyFileError, loadLedgerKey, takeUnusedMark } from './key-files.ts';
import { Secret } from './secret.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'ogong-keys-')), 'keys');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

it('draws keys once and reads the same ones ever after', () => {
  const first = createOrLoadKeys(directory);
  const second = createOrLoadKeys(directory);
  expect(second.hybridSeed.reveal()).toEqual(first.hybridSeed.reveal());
  expect([first.hybridSeed, first.ledgerKey, first.linkSeed].map((key) => key.reveal().length)).toEqual([64, 32, 32]);
  expect(readdirSync(directory).sort()).toEqual(['hybrid.key', 'hybrid.key.unused', 'ledger.key', 'link.key']);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('says once that a key was drawn here and is unused', () => {
  createOrLoadKeys(directory);
  createOrLoadKeys(directory);
  expect([takeUnusedMark(directory), takeUnusedMark(directory)]).toEqual([true, false]);
  createOrLoadKeys(directory);
  expect(takeUnusedMark(directory)).toBe(false);
});

it('takes a key that was copied here, or drawn long ago, for used', () => {
  const elsewhere = join(directory, '..', 'elsewhere');
  createOrLoadKeys(elsewhere);
  createOrLoadKeys(directory);
  rmSync(directory, { recursive: true });
  mkdirSync(directory, { mode: 0o700 });
  cpSync(join(elsewhere, 'hybrid.key'), join(directory, 'hybrid.key'));
  createOrLoadKeys(directory);
  expect(takeUnusedMark(directory)).toBe(false);
  writeFileSync(join(elsewhere, 'hybrid.key.unused'), `${Date.now() - 3_600_001}`);
  expect(takeUnusedMark(elsewhere)).toBe(false);
});

it('draws other keys elsewhere', () => {
  const [a, b] = [createOrLoadKeys(directory), createOrLoadKeys(join(directory, 'other'))];
  expect(a.ledgerKey.reveal()).not.toEqual(b.ledgerKey.reveal());
});

it.each([0o640, 0o604, 0o620, 0o644])('refuses a key file with mode %o', (mode) => {
  createOrLoadKeys(directory);
  const path = join(directory, 'ledger.key');
  const before = readFileSync(path);
  chmodSync(path, mode);
  expect(() => createOrLoadKeys(directory)).toThrow(expect.objectContaining({ code: 'permissions' }));
  expect(readFileSync(path)).toEqual(before);
});

it.each([
  ['empty', ''],
  ['short', 'ab'.repeat(31)],
  ['not hexadecimal', 'zz'.repeat(32)],
  ['no scalar of the curve', 'ff'.repeat(32)],
  ['huge', 'ab'.repeat(4096)],
])('refuses a ledger key that is %s and leaves it alone', (_name, text) => {
  createOrLoadKeys(directory);
  const path = join(directory, 'ledger.key');
  writeFileSync(path, text);
  expect(() => createOrLoadKeys(directory)).toThrow(expect.objectContaining({ code: 'malformed' }));
  expect(readFileSync(path, 'utf8')).toBe(text);
});

it('does not ask for another mode of a directory', () => {
  const folder = join(directory, '..');
  expect(() => loadLedgerKey(folder)).toThrow(`${folder} is no file: name the file that has the key`);
});

it('says which directory it cannot write', () => {
  const file = join(directory, '..', 'file');
  writeFileSync(file, '');
  expect(() => createOrLoadKeys(join(file, 'keys'))).toThrow(KeyFileError);
});

it('never prints a secret', () => {
  const keys = createOrLoadKeys(directory);
  const hex = toHex(keys.linkSeed.reveal());
  const secret = new Secret(hex);
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9 }),
    `${[secret]}`,
  ];
  for (const text of shown) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain(hex);
  }
  expect(Object.keys(secret)).toEqual([]);
});

it("keeps a validator's seed of the random function apart from its other keys", () => {
  const { ledgerKey, linkSeed } = createOrLoadKeys(directory);
  const seed = createOrLoadVrfSeed(directory).reveal();
  expect(createOrLoadVrfSeed(directory).reveal()).toEqual(seed);
  expect([ledgerKey, linkSeed].map((key) => key.reveal())).not.toContainEqual(seed);
});
