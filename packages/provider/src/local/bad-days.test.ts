import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@ogong/host/log/logger';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, type LocalFixtureOptions } from './local-fixture.ts';
import { openLocalModels } from './open-local-models.ts';
import { assertAddressFree } from './taken-address.ts';

let fixture: LocalFixture | undefined;
const sockets: Socket[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
  await fixture?.close();
  fixture = undefined;
});

const open = async (options?: LocalFixtureOptions): Promise<LocalFixture> => {
  fixture = await createLocalFixture(options);
  return fixture;
};

const portOf = ({ base }: LocalFixture): number => Number(new URL(base).port);

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

const chat = (more: object = {}) => ({
  ...{ model: 'fake', stream: false, options: { num_predict: 4, seed: 1 } },
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
});

const isServing = async ({ post }: LocalFixture): Promise<boolean> => (await post('/api/chat', chat())).status === 200;

describe('local mode', () => {
  it('serves beside a thousand connections that ask for nothing', async () => {
    const local = await open();
    const connected = Array.from({ length: 1000 }, () => {
      const socket = dial(portOf(local));
      return new Promise((done) => socket.once('connect', done).once('close', done));
    });
    await Promise.all(connected);
    expect(await isServing(local)).toBe(true);
  });

  it('serves beside readers that do not read, as many as it has slots', async () => {
    const local = await open({ open: () => createFakeEngine({ contextSize: 4096, sequences: 4 }) });
    // More than the buffers of a connection hold.
    const body = JSON.stringify(
      chat({ stream: true, logprobs: true, top_logprobs: 20, options: { num_predict: 4000, seed: 1 } }),
    );
    for (let i = 0; i < 4; i++) {
      const socket = dial(portOf(local));
      socket.pause();
      socket.write(
        `POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    }
    await expect.poll(() => local.loads.length).toBe(1);
    expect(await isServing(local)).toBe(true);
  });

  it('refuses a body of two gigabytes before it comes, and one without length at its limit', async () => {
    const local = await open();
    const announced = dial(portOf(local));
    announced.write(
      'POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2000000000\r\n\r\n{',
    );
    expect(await text(announced)).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*larger than 39146840 bytes/i);
    const endless = dial(portOf(local));
    const answer = text(endless).catch(() => '');
    endless.write(
      'POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const chunk = `100000\r\n${' '.repeat(1 << 20)}\r\n`;
    for (let i = 0; i < 50 && !endless.destroyed; i++) endless.write(chunk);
    expect(await answer).toMatch(/^(?:HTTP\/1\.1 413 |$)/);
    expect(await isServing(local)).toBe(true);
  });

  const bytes = (...parts: (string | number)[]): Uint8Array<ArrayBuffer> =>
    new Uint8Array(
      Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))),
    );

  it.each([
    ['half of a JSON text', bytes('{"model": "fake", "messages": [{')],
    ['bytes that are no UTF-8', bytes('{"model": "', 0xff, 0xfe, '"}')],
    ['a byte order mark', bytes(0xef, 0xbb, 0xbf, '{"model": "fake"}')],
    ['a surrogate cut in half', bytes('{"model": "\\ud800", "messages": []}')],
    ['brackets without end', bytes('['.repeat(100_000))],
    [
      'a number beyond all',
      bytes('{"model": "fake", "messages": [{"role":"user","content":"x"}], "options": {"num_predict": 1e999}}'),
    ],
    ['a prototype', bytes('{"__proto__": {"model": "fake"}, "messages": []}')],
    ['another type', bytes('null')],
  ])('answers %s with 400 in words, and serves the next', async (_, body) => {
    const local = await open();
    const response = await fetch(`${local.base}/api/chat`, { method: 'POST', body });
    const { error } = (await response.json()) as { error: string };
    expect([400, 404]).toContain(response.status);
    expect(error).not.toMatch(/SyntaxError|Unexpected|at position|undefined/);
    expect(await isServing(local)).toBe(true);
  });

  it('answers text of every plane as it came', async () => {
    const local = await open();
    const content = 'a\u0000\u2028\ufeff\u{1f600}\u0301é';
    const response = await local.post('/api/chat', chat({ messages: [{ role: 'user', content }] }));
    expect(response.status).toBe(200);
  });
});

describe('a model whose file is damaged', () => {
  const MODEL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
  const settings = { isa: 'auto', threads: 1, sequences: 1, nCtx: undefined, adapter: [], keepAlive: 0 };
  const log = createLogger({ name: 'test', level: 'silent' });

  it.each([
    ['cut short', (file: Buffer) => file.subarray(0, 200_000), 'is cut short'],
    ['garbage', (file: Buffer) => Buffer.alloc(file.length, 'x'), 'not a GGUF file'],
    ['empty', () => Buffer.alloc(0), 'ends inside its GGUF header'],
  ])('(%s) is refused by its header, at the start', async (_, damage, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'ogong-damaged-'));
    const path = join(folder, 'model.gguf');
    writeFileSync(path, damage(readFileSync(MODEL)));
    await expect(openLocalModels({ ...settings, modelsDir: folder, model: [path] }, { log })).rejects.toThrow(message);
    rmSync(folder, { recursive: true });
  });

  it('that was pulled is found among others by its name, and can be deleted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ogong-damaged-'));
    const { shelf, library, loaded } = await openLocalModels({ ...settings, modelsDir: folder, model: [] }, { log });
    await library.pull('stories260K', {
      onProgress: () => {},
      onRetry: () => {},
      signal: new AbortController().signal,
    });
    const [model] = await shelf.list();
    if (model === undefined) throw new Error('nothing was pulled');
    writeFileSync(model.path, readFileSync(MODEL).subarray(0, 200_000));
    await expect(loaded.borrow(model)).rejects.toThrow(/is cut short/);
    await library.remove(model);
    expect(await shelf.list()).toEqual([]);
    await loaded.close();
    rmSync(folder, { recursive: true });
  });
});

describe('an address that is taken', () => {
  const take = async (server: Server): Promise<{ host: string; port: number }> => {
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  };

  it.each([
    [
      'Ollama',
      () =>
        createServer((_request, response) => void response.setHeader('content-length', 17).end('Ollama is running')),
      'taken by Ollama:',
    ],
    [
      'another web server',
      () => createServer((_request, response) => void response.end('hello')),
      'taken by another web server:',
    ],
    [
      'something else',
      () =>
        createTcpServer(
          (socket) =>
            void socket
              .resume()
              .on('error', () => undefined)
              .end('220 mail\r\n'),
        ),
      'taken by another program:',
    ],
  ])('by %s is named, and a free one with it', async (_, create, message) => {
    const address = await take(create());
    const refused = await assertAddressFree(address).catch((error: unknown) => String(error));
    expect(refused).toContain(message);
    const [, offered] = /--listen 127\.0\.0\.1:(\d+)$/.exec(String(refused)) ?? [];
    await assertAddressFree({ host: '127.0.0.1', port: Number(offered) });
  });

  it('by this program is named, too', async () => {
    const local = await open();
    await expect(assertAddressFree({ host: '127.0.0.1', port: portOf(local) })).rejects.toThrow(
      'taken by ogong-provider local',
    );
  });
});
