import { createServer } from 'node:net';
import type { HostPort } from '@ogong/host/link/host-port';
import { addressOf, listen } from '@ogong/host/link/listen';

/** A service on loopback that reads lines, such as a cache or a mail server. It greets each connection and records what it receives. */
export interface LineService {
  readonly at: HostPort;
  connections(): number;
  received(): Buffer;
  stop(): Promise<void>;
}

export async function startLineService(): Promise<LineService> {
  const chunks: Buffer[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write('220 ready\r\n'.padEnd(64));
  });
  await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    at: addressOf(server),
    connections: () => connections,
    received: () => Buffer.concat(chunks),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
