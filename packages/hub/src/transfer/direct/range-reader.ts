import { isIP } from 'node:net';
import type { AddressGuard } from '@ogong/models/remote';
import type { ByteRange } from '../../store/blob-store.ts';
import { type Connection, openConnection } from './connection.ts';
import { formatRangeRequest, parseRangeHead, type RangeHead } from './range-head.ts';

/** The server did not answer with the plain bytes. Another client of HTTP may understand the answer. */
export class NotDirect extends Error {}

export interface DirectReading {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Reads ranges over HTTP. Its connections stay open for the next range, and it takes a fifth of the processor time of `fetch`. */
export interface RangeReader {
  /**
   * Streams a range in pieces. Each is valid until the next one is asked for.
   * @throws NotDirect before the first piece, else the error of the connection.
   */
  read(address: string, range: ByteRange, reading: DirectReading): AsyncGenerator<Uint8Array>;
}

const MAX_HEAD_BYTES = 1 << 14;
const END_OF_HEAD = '\r\n\r\n';
/** A server may close a connection that rests, many after five seconds. */
const REST_MS = 2_000;

/** @param guard of the addresses that may be called. Default: each may. */
export function createRangeReader(guard?: AddressGuard): RangeReader {
  /** Origins of the connections that wait for a request. */
  const resting = new Map<Connection, string>();

  function take({ origin: wanted }: URL): Connection | undefined {
    for (const [connection, origin] of resting) {
      if (origin !== wanted) continue;
      resting.delete(connection);
      if (connection.isOpen()) return connection;
    }
    return undefined;
  }

  function give(connection: Connection, { origin }: URL): void {
    resting.set(connection, origin);
    connection.rest();
    setTimeout(() => {
      if (resting.delete(connection)) connection.close();
    }, REST_MS).unref();
  }

  return {
    async *read(address, range, { headers, signal }) {
      const url = new URL(address);
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A lookup checks names alone.
      if (guard !== undefined && isIP(host) !== 0 && !guard.isAllowed(host))
        throw new NotDirect('it may not be called');
      const asked = { url, range, headers, signal };
      const rested = take(url);
      let connection = rested ?? openConnection(url, guard);
      let isFree = false;
      const close = (): void => connection.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        const { head, body } = await begin(connection, asked).catch((error: unknown) => {
          if (rested === undefined || signal.aborted) throw error;
          // The server may have closed the connection while it rested.
          connection.close();
          connection = openConnection(url, guard);
          return begin(connection, asked);
        });
        let left = range.to - range.from;
        for (let piece = body; ; piece = await readOn(connection, left)) {
          const part = piece.subarray(0, left);
          left -= part.length;
          // The reader may end here, at the last piece.
          isFree = left === 0 && head.staysOpen && part.length === piece.length;
          if (part.length > 0) yield part;
          if (left === 0) return;
        }
      } finally {
        signal.removeEventListener('abort', close);
        if (isFree && connection.isOpen()) give(connection, url);
        else connection.close();
      }
    },
  };
}

interface Asked extends DirectReading {
  readonly url: URL;
  readonly range: ByteRange;
}

/** Asks for a range. @returns the head of the answer, and the bytes of the body that came with it. @throws NotDirect */
async function begin(
  connection: Connection,
  { signal, ...asked }: Asked,
): Promise<{ readonly head: RangeHead; readonly body: Uint8Array }> {
  try {
    signal.throwIfAborted();
    const request = formatRangeRequest(asked);
    if (request === undefined) throw new NotDirect('a header has odd characters');
    connection.send(request);
    const { text, body } = await readHead(connection);
    const head = parseRangeHead(text, asked.range);
    if (head === undefined) throw new NotDirect('the server sent another answer');
    return { head, body };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof NotDirect ? error : new NotDirect('the connection failed', { cause: error });
  }
}

async function readHead(connection: Connection): Promise<{ readonly text: string; readonly body: Uint8Array }> {
  let held = '';
  for (;;) {
    const piece = await connection.read();
    if (piece.length === 0) throw new NotDirect('the connection ended');
    const before = held.length;
    held += Buffer.from(piece.subarray(0, MAX_HEAD_BYTES)).toString('latin1');
    const end = held.indexOf(END_OF_HEAD, Math.max(0, before - END_OF_HEAD.length));
    if (end >= 0) return { text: held.slice(0, end), body: piece.subarray(end + END_OF_HEAD.length - before) };
    if (held.length >= MAX_HEAD_BYTES) throw new NotDirect('the head of the answer is too long');
  }
}

async function readOn(connection: Connection, left: number): Promise<Uint8Array> {
  const piece = await connection.read();
  if (piece.length === 0) throw new Error(`the connection ended ${left} bytes before its end`);
  return piece;
}
