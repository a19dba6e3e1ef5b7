import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./ogong-provider.ts', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

type Program = ChildProcessByStdio<null, Readable, Readable>;

let folder: string;
let programs: Program[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-local-'));
  programs = [];
});

afterEach(() => {
  for (const program of programs) program.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(...argv: string[]): Program {
  const node = ['--disable-warning=ExperimentalWarning', PROGRAM];
  const program = spawn(process.execPath, [...node, ...argv, '--data-dir', folder, '--models-dir', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  programs.push(program);
  return program;
}

async function startLocal(): Promise<{ program: Program; base: string }> {
  const program = start('local', '--model', MODEL, '--listen', '127.0.0.1:0', '--log-level', 'fatal');
  const [line] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
  const { address } = JSON.parse(line) as { address: { port: number } };
  return { program, base: `http://127.0.0.1:${address.port}` };
}

/** Processes that a process has started and that live. */
function listChildren(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => readStatus(each)?.parent === pid);
}

function readStatus(pid: number): { readonly parent: number; readonly state: string } | undefined {
  try {
    const [, state = '', parent = ''] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { parent: Number(parent), state };
  } catch {
    // It has ended.
    return undefined;
  }
}

const isAlive = (pid: number): boolean => !['', 'Z', 'X'].includes(readStatus(pid)?.state ?? '');

const ask = (base: string, more: object = {}): Promise<Response> =>
  fetch(`${base}/api/generate`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'stories260K',
      prompt: 'Once upon a time',
      options: { seed: 1, num_predict: 20 },
      ...more,
    }),
  });

// Processes are looked up as Linux shows them.
describe.skipIf(process.platform !== 'linux')('local mode, on Linux', () => {
  it('tells its client when the engine is killed during an answer, and answers the next', async () => {
    const { program, base } = await startLocal();
    const before = (await (await ask(base, { stream: false })).json()) as { response: string };
    const [engine] = listChildren(program.pid as number);
    const response = await ask(base, { options: { seed: 1, num_predict: 2000, temperature: 2 } });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    process.kill(engine as number, 'SIGKILL');
    let rest = '';
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      rest += Buffer.from(piece.value).toString();
    const last = JSON.parse(rest.trim().split('\n').at(-1) ?? '{}') as { error?: string; done?: boolean };
    // The answer may have been over before the engine was.
    expect(last.error ?? last.done).toBeTruthy();
    await expect.poll(async () => (await ask(base, { stream: false })).status).toBe(200);
    const after = (await (await ask(base, { stream: false })).json()) as { response: string };
    expect(after.response).toBe(before.response);
    const [next] = listChildren(program.pid as number);
    expect(next).not.toBe(engine);
  });

  it('that is killed leaves no process behind, and its note misleads nobody', async () => {
    const { program } = await startLocal();
    const children = listChildren(program.pid as number);
    expect(children.length).toBeGreaterThan(0);
    program.kill('SIGKILL');
    await once(program, 'exit');
    await expect.poll(() => children.filter(isAlive)).toEqual([]);
    const listed = start('ps', '--json');
    expect(await text(listed.stdout)).toBe('[]\n');
  });

  it('two on one store pull the same model at once, and both have it', async () => {
    const both = [start('pull', 'stories260K'), start('pull', 'stories260K')];
    const codes = await Promise.all(both.map(async (program) => (await once(program, 'exit'))[0] as number));
    expect(codes).toEqual([0, 0]);
    const listed = start('list', '--json');
    expect((JSON.parse(await text(listed.stdout)) as object[]).length).toBe(1);
  });

  it('names who has its port before it loads a model', async () => {
    const { base } = await startLocal();
    const { port } = new URL(base);
    const second = start('local', '--model', join(folder, 'is-never-looked-for.gguf'), '--listen', `127.0.0.1:${port}`);
    const [error, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')]);
    expect([code, error]).toEqual([
      69,
      expect.stringMatching(/taken by ogong-provider local, .* --listen 127\.0\.0\.1:\d+\n$/),
    ]);
  });
});
