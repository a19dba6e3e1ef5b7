import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findBase, findChanges } from './changes.ts';

function makeRepository() {
  const root = mkdtempSync(join(tmpdir(), 'ogong-changes-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const git = (...words: string[]): string =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...words], {
      ...{ cwd: root, encoding: 'utf8' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text);
  git('init', '--quiet', '--initial-branch', 'main');
  write('code.ts', '// One.\nexport const a = 1;\n');
  write('other.ts', 'export const b = 1;\n');
  write('notes.md', 'one\n');
  git('add', '.');
  git('commit', '--quiet', '--message', 'first');
  const commit = (): string => {
    git('commit', '--quiet', '--all', '--message', 'more');
    return git('rev-parse', 'HEAD');
  };
  return { root, git, write, commit, first: git('rev-parse', 'HEAD') };
}

it('an edit of comments and types changes the file and not its code', async () => {
  const { root, write, commit, first } = makeRepository();
  write('code.ts', '// Two.\nexport const a: number = 1;\n');
  write('other.ts', 'export const b = 2;\n');
  commit();
  write('notes.md', 'two\n');
  write('new.ts', 'export const c = 1;\n');
  const { inputs, areForAll } = await findChanges(root, first);
  expect([[...inputs].sort(), areForAll]).toEqual([
    ['code.ts', 'code:other.ts', 'new.ts', 'notes.md', 'other.ts'],
    false,
  ]);
  write('package-lock.json', '{}');
  expect((await findChanges(root, first)).areForAll).toBe(true);
});

it('a commit that git cannot compare touches all', async () => {
  const { root } = makeRepository();
  expect(await findChanges(root, 'f'.repeat(40))).toEqual({ inputs: new Set(), areForAll: true });
});

it('a removed module is a change of its code', async () => {
  const { root, git, commit, first } = makeRepository();
  git('rm', '--quiet', 'other.ts');
  commit();
  expect([...(await findChanges(root, first)).inputs]).toEqual(['other.ts', 'code:other.ts']);
});

it('the change begins where the remote main branch parted, and nowhere if that branch holds the change', () => {
  const { root, git, write, commit, first } = makeRepository();
  expect(findBase(root)).toBeUndefined();
  write('notes.md', 'two\n');
  const second = commit();
  git('update-ref', 'refs/remotes/origin/main', first);
  expect(findBase(root)).toBe(first);
  git('update-ref', 'refs/remotes/origin/main', second);
  expect(findBase(root)).toBeUndefined();
  expect(findBase(root, first)).toBe(first);
  expect(() => findBase(root, 'gone')).toThrow('--base: git finds no common commit with gone');
});
