import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Writes the body of a request into a file. */
export const receiveFile = (request: IncomingMessage, path: string): Promise<void> =>
  pipeline(request, createWriteStream(path));

/** Answers with a file, or with the range of it that the request asks for. */
export async function sendFile(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    response.writeHead(404).end();
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const [start, end] = from === undefined ? [0, size - 1] : [Number(from), Math.min(Number(to), size - 1)];
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': end + 1 - start,
    ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  // A reader may leave before the end.
  await pipeline(createReadStream(path, { start, end }), response).catch(() => undefined);
}

/** Reads a small body. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces).toString('utf8');
}

/** A server on the loopback. */
export interface LoopbackHttp {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Starts a server whose answers are asynchronous. */
export async function startLoopbackHttp(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LoopbackHttp> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
