import { connect as connectPlain, isIP, type TcpNetConnectOpts } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { AddressGuard } from '@ogong/models/remote';
import { createReceiveBuffers } from './receive-buffers.ts';

/** A connection to a server. */
export interface Connection {
  isOpen(): boolean;
  send(text: string): void;
  /** Returns the next bytes, which are valid until the next call. At the end there are none. @throws the error of the connection. */
  read(): Promise<Uint8Array>;
  /** Lets the process end although the connection is open. */
  rest(): void;
  close(): void;
}

const CONNECT_MS = 3_000;

/** Connects to the host of an address, over TLS for `https`. @param guard looks up its name. Default: DNS. */
export function openConnection({ protocol, hostname, port }: URL, guard?: AddressGuard): Connection {
  const buffers = createReceiveBuffers();
  let isOpen = true;
  let failure: Error | undefined;
  let change = Promise.withResolvers<void>();
  const notify = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  let isWaiting = false;
  const isSecure = protocol === 'https:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const options: TcpNetConnectOpts = {
    host,
    port: Number(port || (isSecure ? 443 : 80)),
    noDelay: true,
    ...(guard && { lookup: guard.lookup }),
    onread: {
      buffer: buffers.space,
      callback(bytes) {
        isWaiting = !buffers.add(bytes);
        notify();
        return !isWaiting;
      },
    },
  };
  const socket = isSecure
    ? connectSecure({ ...options, ...(isIP(host) === 0 && { servername: host }) })
    : connectPlain(options);
  const end = (): void => {
    isOpen = false;
    notify();
  };
  const goOn = (): void => {
    isWaiting = false;
    socket.resume();
  };
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`no connection to ${host} in ${CONNECT_MS} ms`)));
  socket.once('connect', () => socket.setTimeout(0));
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('end', end).on('close', end).resume();
  return {
    isOpen: () => isOpen,
    send(text) {
      socket.ref();
      socket.write(text, 'latin1');
    },
    async read() {
      for (;;) {
        const piece = buffers.take();
        if (isWaiting) goOn();
        if (piece.length > 0) return piece;
        if (failure !== undefined) throw failure;
        if (!isOpen) return piece;
        await change.promise;
      }
    },
    rest: () => void socket.unref(),
    close: () => void socket.destroy(),
  };
}
