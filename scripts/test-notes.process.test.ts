import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from './steps.ts';
import { formatFailed, formatSkipped, readTestNotes, TEST_NOTES_FILE } from './test-notes.ts';

let folder: string;
let log: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-notes-'));
  const tests = `
    import { beforeAll, describe, expect, it } from 'vitest';
    it('runs', () => expect(1).toBe(1));
    it.skip('is left out (the device is absent)');
    describe.skipIf(true)('a browser (there is none)', () => {
      it('one', () => expect(1).toBe(2));
      describe('more', () => it('two', () => expect(1).toBe(2)));
    });
    describe('vectors', () => it.skip('of a curve (vectors absent)'));
    it.runIf(process.env.BREAK)('is wrong', () => expect(1, 'the sum').toBe(2));
    describe.runIf(process.env.BREAK)('a chain', () => {
      beforeAll(() => { throw new Error('no anvil'); });
      it('starts', () => {});
    });`;
  writeFileSync(join(folder, 'some.test.ts'), tests);
  writeFileSync(join(folder, 'other.test.ts'), "if (process.env.BREAK) throw new Error('bad import');\nit('runs');");
  const config = `
    import { TestNotesReporter, TEST_NOTES_FILE } from ${JSON.stringify(join(root, 'scripts/test-notes.ts'))};
    const reporter = new TestNotesReporter(process.env[TEST_NOTES_FILE], (text) => process.stdout.write(text));
    const include = ['some.test.ts', ...(process.env.BREAK ? ['other.test.ts'] : [])];
    export default { test: { reporters: ['dot', reporter], include } };`;
  writeFileSync(join(folder, 'vitest.config.ts'), config);
  log = run({});
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(env: Readonly<Record<string, string>>): string {
  const program = join(root, 'node_modules/vitest/vitest.mjs');
  const argv = [program, 'run', '--root', folder, '--config', join(folder, 'vitest.config.ts')];
  const outer = Object.entries(process.env).filter(([name]) => !/^VITEST|^OGONG_TEST_NOTES/.test(name));
  return spawnSync(process.execPath, argv, { env: { ...Object.fromEntries(outer), ...env }, encoding: 'utf8' }).stdout;
}

it('a run ends with what it skipped, a suite once, by the name that says why', () => {
  const listed = log.slice(log.indexOf('skipped, '));
  expect(listed).toContain('  is left out (the device is absent)\n      some.test.ts\n');
  expect(listed).toContain('  a browser (there is none) (2 tests)\n');
  expect(listed).toContain('  vectors > of a curve (vectors absent)\n');
  expect(listed).not.toContain('runs');
  expect(listed).not.toContain('more');
});

it('runs of one command note it in one file', () => {
  const file = join(folder, 'skipped');
  expect(readTestNotes(file)).toEqual({ skipped: [], failed: [], files: [] });
  for (const _ of [1, 2]) expect(run({ [TEST_NOTES_FILE]: file })).not.toContain('skipped, 4');
  const { skipped, failed, files } = readTestNotes(file);
  expect(files).toHaveLength(2);
  expect(files[0]).toMatchObject({ file: 'some.test.ts', passed: 1, failed: 0, isGreen: true });
  expect(skipped.filter(({ name }) => name.startsWith('a browser'))).toHaveLength(2);
  expect(formatSkipped(skipped)).toContain('a browser (there is none) (2 tests)');
  expect([formatSkipped([]), formatFailed(failed)]).toEqual(['', '']);
});

it('a test, a hook and a file that fail are noted with their errors', () => {
  const file = join(folder, 'failed');
  run({ BREAK: '1', [TEST_NOTES_FILE]: file });
  const { failed, files } = readTestNotes(file);
  expect(files.map(({ isGreen }) => isGreen)).toEqual([false, false]);
  const listed = formatFailed(failed);
  expect(listed).toContain('failed, 3:\n');
  expect(listed).toContain('  some.test.ts > is wrong\n      the sum: expected 1 to be 2');
  expect(listed).toContain('  some.test.ts > a chain\n      no anvil\n');
  expect(listed).toContain('  other.test.ts\n      bad import\n');
  const many = formatFailed(Array.from({ length: 20 }, () => ({ file: 'some.test.ts', name: 'x', error: 'y' })));
  expect(many).toContain('failed, 20:\n');
  expect(many).toContain('  and 8 more\n');
});
