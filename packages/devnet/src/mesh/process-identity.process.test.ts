import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { identifyProcess, isRunning, type ProcessIdentity, signalProcess } from './process-identity.ts';

describe('process identity', () => {
  it('knows a running process, and that it is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const identity = identifyProcess(child.pid as number) as ProcessIdentity;
    expect(isRunning(identity)).toBe(true);
    const exited = once(child, 'exit');
    expect(signalProcess(identity, 'SIGKILL')).toBe(true);
    await exited;
    expect(isRunning(identity)).toBe(false);
    expect(signalProcess(identity, 'SIGKILL')).toBe(false);
  });

  it('never signals another process that has the number now', () => {
    const self = identifyProcess(process.pid) as ProcessIdentity;
    const former = { pid: self.pid, startedAt: `${self.startedAt}0` };
    expect(isRunning(former)).toBe(false);
    // Would end this test if it were delivered.
    expect(signalProcess(former, 'SIGKILL')).toBe(false);
  });

  it.each([0, -1, 1.5, 2 ** 40])('takes %s for no process', (pid) => {
    expect(identifyProcess(pid)).toBeUndefined();
  });
});
