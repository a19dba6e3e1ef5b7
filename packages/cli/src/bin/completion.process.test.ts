import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAMS = {
  ogong: findProgram(new URL('./ogong.ts', import.meta.url)),
  'ogong-provider': findProgram(new URL('../../../provider/src/bin/ogong-provider.ts', import.meta.url)),
};
type Program = keyof typeof PROGRAMS;
const SHELLS = ['bash', 'zsh', 'fish'] as const;

const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

let folder: string;
const pathOf = (program: Program, shell: string): string => join(folder, `${program}.${shell}`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-completion-'));
  for (const program of Object.keys(PROGRAMS) as Program[]) {
    for (const shell of SHELLS) {
      const argv = ['--disable-warning=ExperimentalWarning', PROGRAMS[program], 'completion', shell];
      writeFileSync(pathOf(program, shell), execFileSync(process.execPath, argv));
    }
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Returns bash's completions for the last word. */
function complete(...words: string[]): string[] {
  const [program = ''] = words;
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${program.replace('-', '_')}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const argv = ['--norc', '-c', script, 'test', pathOf(program as Program, 'bash'), ...words];
  return execFileSync('bash', argv, { encoding: 'utf8' }).split('\n').filter(Boolean);
}

describe.skipIf(!hasShell('bash'))('bash, if it is installed, completes', () => {
  it.each([
    [
      ['ogong', 'ca'],
      ['case', 'calibrate'],
    ],
    [['ogong', 'model', 'p'], ['pull']],
    [['ogong', 'model', 'pull', '--models'], ['--models-dir']],
    [['ogong-provider', 'un'], ['uninstall']],
    [['ogong-provider', 'local', '--kernels', 'p'], ['plain']],
    [
      ['ogong-provider', 'run', '--kv-type', 'q'],
      ['q8_0', 'q4_0'],
    ],
    [['ogong-provider', 'install', 's'], ['serve']],
    [
      ['ogong-provider', 'completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    // A value that may be any text is the shell's to complete, with names of files.
    [['ogong-provider', 'local', '--model', ''], []],
    [['ogong-provider', 'run', 'stories15M', '--ti'], ['--timings']],
  ])('%j', (words, offered) => expect(complete(...words)).toEqual(offered));
});

describe.each(Object.keys(PROGRAMS) as Program[])('%s', (program) => {
  it.each(SHELLS)('its script for %s can be read by it', (shell) => {
    if (!hasShell(shell)) return expect(pathOf(program, shell)).toContain(shell);
    const flag = shell === 'fish' ? '--no-execute' : '-n';
    expect(spawnSync(shell, [flag, pathOf(program, shell)], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});

it('an unknown shell is refused', () => {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAMS.ogong, 'completion', 'tcsh'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([64, expect.stringContaining('name bash, zsh or fish')]);
});
