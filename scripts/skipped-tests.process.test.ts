import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatSkipped, readSkipped, SKIPPED_FILE } from './skipped-tests.ts';
import { root } from './steps.ts';

let folder: string;
let log: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-skipped-'));
  const tests = `
    import { describe, expect, it } from 'vitest';
    it('runs', () => expect(1).toBe(1));
    it.skip('is left out (the device is absent)');
    describe.skipIf(true)('a browser (there is none)', () => {
      it('one', () => expect(1).toBe(2));
      describe('more', () => it('two', () => expect(1).toBe(2)));
    });`;
  writeFileSync(join(folder, 'some.test.ts'), tests);
  const config = `
    import { SkippedTestsReporter, SKIPPED_FILE } from ${JSON.stringify(join(root, 'scripts/skipped-tests.ts'))};
    const reporter = new SkippedTestsReporter(process.env[SKIPPED_FILE], (text) => process.stdout.write(text));
    export default { test: { reporters: ['dot', reporter], include: ['*.test.ts'] } };`;
  writeFileSync(join(folder, 'vitest.config.ts'), config);
  log = run({});
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(env: Readonly<Record<string, string>>): string {
  const program = join(root, 'node_modules/vitest/vitest.mjs');
  const argv = [program, 'run', '--root', folder, '--config', join(folder, 'vitest.config.ts')];
  const outer = Object.entries(process.env).filter(([name]) => !/^VITEST|^OGONG_SKIPPED/.test(name));
  return spawnSync(process.execPath, argv, { env: { ...Object.fromEntries(outer), ...env }, encoding: 'utf8' }).stdout;
}

it('a run ends with what it skipped, a suite once', () => {
  const listed = log.slice(log.indexOf('skipped, '));
  expect(listed).toContain('skipped, 3 tests:\n');
  expect(listed).toContain('  is left out (the device is absent)\n      some.test.ts\n');
  expect(listed).toContain('  a browser (there is none) (2 tests)\n');
  expect(listed).not.toContain('runs');
  expect(listed).not.toContain('more');
});

it('runs of one command note it in one file', () => {
  const file = join(folder, 'skipped');
  expect(readSkipped(file)).toEqual([]);
  for (const _ of [1, 2]) expect(run({ [SKIPPED_FILE]: file })).not.toContain('skipped, 3');
  expect(readSkipped(file)).toHaveLength(4);
  expect(formatSkipped(readSkipped(file))).toContain('skipped, 6 tests:');
  expect(formatSkipped([])).toBe('');
});
