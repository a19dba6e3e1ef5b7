import { describeFailure, EXIT, getExitCode } from '../log/errors.ts';
import { type ProcessHost, processHost } from './process-host.ts';

export interface Daemon {
  /** What a launcher needs to know, such as the address that was bound. */
  readonly ready?: Readonly<Record<string, unknown>>;
  /** How long `stop` may take. Default: as the program says. */
  readonly stopTimeoutMs?: number;
  /** Rejects where the daemon cannot go on, such as where a disk has failed: the process ends at once, and nothing is tidied up. */
  readonly failed?: Promise<never> | undefined;
  stop(): Promise<void>;
}

export interface RunOptions {
  /** Stands before every message. */
  readonly name: string;
  /** Also of a start that is interrupted. */
  readonly stopTimeoutMs?: number;
  readonly host?: ProcessHost;
}

/**
 * Runs a daemon as this process: prints one `{"event":"ready",...}` line on standard output once it serves, stops it
 * on the first SIGINT or SIGTERM, ends at once on the second, and turns any failure into one message and an exit code.
 * @param start its signal fires where the start is interrupted, such as a download that takes hours.
 */
export async function runDaemon(start: (signal: AbortSignal) => Promise<Daemon>, options: RunOptions): Promise<void> {
  const { name, stopTimeoutMs = 15_000, host = processHost } = options;
  const starting = new AbortController();
  let stoppedBy: number | undefined;
  let daemon: Daemon | undefined;
  let late: NodeJS.Timeout | undefined;

  const fail = (error: unknown, code = getExitCode(error)): void => {
    host.writeError(`${name}: ${describeFailure(error)}\n`);
    host.exit(code);
  };

  const endLate = (): NodeJS.Timeout => {
    const timeoutMs = daemon?.stopTimeoutMs ?? stopTimeoutMs;
    return setTimeout(() => {
      host.writeError(`${name}: did not stop within ${timeoutMs} ms
`);
      host.exit(EXIT.temporary);
    }, timeoutMs);
  };

  const stop = async (): Promise<void> => {
    const timer = endLate();
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
    if (stoppedBy !== undefined) return host.exit(128 + signalNumber);
    stoppedBy = signalNumber;
    if (daemon) return void stop();
    // There is nothing to stop yet.
    starting.abort();
    late = endLate();
  });

  try {
    daemon = await start(starting.signal);
  } catch (error) {
    if (stoppedBy !== undefined) return host.exit(128 + stoppedBy);
    return fail(error);
  } finally {
    clearTimeout(late);
  }
  daemon.failed?.catch((error: unknown) => fail(error));
  if (stoppedBy !== undefined) return stop();
  host.writeLine(JSON.stringify({ event: 'ready', name, pid: host.pid, ...daemon.ready }));
}
