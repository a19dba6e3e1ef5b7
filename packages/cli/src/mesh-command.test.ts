import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshState } from '@ogong/devnet/mesh/mesh-state';
import { afterAll, describe, expect, it } from 'vitest';
import { describeStatus, meshCommand } from './mesh-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-mesh-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const state: MeshState = {
  launcher: { pid: 1, startedAt: 'a' },
  phase: 'ready',
  message: 'ready at http://127.0.0.1:4546',
  model: 'ogong/verified/test/model',
  gatewayUrl: 'http://127.0.0.1:4546',
  rpcUrl: 'http://127.0.0.1:4545',
  deploymentFile: 'deployment.json',
  processes: [
    { name: 'router', role: 'router', port: 4544, logFile: '', identity: { pid: 2, startedAt: 'b' } },
    { name: 'gateway', role: 'gateway', port: 4546, logFile: '', identity: { pid: 3, startedAt: 'c' } },
  ],
};

async function mesh(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await meshCommand.run(argv, { write: (text) => (out += text), writeError: (text) => (error += text) });
  return { code, out, error };
}

describe('ogong mesh', () => {
  it('is well where all of it runs', () => {
    const { text, isWell } = describeStatus(state, () => true);
    expect(isWell).toBe(true);
    expect(text).toContain('up    gateway        port 4546  pid 3');
  });

  it.each([
    ['a daemon is down', state, (pid: number) => pid !== 3, 'DOWN  gateway'],
    ['the launcher is gone', state, (pid: number) => pid !== 1, 'the launcher is gone'],
    ['it still starts', { ...state, phase: 'starting' as const }, () => true, 'starting:'],
  ])('is not well where %s', (_what, at, lives, shown) => {
    const { text, isWell } = describeStatus(at, ({ pid }) => lives(pid));
    expect(isWell).toBe(false);
    expect(text).toContain(shown);
  });

  it('says so where nothing runs, and stops nothing', async () => {
    expect(await mesh('status', '--dir', directory)).toMatchObject({ code: 69, out: 'nothing runs\n' });
    expect(await mesh('down', '--dir', directory)).toMatchObject({ code: 0, out: 'nothing runs\n' });
  });

  it('names its commands', async () => {
    expect(await mesh('sideways')).toMatchObject({ code: 64, error: 'ogong mesh: say up, status, logs or down\n' });
  });
});
