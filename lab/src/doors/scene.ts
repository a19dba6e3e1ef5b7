import type { Clock } from '@ogong/host/time/clock';
import type { CallFlood } from './flood.ts';

/** A method of a daemon, an honest caller of it or of another method there, and a flood at ten times a limit. */
export interface DoorScene {
  /** Kebab-case, unique. */
  readonly id: string;
  /** Calls of honest parties. */
  readonly honest: string;
  /** The limit that the flood goes beyond, tenfold. */
  readonly limit: string;
  open(asked?: AskedDoor): Promise<OpenDoor>;
}

export interface AskedDoor {
  /** Clock of a validator's limits. Default: this machine's time, as in all other scenes. */
  readonly clock?: Clock;
}

export interface OpenDoor {
  /** Prepares this number of honest calls, outside the measurement. */
  prepare?(calls: number): void | Promise<void>;
  /** One call of an honest party. @throws if it is refused. */
  call(): Promise<void>;
  readonly flood: CallFlood;
  /** Calls of the flood that may pass the limit: the burst. */
  readonly burst: number;
  /** Clock of its limits. Default: this machine's time. */
  readonly clock?: Clock;
  close(): Promise<void>;
}

/** The flood comes from one address, under so many certificates. */
export const CALLERS = 4;
export const FLOOD_ADDRESS = '127.0.1.1';
/** The limit on one address is four times that on one peer, see LinkServerOptions.methodRates. */
export const OF_ADDRESS = 4;
export const TIMES = 10;

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
