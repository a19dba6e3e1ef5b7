import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { HostPort } from '@ogong/host/config/values';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('../bin/ogong-provider.ts', import.meta.url));
const TINY = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

let folder: string;
let model: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-own-machines-'));
  model = join(folder, 'stories.gguf');
  copyFileSync(TINY, model);
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function spawnProgram(argv: readonly string[]) {
  const own = ['--data-dir', join(folder, 'keys'), '--models-dir', join(folder, 'store'), '--n-ctx', '256'];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv, ...own], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

interface Started {
  readonly child: ChildProcess;
  readonly address: HostPort;
  readonly error: Promise<string>;
}

/** Starts the program as the owner would, and waits until it serves. */
async function start(argv: readonly string[]): Promise<Started> {
  const child = spawnProgram(argv);
  const error = text(child.stderr);
  for await (const line of createInterface(child.stdout)) {
    const { event, address } = JSON.parse(line) as { event: string; address: HostPort };
    if (event === 'ready') return { child, address, error };
  }
  throw new Error(`the program did not start: ${await error}`);
}

async function fail(argv: readonly string[]): Promise<string> {
  const child = spawnProgram(argv);
  const [error] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(child.exitCode).not.toBe(0);
  return error;
}

const startSegment = (layers: string, port = 0): Promise<Started> =>
  start(['segment', '--model', model, '--layers', layers, '--listen', `127.0.0.1:${port}`]);
const withMachines = (machines: readonly Started[]): string[] => [
  ...['--with', machines.map(({ address }) => `127.0.0.1:${address.port}`).join(',')],
];

async function post(server: Started, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${server.address.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

const LOCAL = ['local', '--listen', '127.0.0.1:0'];

it('a model over three machines answers as the model on one machine does, and goes on after one of them restarts', async () => {
  const [first, second, alone] = await Promise.all([
    startSegment('0-1'),
    startSegment('2-2'),
    start([...LOCAL, '--model', model]),
  ]);
  const chain = await start([...LOCAL, '--model', model, ...withMachines([first, second])]);
  const ask = async (server: Started) =>
    post(server, '/api/generate', {
      model: 'stories',
      prompt: 'Once upon a time',
      stream: false,
      options: { seed: 5, temperature: 0.8, num_predict: 40 },
    });
  const { response } = await ask(alone);
  expect(String(response).length).toBeGreaterThan(20);
  expect((await ask(chain)).response).toBe(response);
  const { machines, details } = await post(chain, '/api/show', { model: 'stories' });
  expect(machines).toEqual([
    { machine: `127.0.0.1:${first.address.port}`, layers: '0-1' },
    { machine: `127.0.0.1:${second.address.port}`, layers: '2-2' },
    { machine: 'this machine', layers: '3-4' },
  ]);
  expect(details).toMatchObject({ family: 'llama' });
  await kill(second.child);
  await startSegment('2-2', second.address.port);
  // Each of the two sequences may hold the beginning of a prompt, which is lost: the answer that meets it says so.
  const answers = [await ask(chain), await ask(chain), await ask(chain)];
  const failed = answers.filter(({ error }) => error !== undefined);
  expect(failed.length).toBeLessThan(3);
  for (const { error } of failed) expect(error).toContain(`the link to 127.0.0.1:${second.address.port} was lost`);
  expect(answers.at(-1)?.response).toBe(response);
  await kill(first.child);
  expect(JSON.stringify(await ask(chain))).toContain(`127.0.0.1:${first.address.port}`);
});

it('machines that do not fit together are refused, with the remedy', async () => {
  const [first, second] = await Promise.all([startSegment('0-1'), startSegment('2-3')]);
  expect(await fail([...LOCAL, '--model', model, ...withMachines([second, first])])).toContain(
    'begins at layer 2, and layer 0 is next; name the machines in the order of their layers',
  );
  expect(await fail([...LOCAL, '--model', model, ...withMachines([first]), '--kv-type', 'f32'])).toContain(
    'Start both with the same --isa, --kernels and --kv-type',
  );
});

it('settings that say nothing or cannot be kept are refused before anything is loaded', async () => {
  const [none, last, network, rpc] = await Promise.all([
    fail(['segment', '--model', model]),
    fail(['segment', '--model', model, '--layers', '2-4']),
    fail(['serve', '--model', model, '--deployment', 'none.json', '--rpc-servers', '127.0.0.1:50052']),
    fail([...LOCAL, '--model', model, '--rpc-servers', '127.0.0.1:50052']),
  ]);
  expect(none).toContain('--model needs --layers, such as 0-15');
  expect(last).toContain('the last layers run on the machine that leads');
  expect(network).toContain('--rpc-servers is not for the network');
  expect(rpc).toContain('which the prebuilt library lacks; use ogong-provider segment');
});
