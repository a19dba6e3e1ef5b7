import { writeNotesTo } from '../config/start-notes.ts';
import { describeFailure, EXIT, getExitCode } from '../log/errors.ts';
import { type ProcessHost, processHost } from './process-host.ts';

export interface Daemon {
  /** Values that a launcher needs, such as the bound address. */
  readonly ready?: Readonly<Record<string, unknown>>;
  /** How long `stop` may take. Default: as the program says. */
  readonly stopTimeoutMs?: number;
  /** Rejects if the daemon cannot continue, for example after a failed disk write: the process ends at once, and nothing is tidied up. */
  readonly failed?: Promise<never> | undefined;
  stop(): Promise<void>;
}

export interface RunOptions {
  /** Prefix of every message. */
  readonly name: string;
  /** Also of a start that is interrupted. */
  readonly stopTimeoutMs?: number;
  readonly host?: ProcessHost;
}

/**
 * Runs a daemon as this process. It prints one `{"event":"ready",...}` line on standard output once it serves. The first SIGINT or SIGTERM
 * stops it, the second ends it at once. Any failure becomes one message and an exit code.
 * @param start its signal fires if the start is interrupted, such as a download that takes hours.
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

  writeNotesTo((text) => host.writeError(text));
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
