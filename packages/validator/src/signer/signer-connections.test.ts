import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSignerConnections, type SignerConnections } from './signer-connections.ts';
import { encodeFrame, readFrame } from './signer-frame.ts';

/** Sends an answer at any time, or ends the connection. */
type Answer = (message: string, socket: Socket) => void;

let directory: TestDirectory;
let path: string;
let server: Server | undefined;
let sockets: Socket[];
let links: SignerConnections;

beforeEach(() => {
  directory = createTestDirectory('connections');
  path = join(directory.path, 's');
  sockets = [];
});
afterEach(async () => {
  links.close();
  await stop();
  directory.remove();
});

const send = (socket: Socket, text: string): void => void socket.write(encodeFrame(new TextEncoder().encode(text)));

async function listen(answer: Answer): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    const next = (): Promise<void> =>
      readFrame(socket, { timeoutMs: 30_000 }).then((message) => {
        const following = next();
        answer(new TextDecoder().decode(message), socket);
        return following;
      });
    next().catch(() => {});
  }).listen(path);
  await once(server, 'listening');
}

async function stop(): Promise<void> {
  if (server === undefined) return;
  const closed = once(server.close(), 'close');
  for (const socket of sockets) socket.destroy();
  await closed;
  server = undefined;
}

const ask = async (text: string): Promise<string> =>
  new TextDecoder().decode(await links.ask(new TextEncoder().encode(text)));
const connections = () => new Promise<number>((resolve) => server?.getConnections((_, count) => resolve(count)));

it('keeps one connection for requests in turn, and opens another for a request beside a slow one', async () => {
  const waiting: (() => void)[] = [];
  await listen((text, socket) => {
    if (text === 'slow') waiting.push(() => send(socket, text));
    else send(socket, text);
  });
  links = createSignerConnections({ path });
  for (const text of ['a', 'b', 'c']) expect(await ask(text)).toBe(text);
  expect(sockets).toHaveLength(1);
  const slow = ask('slow');
  expect(await ask('d')).toBe('d');
  waiting[0]?.();
  expect(await slow).toBe('slow');
  expect(sockets).toHaveLength(2);
});

it('keeps few connections after many requests at once', async () => {
  await listen((text, socket) => send(socket, text));
  links = createSignerConnections({ path });
  const texts = Array.from({ length: 20 }, (_, i) => `request ${i}`);
  expect(await Promise.all(texts.map(ask))).toEqual(texts);
  await expect.poll(connections).toBe(4);
});

it('asks again where a signer closed the connection before the request', async () => {
  await listen((text, socket) => {
    send(socket, text);
    socket.end();
  });
  links = createSignerConnections({ path });
  for (const text of ['a', 'b', 'c']) expect(await ask(text)).toBe(text);
  await stop();
  await expect(ask('d')).rejects.toMatchObject({ code: 'unreachable' });
  await listen((text, socket) => send(socket, text));
  expect(await ask('e')).toBe('e');
});

it('asks again once if a kept connection ends without an answer, and not if part of it is here', async () => {
  let end: Answer | undefined;
  const asked: string[] = [];
  await listen((text, socket) => {
    asked.push(text);
    if (end === undefined) return send(socket, text);
    end(text, socket);
  });
  links = createSignerConnections({ path });
  await ask('a');
  end = (_, socket) => void socket.destroy();
  await expect(ask('b')).rejects.toMatchObject({ code: 'unreachable' });
  expect(asked).toEqual(['a', 'b', 'b']);
  end = undefined;
  await ask('c');
  end = (_, socket) => void socket.end(encodeFrame(new Uint8Array(8)).subarray(0, 6));
  await expect(ask('d')).rejects.toMatchObject({ code: 'unreachable' });
  expect(asked).toEqual(['a', 'b', 'b', 'c', 'd']);
});

it('gives no request the answer to an earlier one, and reads no answer without a request', async () => {
  let late: Socket | undefined;
  await listen((text, socket) => {
    if (text === 'late') late = socket;
    else send(socket, text);
  });
  links = createSignerConnections({ path, timeoutMs: 500 });
  await ask('a');
  await expect(ask('late')).rejects.toMatchObject({ code: 'unreachable' });
  send(late as Socket, 'late');
  expect(await ask('b')).toBe('b');
  send(sockets.at(-1) as Socket, 'unasked');
  await expect.poll(() => sockets.at(-1)?.destroyed).toBe(true);
  expect(await ask('c')).toBe('c');
});
