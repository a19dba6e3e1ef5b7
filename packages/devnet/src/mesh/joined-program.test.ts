import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findJoinedProgram } from './joined-program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-joined-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is the joined file of a program that is listed, and the program itself of any other', () => {
  writeFileSync(join(folder, 'programs.json'), JSON.stringify({ '/src/a.ts': 'a.mjs' }));
  expect(findJoinedProgram('/src/a.ts', folder)).toBe(join(folder, 'a.mjs'));
  expect(findJoinedProgram('/src/b.ts', folder)).toBe('/src/b.ts');
  expect(findJoinedProgram('/src/a.ts', undefined)).toBe('/src/a.ts');
});

it.each([undefined, 'no JSON', 'null', '[]', '{"/src/a.ts": 7}'])('is the program itself if the list is %j', (list) => {
  if (list !== undefined) writeFileSync(join(folder, 'programs.json'), list);
  expect(findJoinedProgram('/src/a.ts', folder)).toBe('/src/a.ts');
});
