import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './steps.ts';

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'scripts', script), ...args], { encoding: 'utf8', timeout: 60_000 });

describe.each(['nightly.ts', 'test.ts'])('%s', (script) => {
  it('lists its parts, and runs none', () => {
    const { status, stdout } = run(script, '--list');
    expect(status).toBe(0);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toContain(script === 'nightly.ts' ? 'soak' : 'e2e');
    const help = run(script, '--help');
    expect(help.status).toBe(0);
    for (const name of names) expect(help.stdout).toContain(name);
  });

  it('refuses a part that it does not have', () => {
    const { status, stderr, stdout } = run(script, 'nosuch');
    expect([status, stderr.trim()]).toEqual([2, 'unknown part: nosuch']);
    expect(stdout).toContain('usage: ');
  });
});
