import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MeshState, writeMeshState } from '@ogong/devnet/mesh/mesh-state';
import { afterAll, describe, expect, it } from 'vitest';
import { formatMesh, inspectMesh, meshCommand } from './mesh-command.ts';
import { sumReports } from './told-tests.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-mesh-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ID = new Uint8Array(32);
const state: MeshState = {
  launcher: { pid: 1, startedAt: 'a' },
  phase: 'ready',
  message: 'ready at http://127.0.0.1:4546',
  model: 'ogong/verified/test/model',
  gatewayUrl: 'http://127.0.0.1:4546',
  rpcUrl: 'http://127.0.0.1:4545',
  deploymentFile: 'deployment.json',
  trustFile: 'trust.json',
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
  it('is well if all of it runs', () => {
    const report = inspectMesh(state, () => true);
    expect(report.isWell).toBe(true);
    expect(formatMesh(report)).toContain('up    gateway        port 4546  pid 3\n');
    expect(formatMesh(report)).toContain('explorer http://127.0.0.1:4546/explorer/, chat http://127.0.0.1:4546/\n');
  });

  it("shows validators' reports of their tests, and nothing if none answers", () => {
    const test = (isMissed: boolean) => ({ ...{ epoch: 1n, arrival: 0, isMissed }, providerId: ID, modelRoot: ID });
    const report = (kind: 'canary' | 'timed', ...misses: boolean[]) => ({ kind, tests: misses.map(test) });
    const tests = sumReports([[report('canary', true, false), report('timed')], [], [report('timed', false)]]);
    expect(tests).toEqual({
      validators: 2,
      canary: { asked: 2, missed: 1 },
      timed: { asked: 1, missed: 0 },
    });
    const shown = formatMesh({ ...inspectMesh(state, () => true), tests });
    expect(shown).toContain(
      'tests of providers: 2 (1 missed) answers bought, 1 (0 missed) jobs with a deadline, told by 2',
    );
    expect(sumReports([[], []])).toBeNull();
    expect(formatMesh({ ...inspectMesh(state, () => true), tests: null })).not.toContain('tests of providers');
  });

  it.each([
    ['a daemon is down', state, (pid: number) => pid !== 3, 'DOWN  gateway'],
    ['the launcher is gone', state, (pid: number) => pid !== 1, 'the launcher is gone'],
    ['it still starts', { ...state, phase: 'starting' as const }, () => true, 'starting:'],
  ])('is not well where %s', (_what, at, lives, shown) => {
    const report = inspectMesh(at, ({ pid }) => lives(pid));
    expect(report.isWell).toBe(false);
    expect(formatMesh(report)).toContain(shown);
  });

  it('reports to a script as JSON, with the exit code of the text', async () => {
    const gone = await mesh('status', '--json', '--dir', directory);
    expect(gone.code).toBe(69);
    expect(JSON.parse(gone.out)).toEqual({ isWell: false, processes: [] });
    const crashed = mkdtempSync(join(directory, 'crashed-'));
    // No process has these identities.
    writeMeshState(crashed, state);
    const { code, out, error } = await mesh('status', '--json', '--dir', crashed);
    expect(code).toBe(75);
    expect(error).toBe('');
    expect(JSON.parse(out)).toMatchObject({
      isWell: false,
      isLaunched: false,
      phase: 'ready',
      gatewayUrl: 'http://127.0.0.1:4546',
      processes: [
        { name: 'router', port: 4544, pid: 2, isRunning: false },
        { name: 'gateway', port: 4546, pid: 3, isRunning: false },
      ],
    });
  });

  it('reports that nothing runs, and stops nothing', async () => {
    expect(await mesh('status', '--dir', directory)).toMatchObject({ code: 69, out: 'nothing runs\n' });
    expect(await mesh('down', '--dir', directory)).toMatchObject({ code: 0, out: 'nothing runs\n' });
  });

  it('comes up with the threshold beacon by default', async () => {
    const { code, out } = await mesh('up', '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/--beacon <threshold\|vrf>[^[]*\[default: threshold;/);
  });

  it('names its commands', async () => {
    expect(await mesh('sideways')).toMatchObject({
      code: 64,
      error: 'ogong mesh: there is no sideways; say up, status, logs or down\n',
    });
    expect(await mesh()).toMatchObject({ code: 64, error: 'ogong mesh: say up, status, logs or down\n' });
  });
});
