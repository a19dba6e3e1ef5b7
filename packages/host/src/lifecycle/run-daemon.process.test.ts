import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../store/store-error.ts';
import type { ProcessHost } from './process-host.ts';
import { parseReadyLine } from './ready-line.ts';
import { type Daemon, runDaemon } from './run-daemon.ts';

function createHost() {
  const seen = { lines: [] as string[], errors: [] as string[], exits: [] as number[] };
  let signal: (signalNumber: number) => void = () => {};
  let uncaught: (error: unknown) => void = () => {};
  const host: ProcessHost = {
    pid: 42,
    writeLine: (text) => seen.lines.push(text),
    writeError: (text) => seen.errors.push(text),
    exit: (code) => seen.exits.push(code),
    onSignal: (listener) => {
      signal = listener;
    },
    onUncaught: (listener) => {
      uncaught = listener;
    },
  };
  return { host, seen, signal: (n: number) => signal(n), uncaught: (error: unknown) => uncaught(error) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a daemon', () => {
  it('says when it is ready', async () => {
    const { host, seen } = createHost();
    await runDaemon(async () => ({ ready: { port: 4544 }, stop: async () => {} }), { name: 'routerd', host });
    expect(seen.lines.map(parseReadyLine)).toEqual([{ event: 'ready', name: 'routerd', pid: 42, port: 4544 }]);
    expect(seen.exits).toEqual([]);
  });

  it('stops once, and at once on the second signal', async () => {
    const { host, seen, signal } = createHost();
    let stops = 0;
    let finish: () => void = () => {};
    const daemon: Daemon = {
      stop: () => {
        stops++;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    };
    await runDaemon(async () => daemon, { name: 'routerd', host });
    signal(15);
    expect([stops, seen.exits]).toEqual([1, []]);
    signal(15);
    expect([stops, seen.exits]).toEqual([1, [143]]);
    finish();
    await turn();
    expect(seen.exits).toEqual([143, 0]);
  });

  it('stops after a signal that came while it started', async () => {
    const { host, seen, signal } = createHost();
    let stopped = false;
    await runDaemon(
      async () => {
        signal(2);
        return {
          stop: async () => {
            stopped = true;
          },
        };
      },
      { name: 'routerd', host },
    );
    expect([stopped, seen.exits, seen.lines]).toEqual([true, [0], []]);
  });

  it('ends a start that listens to its signal, with the status that shells expect and without a message', async () => {
    const { host, seen, signal } = createHost();
    const running = runDaemon(
      (starting) => new Promise((_, reject) => starting.addEventListener('abort', () => reject(starting.reason))),
      { name: 'provider', host },
    );
    signal(2);
    await running;
    expect(seen).toEqual({ lines: [], errors: [], exits: [130] });
  });

  it('gives up on a start that goes on after a signal', async () => {
    const { host, seen, signal } = createHost();
    void runDaemon(() => new Promise(() => {}), { name: 'provider', host, stopTimeoutMs: 1 });
    signal(15);
    await expect.poll(() => seen.exits).toEqual([75]);
    expect(seen.errors).toEqual(['provider: did not stop within 1 ms\n']);
  });

  it('gives up on a stop that hangs', async () => {
    const { host, seen, signal } = createHost();
    await runDaemon(async () => ({ stop: () => new Promise(() => {}) }), { name: 'routerd', host, stopTimeoutMs: 1 });
    signal(2);
    await expect.poll(() => seen.exits).toEqual([75]);
    expect(seen.errors).toEqual(['routerd: did not stop within 1 ms\n']);
  });

  it('fails to start, or to stop, with one message and a code', async () => {
    const { host, seen, signal } = createHost();
    const full = () => Promise.reject(new StoreError('disk-full', 'the disk is full'));
    await runDaemon(full, { name: 'routerd', host });
    await runDaemon(async () => ({ stop: full }), { name: 'routerd', host });
    signal(15);
    await turn();
    expect(seen.exits).toEqual([74, 74]);
    expect(seen.errors).toEqual(['routerd: the disk is full\n', 'routerd: the disk is full\n']);
  });

  it('ends at once if it cannot continue, and tidies nothing up', async () => {
    const { host, seen } = createHost();
    const { promise: failed, reject } = Promise.withResolvers<never>();
    await runDaemon(async () => ({ failed, stop: () => expect.unreachable() }), { name: 'routerd', host });
    expect(seen.exits).toEqual([]);
    reject(new StoreError('io', 'the database a.db cannot be synced: EIO'));
    await turn();
    expect([seen.exits, seen.errors]).toEqual([[74], ['routerd: the database a.db cannot be synced: EIO\n']]);
  });

  it('ends on a bug', async () => {
    const { host, seen, uncaught } = createHost();
    await runDaemon(async () => ({ stop: async () => {} }), { name: 'routerd', host });
    uncaught(new StoreError('busy', 'nobody caught this'));
    expect([seen.exits, seen.errors]).toEqual([[70], ['routerd: nobody caught this\n']]);
  });
});

describe('as a process', () => {
  const script = fileURLToPath(new URL('run-daemon-child-fixture.ts', import.meta.url));

  async function run(mode: string, onReady: (kill: (signal: NodeJS.Signals) => void) => void) {
    const child = spawn(process.execPath, [script, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (parseReadyLine(text)) onReady((signal) => child.kill(signal));
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, errors };
  }

  it('stops on SIGTERM', async () => {
    expect(await run('serve', (kill) => kill('SIGTERM'))).toEqual({ code: 0, errors: 'stopped\n' });
  });

  it.each(['throw', 'reject'])('ends with code 70 and one line when it %ss', async (mode) => {
    expect(await run(mode, () => {})).toEqual({ code: 70, errors: 'testd: internal error: a bug\n' });
  });
});

it.each(['', 'text', '{}', 'null', '{"event":"ready"}', '{"event":"started","name":"a","pid":1}'])(
  'is not ready: %j',
  (line) => {
    expect(parseReadyLine(line)).toBeUndefined();
  },
);
