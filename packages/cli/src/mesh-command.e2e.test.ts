import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MeshState, readMeshState } from '@ogong/devnet/mesh/mesh-state';
import { EXIT } from '@ogong/host/log/errors';
import { afterEach, expect, it } from 'vitest';
import { inspectMesh } from './mesh-command.ts';

const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const ENTRY = fileURLToPath(new URL('./bin/ogong.ts', import.meta.url));

const opened: { readonly directory: string; readonly command: ChildProcess }[] = [];
afterEach(async () => {
  for (const { directory, command } of opened.splice(0)) {
    for (const pid of findProcesses(directory)) endIfThere(pid);
    command.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});

/** A mesh of one validator and one provider, as a user starts it in a terminal. */
async function up(more: readonly string[] = [], env: NodeJS.ProcessEnv = process.env) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-mesh-up-'));
  const args = ['mesh', 'up', '--dir', directory, '--model', `file:${STORIES}`, '--base-port', '0'];
  const command = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ENTRY, ...args, '--validators', '1', '--providers', '1', ...more],
    { stdio: ['ignore', 'pipe', 'pipe'], env },
  );
  opened.push({ directory, command });
  let said = '';
  for (const stream of [command.stdout, command.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return {
    ...{ directory, command },
    said: () => said,
    hears: (words: string) => expect.poll(() => said, { timeout: 180_000, interval: 50 }).toContain(words),
  };
}

/** Processes whose command line or environment names the directory: launcher, daemons, and their children. */
function findProcesses(directory: string): number[] {
  const rows = execFileSync('ps', ['-A', 'e', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return rows.filter((row) => row.includes(directory)).map((row) => Number.parseInt(row.trim(), 10));
}

/** It may have ended since it was found. */
function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const pidOf = (state: MeshState | undefined, name: string): number | undefined =>
  state?.processes.find((process) => process.name === name)?.identity?.pid;

it('stops its programs if it is interrupted during the start, in the background and in the foreground', async () => {
  for (const [more, exitCode] of [
    [[], EXIT.interrupted],
    [['--foreground'], EXIT.ok],
  ] as const) {
    const { directory, command, hears } = await up(more);
    await hears('1 of 5 daemons serve');
    command.kill('SIGINT');
    expect(await once(command, 'exit')).toEqual([exitCode, null]);
    expect(readMeshState(directory)).toBeUndefined();
    // The children of a daemon that had to be killed end a little later.
    await expect.poll(() => findProcesses(directory)).toEqual([]);
  }
});

it('starts a daemon again that was killed, and leaves nothing behind if it is killed itself', async () => {
  const { directory, command, hears, said } = await up(['--foreground']);
  await hears('ready at');
  const before = pidOf(readMeshState(directory), 'router') as number;
  process.kill(before, 'SIGKILL');
  await hears('router ended with SIGKILL');
  await hears('router is back');
  const state = readMeshState(directory) as MeshState;
  expect(pidOf(state, 'router')).not.toBe(before);
  expect(inspectMesh(state), said()).toMatchObject({ isWell: true, message: 'router is back' });
  command.kill('SIGKILL');
  await once(command, 'exit');
  // No program is left to notify them: each notices by itself.
  await expect.poll(() => findProcesses(directory)).toEqual([]);
});

it('is found by ask and verify without flags, with its trust and its chain', async () => {
  const home = mkdtempSync(join(tmpdir(), 'ogong-mesh-home-'));
  // The bench of the tests names no mesh's directory.
  const env = { ...process.env, HOME: home, OGONG_MESH_DIR: '' };
  const run = (...argv: string[]) => {
    const done = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ENTRY, ...argv], {
      ...{ env, encoding: 'utf8' },
    });
    return { code: done.status, out: done.stdout, error: done.stderr };
  };
  try {
    const { directory, hears } = await up(['--foreground'], env);
    await hears('ready at');
    const receipt = join(home, 'receipt.json');
    const asked = run('ask', '--max-tokens', '4', '--save', receipt, 'Once upon a time');
    expect(asked, asked.error).toMatchObject({ code: EXIT.ok });
    expect(run('mesh', 'status')).toMatchObject({ code: EXIT.ok, out: expect.stringContaining('gateway') });
    expect(run('verify', receipt)).toMatchObject({ code: EXIT.ok });
    const trust = ['--trust', join(directory, 'trust.json')];
    const deployment = ['--deployment', join(directory, 'deployment.json')];
    // A mesh with one provider settles nothing, so the rest of the way is checked.
    const followed = run('verify', receipt, '--follow');
    expect(followed).toMatchObject({
      code: 3,
      out: expect.stringContaining('\nnot checked: settled: ask again later'),
    });
    for (const named of [[], trust, deployment]) {
      const allowed = run('verify', receipt, '--follow', '--allow', 'settled', ...named);
      expect(allowed, named.join(' ')).toMatchObject({ code: EXIT.ok });
    }
    expect(run('mesh', 'down').out).toContain('stopped: mesh');
    expect(run('verify', receipt)).toMatchObject({ code: 3 });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
