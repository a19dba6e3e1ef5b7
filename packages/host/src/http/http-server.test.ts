import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { formatHostPort } from '../link/host-port.ts';
import { createHttpServer, type HttpServer, type ServerBindings } from './http-server.ts';

const LONG_MS = 60_000;
const closing: HttpServer[] = [];
afterEach(async () => {
  for (const server of closing.splice(0)) await server.stop();
});

async function serve(
  fetch: (request: Request, bindings: ServerBindings) => Response | Promise<Response>,
  more: { readonly lingerMs?: number } = {},
) {
  const options = { bind: { host: '127.0.0.1', port: 0 }, headersTimeoutMs: LONG_MS, maxConnections: 16, ...more };
  const server = createHttpServer({ fetch }, options);
  await server.start();
  closing.push(server);
  return { server, url: `http://${formatHostPort(server.address())}/` };
}

/** Handlers that have started, and a function that ends them. */
function createGate() {
  const entered = Promise.withResolvers<ServerBindings>();
  const leave = Promise.withResolvers<Response>();
  const fetchOne = (_: Request, bindings: ServerBindings): Promise<Response> => {
    entered.resolve(bindings);
    return leave.promise;
  };
  return { entered: entered.promise, leave: () => leave.resolve(new Response('done')), fetchOne };
}

describe('a server that stops', () => {
  it('ends at once without exchanges, and takes no more', async () => {
    const { server, url } = await serve(() => new Response('here'));
    expect(await (await fetch(url)).text()).toBe('here');
    await server.stop(LONG_MS);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('lets a running exchange end within the grace period', async () => {
    const gate = createGate();
    const { server, url } = await serve(gate.fetchOne);
    const answer = fetch(url);
    const { stopping } = await gate.entered;
    const stopped = server.stop(LONG_MS);
    gate.leave();
    expect(await (await answer).text()).toBe('done');
    await stopped;
    expect(stopping?.aborted).toBe(true);
  });

  it('notifies handlers when the grace period is over, and waits for them', async () => {
    let isStored = false;
    const entered = Promise.withResolvers<void>();
    const { server, url } = await serve(async (_, { stopping }) => {
      entered.resolve();
      await once(stopping as AbortSignal, 'abort');
      isStored = true;
      return new Response('stopped');
    });
    // A busy machine may cut the connection before the answer is out.
    const answer = fetch(url).catch(() => undefined);
    await entered.promise;
    await server.stop();
    expect(isStored).toBe(true);
    await answer;
  });

  it('waits for work that continues after its response', async () => {
    const work = Promise.withResolvers<void>();
    let isStopped = false;
    const { server, url } = await serve((_, { waitUntil }) => {
      waitUntil?.(work.promise);
      return new Response('here');
    });
    await (await fetch(url)).text();
    const stopped = server.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    work.resolve();
    await stopped;
  });

  it('does not wait for a client that never sends its request', async () => {
    const { server } = await serve(() => new Response('here'));
    const { host, port } = server.address();
    const socket = connect(port, host);
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    socket.resume();
    await server.stop();
    await closed;
  });
});

it('keeps a connection without requests longer than a proxy does, and says so', async () => {
  const { url } = await serve(() => new Response('here'));
  const response = await fetch(url);
  await response.text();
  const [, seconds] = /^timeout=(\d+)$/.exec(response.headers.get('keep-alive') ?? '') ?? [];
  expect(Number(seconds)).toBeGreaterThan(60);
});

/** A client that goes on sending its body behind its answer, and then says whether it was cut off. */
async function sendOn({ server }: Awaited<ReturnType<typeof serve>>) {
  const { host, port } = server.address();
  const socket = connect({ host, port, allowHalfOpen: true });
  const closed = new Promise<string>((resolve) => {
    socket.once('error', ({ message }) => resolve(message)).once('close', () => resolve('closed'));
  });
  socket.write(`POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1000000\r\n\r\n${'x'.repeat(100)}`);
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) text += String(chunk);
  return { text, socket, closed };
}

/** Refuses bodies that it does not read. */
async function serveRefusing(lingerMs: number) {
  const entered = Promise.withResolvers<ServerBindings>();
  const served = await serve(
    (_, bindings) => {
      entered.resolve(bindings);
      return new Response('too large', { status: 413, headers: { connection: 'close' } });
    },
    { lingerMs },
  );
  return { ...served, entered: entered.promise };
}

it('answers a body that it does not read, and drains the rest', async () => {
  const server = await serveRefusing(LONG_MS);
  const { text, socket, closed } = await sendOn(server);
  expect(text).toContain('too large');
  const { incoming } = await server.entered;
  expect(incoming?.socket.destroyed).toBe(false);
  await new Promise((resolve) => socket.write('x'.repeat(100_000), resolve));
  socket.end();
  expect(await closed).toBe('closed');
});

it('waits no longer for a client that never ends such a body', async () => {
  const server = await serveRefusing(1);
  const { text } = await sendOn(server);
  expect(text).toContain('too large');
  const { incoming } = await server.entered;
  await expect.poll(() => incoming?.socket.destroyed).toBe(true);
});

it('answers bytes that are not HTTP with a status and an error', async () => {
  const { server } = await serve(() => new Response('here'));
  const { host, port } = server.address();
  const socket = connect(port, host);
  socket.end('hello\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(/^HTTP\/1\.1 400 .*This is not HTTP\/1\.1/s);
});
