import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./ogong-provider.ts', import.meta.url));
const FILE = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'ogong-run-'));

afterAll(() => rmSync(dataDir, { recursive: true }));

const run = (argv: readonly string[], input: string) =>
  spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv, '--data-dir', dataDir, '--models-dir', dataDir],
    {
      ...{ input, encoding: 'utf8' },
    },
  );

describe('run without a server', () => {
  it('pulls the model and answers by itself', () => {
    const { status, stdout, stderr } = run(['run', 'stories260K', '--timings'], 'Once upon a time');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/answer \d+ tokens, [\d.]+ tokens\/s\n$/)]);
    expect(stdout.trim().split(' ').length).toBeGreaterThan(5);
    expect(run(['list', '--json'], '').stdout).toContain('"stories260K"');
  });

  it('takes a file by its path, and says why it takes none', () => {
    expect(run(['run', FILE, '--n-ctx', '256'], 'Once upon a time')).toMatchObject({
      ...{ status: 0, stderr: expect.stringMatching(/^stories260K runs on \w+: .+\n$/) },
    });
    const { status, stdout, stderr } = run(['run', join(dataDir, 'missing.gguf')], 'Once upon a time');
    expect([status, stdout, stderr]).toEqual([
      69,
      '',
      expect.stringMatching(/^ogong-provider: .*missing\.gguf is not there.*\n$/),
    ]);
  });
});
