import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { root } from '../steps.ts';
import { TEST_INPUTS_FILE } from './environment.ts';
import { formatTestInputs } from './test-inputs.ts';

/** A test that reads three files in three ways; one of them is not named among its inputs. */
const READER = `
  import { readFileSync } from 'node:fs';
  import fs from 'node:fs/promises';
  import { expect, it } from 'vitest';
  const folder = import.meta.dirname;
  it('reads', async () => {
    expect(readFileSync(folder + '/one.txt', 'utf8')).toBe('1');
    if (process.env.READS_MORE) await fs.readFile(new URL('two.txt', import.meta.url));
  });`;

it.each([true, false])('a planted test that reads a file which it does not name fails (isolated: %s)', (isolate) => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const setup = join(root, 'scripts/landing/input-guard.setup.ts');
  const settings = { isolate, include: ['*.test.ts'], setupFiles: [setup], reporters: ['dot'], pool: 'forks' };
  const files = {
    'one.txt': '1',
    'two.txt': '2',
    'reader.test.ts': READER,
    'vitest.config.ts': `export default { test: ${JSON.stringify(settings)} };`,
    'inputs.json': formatTestInputs(folder, ['one.txt', 'two.txt'], new Map([['reader.test.ts', ['one.txt']]])),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const run = (env: Readonly<Record<string, string>>) => {
    const words = [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      folder,
      '--config',
      join(folder, 'vitest.config.ts'),
    ];
    const outer = Object.entries(process.env).filter(([name]) => !/^VITEST|^OGONG_TEST_(?:NOTES|FILES)/.test(name));
    const all = { ...Object.fromEntries(outer), [TEST_INPUTS_FILE]: join(folder, 'inputs.json'), ...env };
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { env: all, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  expect(run({}).status).toBe(0);
  const { status, output } = run({ READS_MORE: '1' });
  expect([status, output]).toEqual([
    1,
    expect.stringContaining('add them to scripts/landing/named-inputs.ts: two.txt'),
  ]);
});
