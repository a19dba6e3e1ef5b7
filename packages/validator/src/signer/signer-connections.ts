import { connect, type Socket } from 'node:net';
import { encodeFrame, readFrame } from './signer-frame.ts';

export interface RemoteSignerOptions {
  /** Path of the signer's Unix socket. */
  readonly path: string;
  /** Time limit of one signature. Default: 5,000. */
  readonly timeoutMs?: number;
}

export interface SignerConnections {
  /** Sends one message and reads its answer. @throws SignerError `unreachable`, `malformed` */
  ask(message: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/** Most connections that stay open without a request. */
const MAX_IDLE = 4;

/**
 * Keeps connections to a signer open between requests. A connection carries one request at a time, so a slow signature
 * delays no other one. A connection without a request does not keep the process alive.
 */
export function createSignerConnections({ path, timeoutMs = 5_000 }: RemoteSignerOptions): SignerConnections {
  const idle = new Map<Socket, () => void>();
  let isClosed = false;

  function open(): Socket {
    const socket = connect({ path });
    // The request in progress reads the error for itself.
    return socket.on('error', () => {});
  }

  function keep(socket: Socket): void {
    if (isClosed || socket.destroyed || idle.size >= MAX_IDLE) return void socket.destroy();
    const drop = (): void => {
      release();
      socket.destroy();
    };
    const release = (): void => {
      idle.delete(socket);
      socket.off('data', drop).off('close', drop).ref();
    };
    idle.set(socket, release);
    // Bytes without a request would be read as the answer to the next one.
    socket.on('data', drop).on('close', drop).unref();
  }

  function takeIdle(): Socket | undefined {
    const [newest] = [...idle].at(-1) ?? [];
    if (newest !== undefined) idle.get(newest)?.();
    return newest;
  }

  async function askOn(kept: Socket | undefined, message: Uint8Array): Promise<Uint8Array> {
    const socket = kept ?? open();
    const before = socket.bytesRead;
    try {
      const answer = readFrame(socket, { timeoutMs });
      socket.write(encodeFrame(message));
      const read = await answer;
      keep(socket);
      return read;
    } catch (error) {
      const isUnread = socket.destroyed && socket.bytesRead === before;
      // A late answer must not reach the next request.
      socket.destroy();
      if (kept === undefined || !isUnread) throw error;
      // The signer may close a connection without a request at any time. It signs the same statement again.
      return askOn(undefined, message);
    }
  }

  return {
    ask: (message) => askOn(takeIdle(), message),
    close() {
      isClosed = true;
      for (const socket of idle.keys()) socket.destroy();
    },
  };
}
