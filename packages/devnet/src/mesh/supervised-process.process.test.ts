import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, type ProcessIdentity } from './process-identity.ts';
import { createSupervisedProcess, type SupervisedProcess } from './supervised-process.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function create(script: string, extra: { onCrash?: (detail: string) => void } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-process-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const entry = join(directory, 'daemon.mjs');
  writeFileSync(entry, script);
  const logFile = join(directory, 'daemon.log');
  const daemon = createSupervisedProcess({
    name: 'daemon',
    entry,
    args: [],
    logFile,
    ...extra,
  });
  cleanups.push(() => daemon.kill('SIGKILL'));
  return { daemon, logFile };
}

const ready = "console.log(JSON.stringify({ event: 'ready', name: 'daemon', pid: process.pid }));";
const serving = `${ready} setInterval(() => {}, 1000);`;
const identityOf = (daemon: SupervisedProcess): ProcessIdentity => daemon.identity as ProcessIdentity;

describe('supervised process', () => {
  it('waits for the ready line, logs the output and stops', async () => {
    const { daemon, logFile } = create(`console.log('warming up'); ${serving}`);
    expect(await daemon.start()).toMatchObject({ event: 'ready', pid: daemon.identity?.pid });
    const identity = identityOf(daemon);
    expect(isRunning(identity)).toBe(true);
    await daemon.stop();
    expect(isRunning(identity)).toBe(false);
    expect(readFileSync(logFile, 'utf8')).toMatch(/^warming up\n\{"event":"ready"/);
  });

  it("gives node the flags of the program's first line", async () => {
    const print = "console.log('flags', process.execArgv.join(' '));";
    const first = '#!/usr/bin/env -S node --no-warnings --max-semi-space-size=3';
    const { daemon, logFile } = create(`${first}\n${print} ${serving}`);
    await daemon.start();
    expect(readFileSync(logFile, 'utf8')).toMatch(/^flags --no-warnings --max-semi-space-size=3 --import /);
    const plain = create(`${print} ${serving}`);
    await plain.daemon.start();
    expect(readFileSync(plain.logFile, 'utf8')).toMatch(/^flags --disable-warning=ExperimentalWarning --import /);
  });

  it('makes the C library return freed memory', async () => {
    const print = "console.log('trim', process.env.MALLOC_TRIM_THRESHOLD_);";
    const { daemon, logFile } = create(`${print} ${serving}`);
    await daemon.start();
    expect(readFileSync(logFile, 'utf8')).toMatch(/^trim 131072\n/);
  });

  it('can be killed and started again', async () => {
    const { daemon } = create(serving);
    await daemon.start();
    const first = identityOf(daemon);
    await daemon.kill('SIGKILL');
    expect(isRunning(first)).toBe(false);
    await daemon.start();
    expect(identityOf(daemon)).not.toEqual(first);
  });

  it('says why a daemon did not start', async () => {
    const { daemon } = create("console.error('no such model'); process.exit(3);");
    await expect(daemon.start()).rejects.toThrow(/exit code 3[\s\S]*no such model/);
  });

  it.runIf(process.platform === 'linux')('kills a daemon with its children', async () => {
    const { daemon } = create(
      `import { spawn } from 'node:child_process';
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       console.log(JSON.stringify({ event: 'ready', name: 'daemon', pid: process.pid, child: child.pid }));
       setInterval(() => {}, 1000);`,
    );
    const started = await daemon.start();
    await daemon.kill('SIGKILL');
    const grandchild = started.child as number;
    // The kernel ends a group at once; only reaping takes a moment.
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });

  it('reports an unexpected end', async () => {
    let report = '';
    const told = new Promise<void>((resolve) => {
      const { daemon } = create(`${ready} setTimeout(() => process.exit(7), 10);`, {
        onCrash: (detail) => {
          report = detail;
          resolve();
        },
      });
      void daemon.start();
    });
    await told;
    expect(report).toBe('daemon ended with exit code 7');
  });

  it('has everything that a daemon wrote in its log when it reports the end', async () => {
    const log = await new Promise<string>((resolve) => {
      const { daemon, logFile } = create(
        `${ready} for (let i = 0; i < 20_000; i++) console.log('line ' + i); console.error('out of memory'); process.exitCode = 7;`,
        { onCrash: () => resolve(readFileSync(logFile, 'utf8')) },
      );
      void daemon.start();
    });
    const lines = log.split('\n');
    expect(lines.filter((line) => line.startsWith('line '))).toHaveLength(20_000);
    expect(lines).toContain('out of memory');
  });

  it('does not wait for output that a child holds open', async () => {
    const { daemon } = create(
      `import { spawn } from 'node:child_process';
       const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600_000)'], { stdio: 'inherit', detached: true });
       console.log(JSON.stringify({ event: 'ready', name: 'daemon', pid: process.pid, child: child.pid }));
       setInterval(() => {}, 1000);`,
    );
    const started = await daemon.start();
    const child = started.child as number;
    cleanups.push(() => void process.kill(child, 'SIGKILL'));
    await daemon.stop();
    expect(isAlive(child)).toBe(true);
  });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
