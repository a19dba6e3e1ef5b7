import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { trimCompileCache } from './compile-cache.ts';

it('a cache of compiled modules is begun anew once it has more files than many versions need', async () => {
  const home = mkdtempSync(join(tmpdir(), 'ogong-compiled-'));
  const folder = join(home, 'compile');
  await trimCompileCache(folder, 2);
  expect(readdirSync(home)).toEqual([]);
  mkdirSync(join(folder, 'v24'), { recursive: true });
  const add = (name: string) => writeFileSync(join(folder, 'v24', name), name);
  for (const name of ['a', 'b']) add(name);
  await trimCompileCache(folder, 2);
  expect(readdirSync(join(folder, 'v24'))).toEqual(['a', 'b']);
  add('c');
  // A folder left by a process that ended in the middle of the same step.
  mkdirSync(`${folder}.old`);
  await trimCompileCache(folder, 2);
  expect([existsSync(folder), readdirSync(home)]).toEqual([false, []]);
  rmSync(home, { recursive: true });
});
