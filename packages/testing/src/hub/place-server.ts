import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';

export interface PlaceServer {
  /** Address of the place on this machine. */
  readonly url: string;
  /** Paths that were asked for, in their order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export interface PlaceServerOptions {
  /** Changes the pieces that the server sends. */
  readonly change?: (path: string, pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

const FILE = /^\/(manifests|blobs|lists|evaluations)\/[0-9a-f]{64}$/;
const RANGE = /^bytes=(\d+)-(\d+)$/;

/** Serves the folder of a store as a place of the hub, on the loopback interface. */
export async function startPlaceServer(
  directory: string,
  { change = (_path, pieces) => pieces }: PlaceServerOptions = {},
): Promise<PlaceServer> {
  const asked: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    asked.push(path);
    const size = FILE.test(path) ? statSync(join(directory, path), { throwIfNoEntry: false })?.size : undefined;
    if (size === undefined) {
      response.writeHead(404).end();
      return;
    }
    const [range, first, last] = RANGE.exec(request.headers.range ?? '') ?? [];
    const [start, end] = range === undefined ? [0, size - 1] : [Number(first), Number(last)];
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': end - start + 1,
      ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    const stream = Readable.from(change(path, createReadStream(join(directory, path), { start, end })));
    stream.on('error', () => response.destroy());
    stream.pipe(response).on('close', () => stream.destroy());
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
