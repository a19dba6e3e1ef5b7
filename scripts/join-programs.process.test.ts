import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { root as repository } from './steps.ts';

const { joinPrograms, listJoined } = (await import('./join-programs.mjs' as string)) as {
  joinPrograms(root: string, lock: string): Promise<string | undefined>;
  listJoined(folder: string): Readonly<Record<string, string>>;
};

let root: string;
const write = (path: string, text: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
};
const run = (path: string): string => execFileSync(process.execPath, [path], { encoding: 'utf8' }).trim();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ogong-join-'));
  mkdirSync(join(root, 'node_modules', '@esbuild'), { recursive: true });
  symlinkSync(join(repository, 'node_modules', 'esbuild'), join(root, 'node_modules', 'esbuild'));
  write('packages/a/note.txt', 'a note');
  write(
    'packages/a/src/bin/tool.ts',
    `#!/usr/bin/env -S node --max-semi-space-size=16
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { say } from '../say.ts';
const note: string = readFileSync(new URL('../../note.txt', import.meta.url), 'utf8');
const child: string = fileURLToPath(new URL('../child.ts', import.meta.url));
console.log(say(note), execFileSync(process.execPath, [child], { encoding: 'utf8' }).trim(), child.endsWith('.mjs'));
`,
  );
  write('packages/a/src/say.ts', "export const say = (text: string): string => ['says', text].join(' ');\n");
  write('packages/a/src/child.ts', "import { say } from './say.ts';\nconsole.log(say('child'));\n");
  write('packages/a/src/say.test.ts', 'this is no program;;;(');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('joined programs', () => {
  it('find files by the place of their source, and start joined children', async () => {
    const folder = (await joinPrograms(root, 'lock')) as string;
    const tool = listJoined(folder)[join(root, 'packages/a/src/bin/tool.ts')] as string;
    cpSync(join(root, 'packages/a/src/say.ts'), join(root, 'kept.ts'));
    // Joined files do not need the sources any more.
    rmSync(join(root, 'packages/a/src/say.ts'));
    expect(run(tool)).toBe('says a note says child true');
  });

  it('stay while nothing changes, and are made anew after a change of a source or of what is installed', async () => {
    const first = await joinPrograms(root, 'lock');
    expect(await joinPrograms(root, 'lock')).toBe(first);
    write('packages/a/src/say.ts', "export const say = (text: string): string => ['now says', text].join(' ');\n");
    const second = (await joinPrograms(root, 'lock')) as string;
    expect(second).not.toBe(first);
    expect(run(listJoined(second)[join(root, 'packages/a/src/bin/tool.ts')] as string)).toContain('now says a note');
    // A program that runs from there goes on.
    expect(existsSync(first as string)).toBe(true);
    expect(await joinPrograms(root, 'another lock')).not.toBe(second);
  });

  it('are none where a source is wrong or the tool is missing, and nothing is left behind', async () => {
    write('packages/a/src/say.ts', 'export const say = (;\n');
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(await joinPrograms(root, 'lock')).toBeUndefined();
    expect(said.mock.calls.flat().join()).toMatch(/from their sources, because they could not be joined: .*";"/);
    rmSync(join(root, 'node_modules', 'esbuild'));
    expect(await joinPrograms(root, 'lock')).toBeUndefined();
    said.mockRestore();
    expect(readdirSync(join(root, '.cache', 'programs'))).toEqual([]);
  });

  // A dependency with a native part that join-programs.mjs does not name would have all of them run from their sources, slowly.
  it('are all programs of this repository', async () => {
    const lock = createHash('sha256')
      .update(readFileSync(join(repository, 'package-lock.json')))
      .digest('hex');
    const joined = Object.keys(listJoined((await joinPrograms(repository, lock)) as string));
    const programs = globSync('packages/*/src/bin/*.ts', { cwd: repository }).filter(
      (path) => !path.endsWith('.test.ts'),
    );
    expect(joined).toEqual(expect.arrayContaining(programs.map((path) => join(repository, path))));
  });

  it('are the same for two that make them at once', async () => {
    const [one, other] = await Promise.all([joinPrograms(root, 'lock'), joinPrograms(root, 'lock')]);
    expect([one === undefined, other]).toEqual([false, one]);
    expect(readdirSync(join(root, '.cache', 'programs')).filter((name) => name.startsWith('making-'))).toEqual([]);
  });

  it('of before go, but for the last few', async () => {
    for (let round = 0; round < 7; round++) await joinPrograms(root, `lock ${round}`);
    expect(readdirSync(join(root, '.cache', 'programs')).length).toBeLessThanOrEqual(6);
  });
});
