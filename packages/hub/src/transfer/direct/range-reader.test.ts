import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { collect } from '@ogong/testing/hub/blob-bytes';
import { TEST_AUTHORITY, TEST_SERVER_CERTIFICATES, TEST_SERVER_KEY } from '@ogong/testing/net/test-authority';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRangeReader, NotDirect } from './range-reader.ts';

const content = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >>> 8)) & 255));
const before = getCACertificates('default');
let sockets: Socket[];
let servers: Server[];
beforeEach(() => {
  sockets = [];
  servers = [];
});
afterEach(() => {
  setDefaultCACertificates(before);
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

type Answer = (socket: Socket, range: { readonly from: number; readonly to: number }) => void;

/** Starts a server that answers each request in its own way. @returns its address. */
async function serve(answer: Answer, isSecure = false): Promise<string> {
  const accept = (socket: Socket): void => {
    sockets.push(socket);
    let held = '';
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      held += piece.toString('latin1');
      const [request, first, last] = /^GET .*?range: bytes=(\d+)-(\d+)\r\n.*?\r\n\r\n/s.exec(held) ?? [];
      if (request === undefined) return;
      held = held.slice(request.length);
      answer(socket, { from: Number(first), to: Number(last) + 1 });
    });
  };
  const server = isSecure
    ? createSecureServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, accept)
    : createServer(accept);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `${isSecure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/blob`;
}

const headOf = ({ from, to }: { readonly from: number; readonly to: number }): string =>
  `HTTP/1.1 206 Partial Content\r\ncontent-length: ${to - from}\r\ncontent-range: bytes ${from}-${to - 1}/${content.length}\r\n\r\n`;

const send: Answer = (socket, range) => {
  socket.write(headOf(range));
  socket.write(content.subarray(range.from, range.to));
};

const { signal } = new AbortController();
const createRead = () => {
  const reader = createRangeReader();
  return (address: string, [from, to]: readonly [number, number], own: AbortSignal = signal) =>
    collect(reader.read(address, { from, to }, { headers: {}, signal: own }));
};
const isPart = (bytes: Uint8Array, [from, to]: readonly [number, number]): boolean =>
  Buffer.from(bytes).equals(content.subarray(from, to));

it.each([false, true])('reads ranges one after another over one connection, TLS %j', async (isSecure) => {
  setDefaultCACertificates([TEST_AUTHORITY]);
  const address = await serve(send, isSecure);
  const read = createRead();
  for (const range of [
    [0, content.length],
    [7, 8],
    [1_000_000, 2_500_001],
  ] as const)
    expect(isPart(await read(address, range), range)).toBe(true);
  expect(sockets).toHaveLength(1);
  sockets[0]?.destroy();
  expect(isPart(await read(address, [3, 9]), [3, 9])).toBe(true);
  expect(sockets).toHaveLength(2);
});

it('trusts no server with a certificate of a strange issuer', async () => {
  setDefaultCACertificates([]);
  await expect(createRead()(await serve(send, true), [0, 9])).rejects.toThrow(NotDirect);
});

it('reads an answer that comes byte by byte', async () => {
  const address = await serve(async (socket, range) => {
    for (const byte of Buffer.concat([Buffer.from(headOf(range)), content.subarray(range.from, range.to)]))
      await new Promise<void>((done) => void socket.write(Uint8Array.of(byte), () => done()));
  });
  expect(isPart(await createRead()(address, [5, 25]), [5, 25])).toBe(true);
});

it('uses a connection no more after an answer that is longer than its length, or that ends it', async () => {
  const long = await serve((socket, range) => {
    socket.write(Buffer.concat([Buffer.from(headOf(range)), content.subarray(range.from, range.to + 5)]));
  });
  const closing = await serve((socket, range) => {
    socket.end(
      headOf(range).replace('\r\n', '\r\nconnection: close\r\n') + content.toString('latin1', range.from, range.to),
      'latin1',
    );
  });
  const read = createRead();
  for (const address of [long, closing])
    for (let time = 0; time < 2; time++) expect(isPart(await read(address, [5, 25]), [5, 25])).toBe(true);
  expect(sockets).toHaveLength(4);
});

it('does not pass an answer on that ends early', async () => {
  const address = await serve((socket, range) => void socket.end(`${headOf(range)}abc`));
  await expect(createRead()(address, [5, 25])).rejects.toThrow('17 bytes before its end');
});

it.each<[string, Answer]>([
  ['sends another answer', (socket) => void socket.write('HTTP/1.1 302 Found\r\nlocation: /other\r\n\r\n')],
  ['sends an endless head', (socket) => void socket.write(`HTTP/1.1 206 Partial Content\r\nx: ${'y'.repeat(40_000)}`)],
  ['ends the connection', (socket) => void socket.end()],
  ['resets the connection', (socket) => void socket.resetAndDestroy()],
])('leaves a server that %s to another client', async (_name, answer) => {
  await expect(createRead()(await serve(answer), [5, 25])).rejects.toThrow(NotDirect);
});

it('leaves an address without a server to another client', async () => {
  const address = await serve(send);
  await new Promise((done) => servers[0]?.close(done));
  await expect(createRead()(address, [5, 25])).rejects.toThrow(NotDirect);
});

it('closes its connection when the signal fires, before the answer and within it', async () => {
  for (const begun of ['', `${headOf({ from: 0, to: 9 })}abc`]) {
    const ended = new AbortController();
    const address = await serve((socket) => {
      if (begun !== '') socket.write(begun);
      socket.on('close', () => closed.resolve());
      setTimeout(() => ended.abort(new Error('enough')), 20);
    });
    const closed = Promise.withResolvers<void>();
    await expect(createRead()(address, [0, 9], ended.signal)).rejects.toThrow(
      begun === '' ? 'enough' : 'before its end',
    );
    await closed.promise;
  }
});

it('closes a connection whose reader ends early', async () => {
  const address = await serve(send);
  const closed = Promise.withResolvers<void>();
  const stream = createRangeReader().read(address, { from: 0, to: content.length }, { headers: {}, signal });
  for await (const piece of stream) {
    expect(isPart(piece, [0, piece.length])).toBe(true);
    sockets[0]?.on('close', () => closed.resolve());
    break;
  }
  await closed.promise;
});
