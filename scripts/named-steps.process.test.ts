import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
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
    expect([status, `${stdout}${stderr}`]).toEqual([2, expect.stringContaining('nosuch')]);
    expect(`${stdout}${stderr}`).toContain('usage: ');
  });
});

describe('steps behind others', () => {
  /** Four parts that note when they begin; `first` ends once `second` has begun, and `last` once `third` has, which it never does where `second` fails. */
  function play(secondCode: number, goesOn = false) {
    const folder = mkdtempSync(join(tmpdir(), 'ogong-steps-'));
    const notes = join(folder, 'notes');
    writeFileSync(notes, '');
    const note = (name: string) => `require('node:fs').appendFileSync(${JSON.stringify(notes)}, '${name} ');`;
    const waiting = (name: string, awaited: string) => `${note(name)} const timer = setInterval(() => {
      const said = require('node:fs').readFileSync(${JSON.stringify(notes)}, 'utf8');
      if (said.includes('${awaited}')) clearInterval(timer);
    }, 20);`;
    const step = (name: string, code: string) => ({ name: `the ${name} one`, command: [process.execPath, '-e', code] });
    const nice = `process.stdout.write('niceness ' + require('node:os').getPriority());`;
    const steps = [
      step('first', waiting('first', 'second')),
      step('last', secondCode === 0 || goesOn ? waiting('last', 'third') : ''),
    ];
    const behind = [
      step('second', `${note('second')} process.exitCode = ${secondCode};`),
      { ...step('third', `${note('third')} ${nice}`), niceness: 7 },
    ];
    const script = join(folder, 'steps.ts');
    writeFileSync(
      script,
      `import { runSteps } from ${JSON.stringify(join(root, 'scripts', 'steps.ts'))};
       await runSteps('play', ${JSON.stringify(steps)}, { behind: ${JSON.stringify(behind)}, goesOn: ${goesOn}, explain: () => ' because' });`,
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    const begun = readFileSync(notes, 'utf8').trim().split(' ');
    rmSync(folder, { recursive: true });
    return { status, stdout, stderr, begun };
  }

  it('run one after the other while those run, and each has its row', () => {
    const { status, stdout, begun } = play(0);
    expect([status, begun.filter((name) => ['second', 'third'].includes(name))]).toEqual([0, ['second', 'third']]);
    for (const name of ['first', 'second', 'third', 'last'])
      expect(stdout).toMatch(new RegExp(`^ok .* the ${name} one$`, 'm'));
  });

  it.skipIf(process.platform === 'win32')('leave the processors to others as far as they say', () => {
    expect(play(0).stdout).toContain(`niceness ${Math.max(7, getPriority())}`);
  });

  it('fail the whole, and others behind them do not run', () => {
    const { status, stderr, begun } = play(3);
    expect([status, begun.includes('third')]).toEqual([1, false]);
    expect(stderr.trimEnd().endsWith('"the second one" failed with exit code 3 because')).toBe(true);
  });

  it('fail the whole after all others have run, if the run goes on', () => {
    const { status, stdout, stderr, begun } = play(3, true);
    expect([status, begun.includes('third'), begun.includes('last')]).toEqual([1, true, true]);
    expect(`${stdout}${stderr}`).toMatch(/^FAIL .* the second one$/m);
  });
});
