import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createFolderNames } from './folder-names.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-names-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Writes beside a folder until the file system's clock is past the folder's last change. */
function passChange(path: string): void {
  const probe = join(directory, 'probe');
  do {
    rmSync(probe, { force: true });
    writeFileSync(probe, '');
  } while (statSync(probe, { bigint: true }).ctimeNs <= statSync(path, { bigint: true }).ctimeNs);
}

it('reads a folder that has been still once, and again after a change', async () => {
  const path = join(directory, 'still');
  const list = createFolderNames(path, () => Date.now() + 60_000);
  expect(await list()).toEqual([]);
  mkdirSync(path);
  const none = await list();
  expect(await list()).toBe(none);
  passChange(path);
  writeFileSync(join(path, 'a'), '');
  expect(await list()).toEqual(['a']);
  passChange(path);
  rmSync(join(path, 'a'));
  expect(await list()).toEqual([]);
});

it('keeps no names of a folder that has just changed', async () => {
  const path = join(directory, 'changing');
  mkdirSync(path);
  const list = createFolderNames(path, () => Math.floor(statSync(path).ctimeMs) + 2000);
  const names = await list();
  expect(await list()).not.toBe(names);
  writeFileSync(join(path, 'a'), '');
  expect(await list()).toEqual(['a']);
});

it('lists nothing in a file', async () => {
  const path = join(directory, 'file');
  writeFileSync(path, '');
  expect(await createFolderNames(path)()).toEqual([]);
  expect(await createFolderNames(join(path, 'below'))()).toEqual([]);
});
