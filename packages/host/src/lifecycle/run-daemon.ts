import { describeFailure, EXIT, getExitCode } from '../log/errors.ts';
import { type ProcessHost, processHost } from './process-host.ts';

export interface Daemon {
  /** What a launcher needs to know, such as the address that was bound. */
  readonly ready?: Readonly<Record<string, unknown>>;
  /** How long `stop` may take. Default: as the program says. */
  readonly stopTimeoutMs?: number;
  stop(): Promise<void>;
}

export interface RunOptions {
  /** Stands before every message. */
  readonly name: string;
  readonly stopTimeoutMs?: number;
  readonly host?: ProcessHost;
}

/**
 * Runs a daemon as this process: prints one `{"event":"ready",...}` line on standard output once it serves, stops it
 * on the first SIGINT or SIGTERM, ends at once on the second, and turns any failure into one message and an exit code.
 */
export async function runDaemon(start: () => Promise<Daemon>, options: RunOptions): Promise<void> {
  const { name, stopTimeoutMs = 15_000, host = processHost } = options;
  let stopping = false;
  let daemon: Daemon | undefined;

  const fail = (error: unknown, code = getExitCode(error)): void => {
    host.writeError(`${name}: ${describeFailure(error)}\n`);
    host.exit(code);
  };

  const stop = async (): Promise<void> => {
    const timeoutMs = daemon?.stopTimeoutMs ?? stopTimeoutMs;
    const timer = setTimeout(() => {
      host.writeError(`${name}: did not stop within ${timeoutMs} ms\n`);
      host.exit(EXIT.temporary);
    }, timeoutMs);
    try {
      await daemon?.stop();
      host.exit(EXIT.ok);
    } catch (error) {
      fail(error);
    } finally {
      clearTimeout(timer);
    }
  };

  // After a bug the state is unknown, so it is safe neither to go on nor to tidy up. The stores survive a crash.
  host.onUncaught((error) => fail(error, EXIT.software));
  host.onSignal((signalNumber) => {
    if (stopping) return host.exit(128 + signalNumber);
    stopping = true;
    // During start there is nothing to stop yet: see below.
    if (daemon) void stop();
  });

  try {
    daemon = await start();
  } catch (error) {
    return fail(error);
  }
  if (stopping) return stop();
  host.writeLine(JSON.stringify({ event: 'ready', name, pid: host.pid, ...daemon.ready }));
}
