import type { CallFlood } from './flood.ts';

/** A daemon's door, an honest party that uses it or another method of the same daemon, and a flood at ten times a limit. */
export interface DoorScene {
  /** Kebab-case, unique. */
  readonly id: string;
  /** What honest parties do. */
  readonly honest: string;
  /** The limit that the flood goes beyond, tenfold. */
  readonly limit: string;
  open(): Promise<OpenDoor>;
}

export interface OpenDoor {
  /** Makes what so many honest calls need, so that making it is not measured. */
  prepare?(calls: number): void | Promise<void>;
  /** One call of an honest party. @throws where it is refused. */
  call(): Promise<void>;
  readonly flood: CallFlood;
  /** How many of the flood's calls may come to more than a refusal by a limit: the burst. */
  readonly burst: number;
  close(): Promise<void>;
}

/** The flood comes from one address, under so many certificates. */
export const CALLERS = 4;
export const FLOOD_ADDRESS = '127.0.1.1';
/** The limit on one address is four times that on one peer, see LinkServerOptions.methodRates. */
export const OF_ADDRESS = 4;
export const TIMES = 10;

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
