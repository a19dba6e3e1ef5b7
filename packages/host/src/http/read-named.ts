import { type IncomingMessage, request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { DialPolicy } from '../link/public-address.ts';
import { dialNamed } from '../link/reach/dial.ts';

export interface NamedReading {
  /** Addresses that the reader may dial. */
  readonly policy: DialPolicy;
  /** A longer answer is refused. */
  readonly maxBytes: number;
  /** Ends the reading, however far it is. */
  readonly signal: AbortSignal;
}

/**
 * Reads a small file at an address that a stranger named. It dials only addresses that the policy allows, and follows no redirect.
 * @throws Error if the address is not dialled or not answered, and for each answer but 200 with at most `maxBytes`.
 */
export async function readNamed(address: string, { policy, maxBytes, signal }: NamedReading): Promise<Uint8Array> {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isPlain = url.protocol === 'http:';
  const port = Number(url.port || (isPlain ? 80 : 443));
  const socket = await dialNamed({ host, port }, policy, signal);
  try {
    const stream = isPlain ? socket : connectTls({ socket, host, ...(isIP(host) === 0 && { servername: host }) });
    return await collect(await ask(url, stream, signal), maxBytes);
  } finally {
    socket.destroy();
  }
}

function ask({ host, pathname }: URL, stream: Socket, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ path: pathname, headers: { host }, createConnection: () => stream, signal })
      .on('response', resolve)
      .on('error', reject)
      .end();
  });
}

async function collect(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (response.statusCode !== 200) throw new Error(`the server answered ${response.statusCode}`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > maxBytes) throw new Error(`the server sent more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces, size));
}
