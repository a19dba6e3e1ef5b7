import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { isLocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from '../local/local-fixture.ts';
import { noteServer } from '../local/server-note.ts';

const PROGRAM = findProgram(new URL('./ogong-provider.ts', import.meta.url));
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];

let dataDir: string;
let fixture: LocalFixture;
let child: ChildProcessWithoutNullStreams | undefined;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'ogong-provider-'));
  fixture = await createLocalFixture({
    models: [shelve('fake'), shelve('slow')],
    open: (reference) => createFakeEngine(reference.includes('slow') ? { contextSize: 4096, stepMs: 2 } : {}),
  });
  noteServer(dataDir, { host: '127.0.0.1', port: Number(new URL(fixture.base).port) }, 'fixture');
});

afterEach(async () => {
  child?.kill('SIGKILL');
  child = undefined;
  await fixture.close();
  rmSync(dataDir, { recursive: true });
});

function start(argv: readonly string[]): ChildProcessWithoutNullStreams {
  const [node = '', ...rest] = NODE;
  child = spawn(node, [...rest, ...argv], { env: { ...process.env, OGONG_PROVIDER_DATA_DIR: dataDir } });
  return child;
}

async function run(argv: readonly string[], input = ''): Promise<{ code: unknown; out: string; error: string }> {
  const started = start(argv);
  started.stdin.end(input);
  const [out, error, [code]] = await Promise.all([text(started.stdout), text(started.stderr), once(started, 'exit')]);
  return { code, out, error };
}

describe('a pipe', () => {
  it('brings the text in front of the prompt, and gets the answer and nothing else', async () => {
    const { code, out, error } = await run(['run', 'fake', 'Sum', 'this', 'up'], 'the notes\n');
    expect([code, error]).toEqual([0, '']);
    expect(out.endsWith('\n')).toBe(true);
    expect(out.length).toBeGreaterThan(1);
    expect(out).not.toContain('>>>');
    const bound = await run(['run', 'fake', 'hello', '--format', '{"type":"boolean"}']);
    expect(bound.out).toMatch(/^(?:true|false)\n$/);
  });

  it('leaves the receipt of its answer behind, which checks offline, and none where no history is to be kept', async () => {
    const file = join(dataDir, 'last-receipt.json');
    await run(['run', 'fake', 'hello', '--no-history']);
    expect(existsSync(file)).toBe(false);
    const { out } = await run(['run', 'fake', 'hello']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { request: string; response: string };
    const receipt = parseAnyReceipt(readFileSync(file, 'utf8'));
    if (!isLocalReceipt(receipt)) throw new Error('it is no receipt of local mode');
    const [request, response] = [kept.request, kept.response].map(
      (text) => new Uint8Array(Buffer.from(text, 'base64')),
    );
    const given = { crypto: nodeCrypto, request, response, trust: { allow: ['network'] }, nowMs: Date.now() };
    expect(verifyLocalReceipt(receipt, given as Parameters<typeof verifyLocalReceipt>[1])).toMatchObject({ ok: true });
    expect(Buffer.from(kept.response, 'base64').toString().trim()).toBe(out.trim());
  });

  it('gets answer and receipt as JSON with --json', async () => {
    const { code, out, error } = await run(['run', 'fake', 'hello', '--json']);
    expect([code, error]).toEqual([0, '']);
    const receipt = join(dataDir, 'last-receipt.json');
    expect(JSON.parse(out)).toEqual({ model: 'fake', answer: expect.stringMatching(/./), receipt });
    const { out: id } = await run(['id', '--json']);
    expect(JSON.parse(id)).toEqual({ id: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it('has its answer where no receipt can be kept', async () => {
    mkdirSync(join(dataDir, 'last-receipt.json'));
    const { code, out, error } = await run(['run', 'fake', 'hello']);
    expect([code, out.length > 1]).toEqual([0, true]);
    expect(error).toMatch(/^the answer cannot be checked later: .*last-receipt\.json: .+\n$/);
  });

  it('that is closed early ends the program quietly', async () => {
    const started = start(['run', 'slow', 'hello']);
    started.stdin.end();
    const error = text(started.stderr);
    started.stdout.once('data', () => started.stdout.destroy());
    expect(await once(started, 'exit')).toEqual([0, null]);
    expect(await error).toBe('');
  });

  it('without a word in it is refused', async () => {
    const { code, error } = await run(['run', 'fake']);
    expect([code, error]).toEqual([64, expect.stringContaining('standard input is empty')]);
  });

  it('is told of an unknown model by the exit code and one line', async () => {
    expect(await run(['run', 'nothing', 'hello'])).toEqual({
      ...{ code: 69, out: '' },
      error: expect.stringMatching(/^ogong-provider: .+\n$/),
    });
  });

  it('is stopped by Ctrl-C with the status that shells expect', async () => {
    const started = start(['run', 'slow', 'hello']);
    started.stdin.end();
    await once(started.stdout, 'data');
    started.kill('SIGINT');
    expect(await once(started, 'exit')).toEqual([130, null]);
  });
});

it.each([['--help'], ['-h'], ['help'], []])('help %j ends well, in groups that end with examples', async (...argv) => {
  const { code, out, error } = await run(argv);
  expect([code, error]).toEqual([0, '']);
  expect(out).toMatch(
    /On this machine:\n {2}run [\s\S]*Models:\n[\s\S]*For the network:\n[\s\S]*Examples:\n {2}ogong-provider/,
  );
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});

it('an unknown command is a usage error', async () => {
  expect(await run(['constructor'])).toMatchObject({ code: 64, error: expect.stringContaining('unknown command') });
});

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

// A pseudo-terminal by util-linux's `script`; the chat itself is tested with streams in chat-terminal.test.ts.
it.skipIf(!hasScript)(
  `on a terminal Ctrl-C stops the answer, Ctrl-D leaves${hasScript ? '' : ' (no program script here)'}`,
  async () => {
    const command = [...NODE, 'run', 'slow', '--data-dir', dataDir].map((word) => `'${word}'`).join(' ');
    child = spawn('script', ['-qec', command, '/dev/null']);
    let shown = '';
    child.stdout.on('data', (bytes) => {
      shown += String(bytes);
    });
    await expect.poll(() => shown).toContain('>>> ');
    child.stdin.write('/set parameter num_predict 3000\r');
    // With the prompt that follows: it is not the one after the answer.
    await expect.poll(() => shown).toMatch(/num_predict is 3000[\s\S]*>>> /);
    child.stdin.write('hello\r');
    const begin = shown.length;
    await expect.poll(() => shown.slice(begin).length).toBeGreaterThan(80);
    const stopped = shown.length;
    child.stdin.write('\u0003');
    await expect.poll(() => shown.slice(stopped)).toContain('>>> ');
    child.stdin.write('/set quiet\r');
    await expect.poll(() => shown).toContain('timings are not shown');
    child.stdin.write('\u0004');
    expect(await once(child, 'exit')).toEqual([0, null]);
  },
);
