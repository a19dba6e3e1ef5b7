import { constants } from 'node:os';
import { toPrintable } from '@ogong/protocol/base/printable';
import { nameAsTyped } from '../config/typed-commands.ts';

/** Functions of the process that a program needs; the tests pass their own. */
export interface ProcessHost {
  readonly pid: number;
  writeLine(text: string): void;
  writeError(text: string): void;
  exit(code: number): void;
  onSignal(listener: (signalNumber: number) => void): void;
  onUncaught(listener: (error: unknown) => void): void;
}

export const processHost: ProcessHost = {
  pid: process.pid,
  writeLine(text) {
    // The daemon keeps serving when its launcher has exited.
    process.stdout.once('error', () => {});
    process.stdout.write(`${text}\n`);
  },
  writeError: (text) => process.stderr.write(toPrintable(nameAsTyped(text, process.env))),
  exit: (code) => process.exit(code),
  onSignal(listener) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => listener(constants.signals[signal]));
  },
  onUncaught(listener) {
    process.on('uncaughtException', listener);
    process.on('unhandledRejection', listener);
  },
};
