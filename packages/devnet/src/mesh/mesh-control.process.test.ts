import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRunningMesh, stopMesh } from './mesh-control.ts';
import { MeshError } from './mesh-error.ts';
import { type MeshState, readMeshState, writeMeshState } from './mesh-state.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-control-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function startSleeper(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 1000)"], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  await once(child.stdout, 'data');
  return identifyProcess(child.pid as number) as ProcessIdentity;
}

const stateOf = (launcher: ProcessIdentity, daemon?: ProcessIdentity): MeshState => ({
  launcher,
  phase: 'ready',
  message: '',
  model: 'ogong/verified/test/model',
  gatewayUrl: 'http://127.0.0.1:1',
  rpcUrl: 'http://127.0.0.1:2',
  deploymentFile: 'deployment.json',
  trustFile: 'trust.json',
  processes: [{ name: 'router', role: 'router', port: 3, logFile: 'router.log', identity: daemon }],
});

describe('mesh control', () => {
  it('ends the launcher and its leftover processes, and then has nothing to do', async () => {
    const [launcher, daemon] = await Promise.all([startSleeper(), startSleeper()]);
    writeMeshState(directory, stateOf(launcher, daemon));
    expect(findRunningMesh(directory)?.launcher).toEqual(launcher);
    expect(await stopMesh(directory)).toEqual(['mesh', 'router']);
    expect([launcher, daemon].map(isRunning)).toEqual([false, false]);
    expect(findRunningMesh(directory)).toBeUndefined();
    expect(await stopMesh(directory)).toEqual([]);
  });

  it('never ends a process that only has the number of one it started', async () => {
    const stranger = await startSleeper();
    const former = { pid: stranger.pid, startedAt: `${stranger.startedAt}0` };
    writeMeshState(directory, stateOf(former, former));
    expect(findRunningMesh(directory)).toBeUndefined();
    expect(await stopMesh(directory)).toEqual([]);
    expect(isRunning(stranger)).toBe(true);
    process.kill(stranger.pid, 'SIGKILL');
  });

  it('ends a mesh of another version, and only the processes that it started', async () => {
    const [launcher, stranger] = await Promise.all([startSleeper(), startSleeper()]);
    const former = { pid: stranger.pid, startedAt: `${stranger.startedAt}0` };
    const state = { launcher, state: 'up', processes: [{ name: 'oracle', identity: former }, { name: 'none' }] };
    writeFileSync(join(directory, 'mesh.json'), JSON.stringify(state));
    expect(() => findRunningMesh(directory)).toThrow(/of this version: `ogong mesh down` ends what it names/);
    expect(await stopMesh(directory)).toEqual(['mesh']);
    expect([launcher, stranger].map(isRunning)).toEqual([false, true]);
    expect(findRunningMesh(directory)).toBeUndefined();
    process.kill(stranger.pid, 'SIGKILL');
  });

  it('says so when the state is damaged', async () => {
    const launcher = '"launcher":{"pid":999999999,"startedAt":""}';
    for (const text of [
      '{"launcher":',
      '[]',
      '{"processes":[]}',
      '{"starter":{"pid":999999999,"startedAt":""},"processes":[]}',
      `{${launcher},"processes":{}}`,
      `{${launcher},"processes":[{"name":"router","identity":{"pid":-1,"startedAt":""}}]}`,
    ]) {
      const file = join(directory, 'mesh.json');
      writeFileSync(file, text);
      expect(() => readMeshState(directory)).toThrow(MeshError);
      await expect(stopMesh(directory)).rejects.toThrow(/end what runs by hand/);
      expect(existsSync(file)).toBe(true);
    }
  });
});
