import { toHex } from '@ogong/protocol/base/bytes';
import { type DestinationStream, type Logger, destination as openDestination, pino } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** The daemon, in every line. */
  readonly name: string;
  readonly level?: LogLevel;
  /** Standard error when absent, so that standard output stays with the program's own answers. */
  readonly destination?: DestinationStream;
}

/** JSON lines with time in ms. Secrets print themselves as [secret]; bytes are printed as hexadecimal. */
export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  // Synchronous: the last lines before a crash are the ones that matter.
  const stream = destination ?? openDestination({ dest: 2, sync: true });
  return pino(
    {
      name,
      level,
      base: { name },
      formatters: { level: (label) => ({ level: label }), log: (fields) => mapValues(fields, showBytes) },
      serializers: { err: describeError, error: describeError },
    },
    stream,
  );
}

function mapValues(fields: Record<string, unknown>, map: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, map(value)]));
}

function showBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return typeof value === 'bigint' ? value.toString() : value;
}

/** An error with a code is expected and needs no stack; any other is a bug and does. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? { stack: error.stack } : { code }),
    ...(error.cause === undefined || depth >= 4 ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
