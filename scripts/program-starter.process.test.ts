import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatStarter } from './program-starter.ts';

const PROGRAM = { name: 'ogong', starter: 'bin/ogong.js', program: 'dist/bin/ogong.js' } as const;
const LINE = '#!/usr/bin/env -S node --disable-warning=ExperimentalWarning';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-starter-'));
  for (const path of ['bin', 'dist/bin']) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(engines: string, program: string, firstLine = LINE) {
  writeFileSync(join(folder, PROGRAM.program), program);
  writeFileSync(join(folder, PROGRAM.starter), formatStarter({ ...PROGRAM, firstLine, engines }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, PROGRAM.starter), 'a', 'b'], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the starter of a published program', () => {
  it('starts the program with its arguments, without warnings about experiments', () => {
    const program = `import { DatabaseSync } from 'node:sqlite';
new DatabaseSync(':memory:');
process.emitWarning('shown');
console.log(process.argv.slice(2).join(' '));
process.exitCode = 3;
`;
    const { status, stdout, stderr } = start('>=24', program);
    expect([status, stdout]).toEqual([3, 'a b\n']);
    expect(stderr).toContain('Warning: shown');
    expect(stderr).not.toContain('Experimental');
  });

  it('says in one line which Node is needed and how to get it, and loads nothing else', () => {
    const { status, stdout, stderr } = start('>=99', 'this is no program');
    expect([status, stdout]).toEqual([69, '']);
    expect(stderr).toBe(
      `ogong needs Node 99 or later, and this is Node ${process.versions.node}; ` +
        'install it from https://nodejs.org, or beside this package: npm install node@99\n',
    );
  });

  it('keeps flags of V8, and refuses to write flags that an old Node may not know', () => {
    const format = (firstLine: string) => formatStarter({ ...PROGRAM, firstLine, engines: '>=24' });
    const flags = '--heap-growing-percent=80 --max-semi-space-size=16';
    expect(format(`${LINE} ${flags}`).split('\n')[0]).toBe(`#!/usr/bin/env -S node ${flags}`);
    expect(format(LINE)).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(() => format(`${LINE} --experimental-new`)).toThrow('an old Node may refuse --experimental-new');
  });
});
