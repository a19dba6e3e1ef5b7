import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';

/** How long bytes that wait in the pair may still be read. */
const LAST_BYTES_MS = 5000;
/** How long a relay has to end a link that this side has ended. */
const DRAIN_MS = 10_000;

/**
 * Turns any byte stream into a socket, through a local socket pair if it is not one already. On other streams Node's HTTP/2
 * loses answers that arrive in one piece, and aborts the process when bytes arrive during a write.
 */
export async function asSocket(duplex: Duplex): Promise<Socket> {
  if (duplex instanceof Socket) return duplex;
  const [near, far] = await createSocketPair();
  // pipeline destroys both sides when one ends or breaks: there is nothing left to report.
  pipeline(duplex, far, duplex, () => {});
  closeAfter(far, near);
  return near;
}

/**
 * Returns a socket in front of another one. It reads everything from the other end until that ends, too. A failing TLS closes its socket
 * with unread bytes, and their number would be unknown.
 */
export async function asDrainedSocket(socket: Socket): Promise<Socket> {
  const [near, far] = await createSocketPair();
  socket.on('error', () => socket.destroy());
  far.on('error', () => far.destroy());
  // Ends pass from one to the other. Bytes for an ended side are read and dropped.
  socket.pipe(far).once('close', () => {
    socket.end();
    socket.resume();
    const late = setTimeout(() => socket.destroy(), DRAIN_MS);
    socket.once('close', () => clearTimeout(late));
  });
  far.pipe(socket).once('close', () => {
    far.end();
    far.resume();
  });
  closeAfter(far, near);
  if (socket.destroyed) far.destroy();
  return near;
}

/** A socket that TLS and HTTP/2 have stopped reading does not notice that the other side of the pair has gone. */
function closeAfter(far: Socket, near: Socket): void {
  far.once('close', () => {
    const last = setTimeout(() => near.destroy(), LAST_BYTES_MS);
    near.once('close', () => clearTimeout(last));
  });
}

/** Over loopback: a link server tells its connections apart by their ports. */
async function createSocketPair(): Promise<[near: Socket, far: Socket]> {
  const server = createServer({ noDelay: true });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const near = connect({ host: '127.0.0.1', port, noDelay: true });
    const accepted = new Promise<Socket>((resolve) => {
      server.on('connection', (socket) => {
        // Another program on this machine may connect first.
        if (socket.remotePort === near.localPort) resolve(socket);
        else socket.destroy();
      });
    });
    await once(near, 'connect');
    return [near, await accepted];
  } finally {
    server.close();
  }
}
