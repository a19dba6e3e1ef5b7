import type { Clock } from '@ogong/host/time/clock';
import type { CallFlood } from './flood.ts';

/** A daemon's door, an honest party that uses it or another method of the same daemon, and a flood at ten times a limit. */
export interface DoorScene {
  /** Kebab-case, unique. */
  readonly id: string;
  /** What honest parties do. */
  readonly honest: string;
  /** The limit that the flood goes beyond, tenfold. */
  readonly limit: string;
  open(asked?: AskedDoor): Promise<OpenDoor>;
}

export interface AskedDoor {
  /** What a validator's limits are counted by. Default: this machine's time, as at all other doors. */
  readonly clock?: Clock;
}

export interface OpenDoor {
  /** Makes what so many honest calls need, so that making it is not measured. */
  prepare?(calls: number): void | Promise<void>;
  /** One call of an honest party. @throws where it is refused. */
  call(): Promise<void>;
  readonly flood: CallFlood;
  /** How many of the flood's calls may come to more than a refusal by a limit: the burst. */
  readonly burst: number;
  /** What its limits are counted by. Default: this machine's time. */
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
