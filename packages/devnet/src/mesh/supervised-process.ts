import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { platform } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openPrivateFile } from '@ogong/host/files/private-files';
import { parseReadyLine, type ReadyLine } from '@ogong/host/lifecycle/ready-line';
import { SMALL_HEAP } from '@ogong/host/lifecycle/small-heap';
import { COMPILE_CACHE } from './compile-cache.ts';
import { findJoinedProgram } from './joined-program.ts';
import { MeshError } from './mesh-error.ts';
import { readNodeFlags } from './node-flags.ts';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';

export interface SupervisedProcessOptions {
  readonly name: string;
  /** Path of a TypeScript or JavaScript entry. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly readyTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
  /** Receives each line of its standard error. */
  readonly onErrorLine?: (line: string) => void;
  /** Called when it ends without having been asked to. */
  readonly onCrash?: (detail: string) => void;
}

export interface SupervisedProcess {
  readonly name: string;
  readonly identity: ProcessIdentity | undefined;
  /** Its ready line; undefined while it is not ready. */
  readonly ready: ReadyLine | undefined;
  /** Resolves when the daemon says on its standard output that it serves. @throws MeshError 'did-not-start' with the end of the log. */
  start(): Promise<ReadyLine>;
  /** Asks it to stop, then insists. Safe to call in any state. */
  stop(): Promise<void>;
  /** Sends a signal to it and all that it started, and waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

const tether = fileURLToPath(new URL('./tether.ts', import.meta.url));
const keptLines = 20;
/** Time in which the last output may arrive after the end. */
const drainTimeoutMs = 2_000;

/** Daemons that run now. They are ended with this process, in every way of ending that still runs code. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) signalGroup(child, 'SIGKILL');
});

/** One daemon of a mesh: its output goes to a file, its life is tied to this process. */
export function createSupervisedProcess(options: SupervisedProcessOptions): SupervisedProcess {
  const { name, readyTimeoutMs = 120_000, stopTimeoutMs = 10_000 } = options;
  let child: ChildProcess | undefined;
  let identity: ProcessIdentity | undefined;
  let ready: ReadyLine | undefined;
  let ended: Promise<void> = Promise.resolve();
  let isEndExpected = false;

  async function start(): Promise<ReadyLine> {
    if (child) throw new MeshError('already-running', `${name} is already running`);
    isEndExpected = false;
    // Written synchronously, so that a reader sees everything once the process has ended.
    const log = openPrivateFile(options.logFile, 'a');
    const started = launch(options);
    child = started;
    identity = started.pid === undefined ? undefined : identifyProcess(started.pid);
    living.add(started);
    const end = waitForEnd(started);
    ended = end.then((how) => {
      living.delete(started);
      child = undefined;
      identity = undefined;
      ready = undefined;
      if (!isEndExpected) options.onCrash?.(`${name} ${how}`);
    });
    started.once('close', () => closeSync(log));
    ready = await waitUntilReady(started, log, end);
    return ready;
  }

  async function waitUntilReady(started: ChildProcess, log: number, end: Promise<string>): Promise<ReadyLine> {
    const lastLines: string[] = [];
    const read = (line: string): void => {
      writeSync(log, `${line}\n`);
      if (lastLines.push(line) > keptLines) lastLines.shift();
    };
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<ReadyLine>((resolve) => {
      if (started.stderr)
        createInterface({ input: started.stderr }).on('line', (line) => {
          read(line);
          options.onErrorLine?.(line);
        });
      if (!started.stdout) return;
      createInterface({ input: started.stdout }).on('line', (line) => {
        read(line);
        const parsed = parseReadyLine(line);
        if (parsed) resolve(parsed);
      });
    });
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, readyTimeoutMs, `was not ready within ${readyTimeoutMs / 1000} s`);
    });
    const early = end.then((how) => `${how} before it was ready`);
    const first = await Promise.race([ready, early, late]);
    clearTimeout(timer);
    if (typeof first !== 'string') return first;
    const shown = lastLines.map((line) => `\n  ${line}`).join('');
    throw new MeshError('did-not-start', `${name} ${first}; its log is ${options.logFile}${shown}`);
  }

  async function stop(): Promise<void> {
    if (!child) return ended;
    isEndExpected = true;
    // Only the daemon gets the signal: it stops its own children in its own order.
    child.kill('SIGTERM');
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    isEndExpected = true;
    signalGroup(child, signal);
    await ended;
  }

  return {
    name,
    get identity() {
      return identity;
    },
    get ready() {
      return ready;
    },
    start,
    stop,
    kill,
  };
}

/**
 * How it ended, once all of its output was read. The wait for `close` is bounded, since children of the daemon may hold its
 * output open.
 */
function waitForEnd(started: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    started.once('error', (error) => resolve(`failed: ${error.message}`));
    started.once('exit', (code, signal) => {
      const how = `ended with ${signal ?? `exit code ${code}`}`;
      const timer = setTimeout(resolve, drainTimeoutMs, how);
      started.once('close', () => {
        clearTimeout(timer);
        resolve(how);
      });
    });
  });
}

/** A group of its own: Ctrl-C in a terminal reaches the launcher alone, which then stops the daemons in order. */
function launch({ entry, args, env }: SupervisedProcessOptions): ChildProcess {
  const [program, preloaded] = [entry, tether].map((path) => findJoinedProgram(path, process.env.OGONG_PROGRAMS));
  const file = [...readNodeFlags(entry), '--import', preloaded as string, program as string];
  return spawn(process.execPath, [...file, ...args], {
    detached: platform() !== 'win32',
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...SMALL_HEAP, ...process.env, ...env },
  });
}

function signalGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (platform() === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
