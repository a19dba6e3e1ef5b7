import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';

/** How long bytes that wait in the pair may still be read. */
const LAST_BYTES_MS = 5000;

/**
 * Turns any byte stream into a socket, through a local socket pair if it is not one already. On other streams Node's HTTP/2
 * loses answers that arrive in one piece, and aborts the process when bytes arrive during a write.
 */
export async function asSocket(duplex: Duplex): Promise<Socket> {
  if (duplex instanceof Socket) return duplex;
  const [near, far] = await createSocketPair();
  // pipeline destroys both sides when one ends or breaks: there is nothing left to report.
  pipeline(duplex, far, duplex, () => {});
  // A socket that TLS and HTTP/2 have stopped reading does not notice that the other side of the pair has gone.
  far.once('close', () => {
    const last = setTimeout(() => near.destroy(), LAST_BYTES_MS);
    near.once('close', () => clearTimeout(last));
  });
  return near;
}

async function createSocketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  // Only the user can open the directory, so only the user can connect.
  const directory = platform() === 'win32' ? undefined : await mkdtemp(join(tmpdir(), 'ogong-'));
  try {
    server.listen(directory ? join(directory, 'link') : `\\\\.\\pipe\\ogong-${randomBytes(16).toString('hex')}`);
    await once(server, 'listening');
    const near = connect(server.address() as string);
    const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], unknown];
    return [near, far];
  } finally {
    server.close();
    if (directory) await rm(directory, { recursive: true, force: true });
  }
}
