import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

describe('steps beside another one', () => {
  /** Three parts that note when they begin; `long` ends once both others have, or after the first that fails. */
  function play(secondCode: number, ...asked: string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'ogong-steps-'));
    const notes = join(folder, 'notes');
    writeFileSync(notes, '');
    const note = (name: string) => `require('node:fs').appendFileSync(${JSON.stringify(notes)}, '${name} ');`;
    const waiting = `${note('long')} const timer = setInterval(() => {
      const said = require('node:fs').readFileSync(${JSON.stringify(notes)}, 'utf8');
      if (said.includes('third') || (${secondCode} && said.includes('second'))) clearInterval(timer);
    }, 20);`;
    const step = (name: string, code: string) => ({ name: `the ${name} one`, command: [process.execPath, '-e', code] });
    const steps = {
      second: step('second', `${note('second')} process.exitCode = ${secondCode};`),
      third: step('third', note('third')),
      long: step('long', asked.length > 0 ? note('long') : waiting),
    };
    const script = join(folder, 'steps.ts');
    writeFileSync(
      script,
      `import { runNamedSteps } from ${JSON.stringify(join(root, 'scripts', 'named-steps.ts'))};
       await runNamedSteps('play', ${JSON.stringify(steps)}, { beside: { long: ['second', 'third'] } });`,
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...asked], { encoding: 'utf8' });
    const begun = readFileSync(notes, 'utf8').trim().split(' ');
    rmSync(folder, { recursive: true });
    return { status, stdout, stderr, begun };
  }

  it('run one after the other while it runs, and each has its row', () => {
    const { status, stdout, begun } = play(0);
    expect([status, begun.filter((name) => name !== 'long')]).toEqual([0, ['second', 'third']]);
    for (const name of ['long', 'second', 'third']) expect(stdout).toMatch(new RegExp(`^ok .* the ${name} one$`, 'm'));
  });

  it('fail the whole, and those behind them do not run', () => {
    const { status, stderr, begun } = play(3);
    expect([status, begun.includes('third')]).toEqual([1, false]);
    expect(stderr).toContain('"the second one" failed with exit code 3');
  });

  it('run by themselves where it is not asked for', () => {
    expect(play(0, 'third', 'second').begun).toEqual(['third', 'second']);
    expect(play(0, 'long').begun).toEqual(['long']);
  });
});
