import { request as httpRequest, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { type ApiApp, createApiApp } from './api-app.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';
import { streamText, type WriteText } from './text-stream.ts';

const BIND = { host: '127.0.0.1', port: 0 };
let server: HttpServer | undefined;
let release = (): void => {};

afterEach(async () => {
  vi.useRealTimers();
  release();
  await server?.stop();
  server = undefined;
});

async function serveText(produce: (write: WriteText) => Promise<void>): Promise<number> {
  const app = createApiApp();
  app.get('/', (context) => streamText(context, produce, { headers: {}, formatFailure: () => '' }));
  return serve(app);
}

/** @returns the port. */
async function serve(app: ApiApp): Promise<number> {
  server = createHttpServer(app, { bind: BIND, headersTimeoutMs: 5_000, maxConnections: 4 });
  await server.start();
  return server.address().port;
}

it('sends the first texts at once, without a timer', async () => {
  const rest = Promise.withResolvers<void>();
  release = rest.resolve;
  const port = await serveText(async (write) => {
    await write('a');
    await write('b');
    await rest.promise;
  });
  // No timer fires from here on: a call that waits for one waits for ever.
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = httpRequest({ port, host: BIND.host }, (response) => {
    let told = '';
    response.setEncoding('utf8').on('data', (piece: string) => {
      told += piece;
      if (told === 'ab') resolve(told);
    });
    response.once('end', () => reject(new Error(`ended after ${told}`)));
  });
  sent.once('error', reject);
  sent.end();
  expect(await promise).toBe('ab');
});

it('sends the head and the first texts in one write', async () => {
  const app = createApiApp();
  const writes: number[] = [];
  app.get('/', (context) => {
    const { socket } = context.env.outgoing as ServerResponse;
    const parts = vi.spyOn(socket as Socket, '_write');
    const together = vi.spyOn(socket as Socket & Required<Pick<Socket, '_writev'>>, '_writev');
    const produce = async (write: WriteText): Promise<void> => {
      await write('a');
      await write('b');
      await new Promise(setImmediate);
      writes.push(parts.mock.calls.length, together.mock.calls.length);
    };
    return streamText(context, produce, { headers: {}, formatFailure: () => '' });
  });
  expect(await (await fetch(`http://${BIND.host}:${await serve(app)}`)).text()).toBe('ab');
  expect(writes).toEqual([0, 1]);
});

it('sends a client of HTTP/1.0 the bare text', async () => {
  const port = await serveText(async (write) => {
    await write('a');
    await write('b');
  });
  const socket = connect(port, BIND.host);
  socket.write('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n');
  const [head, body] = (await readText(socket)).split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  expect(head).not.toMatch(/transfer-encoding/i);
  expect(body).toBe('ab');
});

it('waits for a client that does not read, and sends it all once it reads', async () => {
  const text = 'x'.repeat(1024 * 1024);
  const held = Promise.withResolvers<void>();
  let written = 0;
  const port = await serveText(async (write) => {
    for (; written < 32; written++) {
      const waits = write(text);
      // The buffers of both sockets together are smaller than all texts.
      if (waits !== undefined && written > 0) held.resolve();
      await waits;
    }
  });
  const socket = connect(port, BIND.host);
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await held.promise;
  expect(written).toBeLessThan(32);
  const [, body = ''] = (await readText(socket)).split('\r\n\r\n');
  expect(body.replaceAll(/[^x]/g, '')).toHaveLength(32 * text.length);
});

it('stops its producer when a client that does not read goes away', async () => {
  const failed = Promise.withResolvers<unknown>();
  const held = Promise.withResolvers<void>();
  const port = await serveText(async (write) => {
    try {
      for (;;) {
        const waits = write('x'.repeat(1024 * 1024));
        if (waits !== undefined) held.resolve();
        await waits;
      }
    } catch (error) {
      failed.resolve(error);
      throw error;
    }
  });
  const socket = connect(port, BIND.host);
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await held.promise;
  socket.destroy();
  expect(String(await failed.promise)).toMatch(/aborted|closed/);
});
