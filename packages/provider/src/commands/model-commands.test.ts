import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLocalFixture, type LocalFixture } from '../local/local-fixture.ts';
import { findServer, noteServer } from '../local/server-note.ts';
import { catalogueCommand } from './catalogue-command.ts';
import { modelCommands } from './model-commands.ts';
import { createPullLine, createReadingLine } from './pull-progress.ts';
import { runCommand } from './run-command.ts';

let dataDir: string;
let fixture: LocalFixture | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'ogong-commands-'));
  vi.stubEnv('OGONG_MODELS_DIR', join(dataDir, 'models'));
});

afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
  vi.unstubAllEnvs();
  rmSync(dataDir, { recursive: true });
});

async function run(name: string, ...argv: string[]): Promise<{ code: number; text: string; error: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const command = [...modelCommands, runCommand].find((each) => each.name === name);
  const code = await command?.run(['--data-dir', dataDir, ...argv], {
    write: (text) => void written.push(text),
    writeError: (text) => void errors.push(text),
  });
  return { code: code ?? -1, text: written.join(''), error: errors.join('') };
}

const namesOf = async (): Promise<string[]> =>
  (JSON.parse((await run('list', '--json')).text) as { name: string }[]).map(({ name }) => name);

describe('without a server', () => {
  it('pull, list, show, cp and rm work on the store', async () => {
    expect((await run('list')).error).toContain('ogong-provider pull stories15M');
    expect(await run('pull', 'stories260K')).toMatchObject({ code: 0, text: '' });
    await run('cp', 'stories260K', 'bedtime');
    expect((await run('list')).text).toMatch(
      /^NAME +ROOT +SIZE +MODIFIED\nbedtime +[0-9a-f]{12} +1\.2 MB +\d+ \w+ ago\n/,
    );
    expect(await namesOf()).toEqual(['bedtime', 'stories260K']);
    expect((await run('show', 'bedtime')).text).toMatch(/architecture +llama\n.*\ncontext length +2048\n/);
    expect((await run('show', 'bedtime', '--plan')).text).toMatch(
      /^context +2048 tokens; trained for 2048\nslots +8 replies at a time\nweights +1\.\d MB\n/,
    );
    for (const typed of ['Bedtime', 'bedtime:latest'])
      expect((await run('show', typed, '--plan')).text).toMatch(/trained for 2048/);
    const plan = JSON.parse((await run('show', 'bedtime', '--plan', '--json', '--n-ctx', '512')).text);
    expect(plan).toMatchObject({ contextSize: 512, sequences: 8, trainContext: 2048 });
    expect(plan.advice).toMatch(/^q8_0 in place of f32, or --kernels single: /);
    expect(plan.total).toBe(plan.weights + 8 * plan.kvPerSequence + plan.compute);
    const flags = ['--plan', '--json', '--n-ctx', '512', '--draft-model'];
    const withDraft = JSON.parse((await run('show', 'bedtime', ...flags, 'stories260K')).text);
    expect(withDraft.weights).toBe(2 * plan.weights);
    expect(withDraft.kvPerSequence).toBe(2 * plan.kvPerSequence);
    await expect(run('show', 'bedtime', ...flags, 'absent')).rejects.toThrow("'absent' is no model of this machine");
    await expect(run('show', 'bedtime', '--plan', '--memory-budget', '1MiB')).rejects.toThrow(
      / and 1 MiB are left of --memory-budget, while .*; raise the budget, or /,
    );
    await expect(run('show', 'absent', '--plan')).rejects.toThrow("'absent' is no model of this machine");
    expect((await run('show', 'bedtime', '--part', 'modelfile')).text).toMatch(/^FROM \//);
    expect((await run('rm', 'stories260K', '--json')).text).toBe(
      '{\n  "removed": [\n    "stories260K"\n  ],\n  "unfinished": []\n}\n',
    );
    expect(await namesOf()).toEqual(['bedtime']);
    await run('rm', 'bedtime');
    expect(readdirSync(join(dataDir, 'models', 'blobs'))).toEqual([]);
  });

  it('pull --list lists the catalogue, as catalogue list does, and pulls nothing', async () => {
    const listed: string[] = [];
    const output = { write: (text: string) => void listed.push(text), writeError: () => undefined };
    const own = [['qwen3'], ['qwen3', '--json']] as const;
    for (const words of own) {
      listed.length = 0;
      await catalogueCommand.run(['list', ...words], output);
      expect(await run('pull', '--list', ...words)).toEqual({ code: 0, text: listed.join(''), error: '' });
      expect(listed.join('')).toContain('qwen3-8b');
    }
    expect(await namesOf()).toEqual([]);
    await expect(run('pull')).rejects.toThrow('<model> is missing');
    await expect(run('pull', '--no-list')).rejects.toThrow('<model> is missing');
  });

  it('a missing model is an error with a reason', async () => {
    for (const name of ['show', 'rm']) await expect(run(name, 'missing')).rejects.toThrow('"missing" not found');
    await expect(run('cp', 'missing', 'other')).rejects.toThrow('"missing" not found');
    await expect(run('pull', 'missing')).rejects.toThrow("'missing' names no model");
    await expect(run('rm')).rejects.toThrow('<model> is missing');
    await expect(run('stop', 'missing')).rejects.toThrow('no local server runs');
    expect(await run('ps')).toMatchObject({ code: 0, error: 'no local server runs: ogong-provider local\n' });
    expect((await run('ps', '--json')).text).toBe('[]\n');
  });

  it.each([...modelCommands.map(({ name }) => name), 'run'])(
    '%s --help ends well, fits a terminal, and shows examples',
    async (name) => {
      const { code, text, error } = await run(name, '--help');
      expect([code, error]).toEqual([0, '']);
      expect(text).toMatch(new RegExp(`\nExamples:\n  ogong-provider ${name}`));
      expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );
});

describe('with a server', () => {
  it('its models are meant', async () => {
    fixture = await createLocalFixture();
    const forget = noteServer(dataDir, { host: '127.0.0.1', port: Number(new URL(fixture.base).port) }, 'fixture');
    expect(await namesOf()).toEqual(['fake']);
    expect((await run('ps')).text).toBe('NAME  ROOT  SIZE  CONTEXT  UNTIL\n');
    await fixture.post('/api/generate', { model: 'fake' });
    expect((await run('ps')).text).toMatch(/\nfake +0707[0-9a-f]+ +0\.0 kB +512 +\d+ \w+ from now\n/);
    expect(await run('stop', 'fake')).toMatchObject({ code: 0, error: 'stopped fake\n' });
    expect((await run('ps', '--json')).text).toBe('[]\n');
    forget();
    expect(existsSync(join(dataDir, 'local-server.json'))).toBe(false);
    expect(await namesOf()).toEqual([]);
  });

  it.each([
    ['list', ['--models-dir', '/elsewhere'], '--models-dir'],
    ['rm', ['fake', '--models-dir', '/elsewhere'], '--models-dir'],
    ['pull', ['fake', '--hub-endpoint', 'https://hub.example'], '--hub-endpoint'],
    ['pull', ['fake', '--hub-token=secret'], '--hub-token'],
  ])('%s %j is refused, since the server has its own', async (name, argv, flag) => {
    fixture = await createLocalFixture();
    noteServer(dataDir, { host: '127.0.0.1', port: Number(new URL(fixture.base).port) }, 'fixture');
    vi.stubEnv('HF_TOKEN', 'of all programs');
    await expect(run(name, ...argv)).rejects.toThrow(`${flag}: the server at ${fixture.base} works with its own`);
    expect(await namesOf()).toEqual(['fake']);
  });

  it('another program on its port is not mistaken for it, nor is a note without a server', async () => {
    fixture = await createLocalFixture();
    const port = Number(new URL(fixture.base).port);
    noteServer(dataDir, { host: '0.0.0.0', port }, 'one that was killed');
    expect(await findServer(dataDir)).toBeUndefined();
    const forget = noteServer(dataDir, { host: '0.0.0.0', port }, 'fixture');
    expect(await findServer(dataDir)).toBe(fixture.base);
    noteServer(dataDir, { host: '127.0.0.1', port: 1 }, 'a newer one');
    forget();
    expect(existsSync(join(dataDir, 'local-server.json'))).toBe(true);
    expect(await findServer(dataDir)).toBeUndefined();
  });
});

describe('progress of a download', () => {
  const GB = 1e9;
  const event = (completed: number) => ({ status: 'pulling m.gguf', digest: 'm', total: 3 * GB, completed });

  it('says rate and time left on a terminal, on one line', () => {
    const written: string[] = [];
    const show = createPullLine((text) => void written.push(text), true);
    show(event(0), 0);
    show(event(GB), 1000);
    show({ status: 'verifying sha256 digest' }, 1001);
    show({ status: 'success' }, 1002);
    expect(written).toEqual([
      '\r\u001b[Km.gguf  0 %  0.0 kB of 3.00 GB',
      '\r\u001b[Km.gguf  33 %  1.00 GB of 3.00 GB  1.00 GB/s  2 s left',
      '\nverifying sha256 digest\n',
    ]);
  });

  it('is a line for each tenth elsewhere', () => {
    const written: string[] = [];
    const show = createPullLine((text) => void written.push(text), false);
    for (let i = 0; i <= 300; i++) show(event((i * GB) / 100), i * 100);
    expect(written).toHaveLength(11);
    expect(written[1]).toBe('m.gguf  10 %  300.0 MB of 3.00 GB  100.0 MB/s  27 s left\n');
  });
});

describe('the reading of a large file', () => {
  const read = (totalBytes: number, isTerminal: boolean): string => {
    const written: string[] = [];
    const show = createReadingLine((text) => void written.push(text), isTerminal);
    for (let i = 1; i <= 100; i++) show({ path: '/models/m.gguf', readBytes: (i * totalBytes) / 100, totalBytes });
    return written.join('');
  };

  it('is shown like a download, and ends with a line of its own on a terminal', () => {
    expect(read(3e9, false)).toMatch(/^reading m\.gguf {2}1 % {2}30\.0 MB of 3\.00 GB\n(?:reading .*\n){10}$/);
    expect(read(3e9, true)).toMatch(/reading m\.gguf {2}100 % {2}3\.00 GB of 3\.00 GB[^\n]*\nm\.gguf is read\n$/);
  });

  it('is not worth a word where it takes no time', () => {
    expect(read(1e8, true)).toBe('');
  });
});
