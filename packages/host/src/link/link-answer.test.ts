import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  GenerateRequestSchema,
  ProviderService,
  RouteRequestSchema,
  RouterService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from './link-error.ts';
import { LINK_HOST } from './link-identity.ts';
import { createLinkServer, getCaller, type LinkServer } from './link-server.ts';
import { createTlsOptions } from './link-tls.ts';

const MAX_BYTES = 2_048;
const PATHS = { once: '/ogong.v1.RouterService/Route', stream: '/ogong.v1.ProviderService/Generate' } as const;
const TYPES = { once: 'application/proto', stream: 'application/connect+proto' } as const;
/** Headers with a default value, which Connect's own handlers read. */
const TO_CONNECT = { once: { 'content-encoding': 'identity' }, stream: { 'connect-content-encoding': 'identity' } };
type Kind = keyof typeof PATHS;

let server: LinkServer;
let session: ClientHttp2Session;
let hidden = 0;
let aborted: string[] = [];

/** The model's name, or the endpoint, says what a request asks for. */
async function act(what: string, context: HandlerContext): Promise<void> {
  if (what === 'refuse') throw new Refusal('precondition', 'not like that');
  if (what === 'break') throw new Error('a bug that nobody may read');
  if (what === 'wait') {
    if (!context.signal.aborted) await once(context.signal, 'abort');
    aborted.push(String((context.signal.reason as Error).message));
    throw context.signal.reason;
  }
  if (getCaller(context).length !== 32) throw new Error('nobody calls');
}

beforeAll(async () => {
  const [identity, stranger] = await Promise.all([makeIdentity(1), makeIdentity(2)]);
  server = createLinkServer(
    {
      identity,
      bind: { host: '127.0.0.1', port: 0 },
      authorize: () => true,
      limits: { maxMessageBytes: MAX_BYTES, refusalRate: { perSecond: 1e6, burst: 1e6 } },
      routes: (router) =>
        router
          .service(RouterService, {
            async route({ model }, context) {
              await act(model, context);
              return { candidates: new Uint8Array(model === 'large' ? MAX_BYTES : 3).fill(7) };
            },
          })
          .service(ProviderService, {
            async *generate({ endpoint }, context) {
              if (endpoint !== 'break') yield {};
              await act(endpoint, context);
              yield { event: { case: 'started' as const, value: { promptTokens: 5 } } };
            },
          }),
    },
    { onError: () => void hidden++ },
  );
  await server.start();
  const { port } = server.address();
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...createTlsOptions(stranger) });
  await once(socket, 'secureConnect');
  session = connectHttp2(`https://${LINK_HOST}`, { createConnection: () => socket });
});
afterAll(async () => {
  session.destroy();
  await server.stop(0);
});
afterEach(() => {
  hidden = 0;
  aborted = [];
});

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly reason: string | undefined;
  /** Hex, or the code of an error. */
  readonly said: string;
}

function ask(kind: Kind, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const call = { ':method': 'POST', ':path': PATHS[kind], 'content-type': TYPES[kind], ...headers };
    const stream = session.request(call);
    const chunks: Buffer[] = [];
    let told: Omit<Answer, 'said'> = { status: undefined, type: undefined, reason: undefined };
    stream.on('response', (got) => {
      told = { status: got[':status'], type: got['content-type'], reason: got['ogong-reason'] as string | undefined };
    });
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('close', () => resolve({ ...told, said: readSaid(Buffer.concat(chunks)) }));
    stream.end(body);
  });
}

/** Texts of errors are each side's own. */
function readSaid(bytes: Buffer): string {
  const code = /"code":"(\w+)"/.exec(bytes.toString('latin1'))?.[1];
  if (code === undefined) return bytes.toString('hex');
  const json = bytes.indexOf('{');
  return `${bytes.subarray(0, Math.max(0, json - 5)).toString('hex')} ${code}`;
}

const toBody = (kind: Kind, what: string): Uint8Array => {
  if (kind === 'once') return toBinary(RouteRequestSchema, create(RouteRequestSchema, { model: what }));
  return wrap(toBinary(GenerateRequestSchema, create(GenerateRequestSchema, { endpoint: what })));
};
function wrap(bytes: Uint8Array, flags = 0): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** By the server's own code, and by Connect's. */
async function askBoth(kind: Kind, body: Uint8Array, headers: Readonly<Record<string, string>> = {}) {
  return { own: await ask(kind, body, headers), connect: await ask(kind, body, { ...headers, ...TO_CONNECT[kind] }) };
}

describe.each(['once', 'stream'] as const)('a call that is answered %s', (kind) => {
  it.each(['serve', 'refuse', 'break'])('is answered as Connect would: %s', async (what) => {
    const { own, connect } = await askBoth(kind, toBody(kind, what));
    expect(own).toEqual(connect);
    expect(own.status).toBeDefined();
    expect(hidden).toBe(what === 'break' ? 2 : 0);
    if (what === 'refuse') expect(own.said).toContain('failed_precondition');
  });

  it('ends at its deadline, and its handler is notified', async () => {
    // Its handler has begun by then, however busy the machine is.
    const { own, connect } = await askBoth(kind, toBody(kind, 'wait'), { 'connect-timeout-ms': '1000' });
    expect(own).toEqual(connect);
    expect(own.said).toContain('deadline_exceeded');
    expect(aborted).toEqual([
      '[deadline_exceeded] the operation timed out',
      '[deadline_exceeded] the operation timed out',
    ]);
  });

  it.each([
    ['no protobuf', 400, (): Uint8Array => new Uint8Array(40).fill(0xff)],
    ['more than the limit', 429, (): Uint8Array => new Uint8Array(3 * MAX_BYTES)],
  ] as const)('is refused where it is %s', async (_what, status, toBytes) => {
    const body = kind === 'once' ? toBytes() : wrap(toBytes());
    const { own, connect } = await askBoth(kind, body);
    expect([own.status, connect.status]).toEqual(kind === 'once' ? [status, expect.any(Number)] : [200, 200]);
    // Connect calls bytes that do not parse an internal error.
    expect(own.said).toMatch(/invalid_argument|resource_exhausted/);
    expect(hidden).toBe(0);
  });

  it('notifies its handler that the caller has left', async () => {
    const call = { ':method': 'POST', ':path': PATHS[kind], 'content-type': TYPES[kind] };
    const stream = session.request(call);
    stream.on('error', () => {});
    stream.end(toBody(kind, 'wait'));
    stream.resume();
    if (kind === 'stream') await once(stream, 'data');
    else await ask('once', toBody('once', 'serve'));
    stream.close();
    await expect.poll(() => aborted).toEqual(['[canceled] the caller left']);
  });
});

it('an answer beyond the limit is reported as such', async () => {
  const { own, connect } = await askBoth('once', toBody('once', 'large'));
  expect(own).toEqual(connect);
  expect(own.said).toContain('resource_exhausted');
});

it.each([
  ['nothing', () => new Uint8Array()],
  ['half a message', () => toBody('stream', 'serve').subarray(0, -1)],
  ['the head of one', () => toBody('stream', 'serve').subarray(0, 4)],
  ['one that says to be compressed', () => wrap(toBody('stream', 'serve').subarray(5), 1)],
  ['two of them', () => Buffer.concat([toBody('stream', 'serve'), toBody('stream', 'serve')])],
  ['an end in place of one', () => wrap(new TextEncoder().encode('{}'), 2)],
])('a request for a stream that is %s is refused before its handler begins', async (_what, toBytes) => {
  const own = await ask('stream', toBytes());
  expect(own).toMatchObject({ status: 200, type: TYPES.stream });
  expect(own.said).toBe(' invalid_argument');
});

it.each([['0'], ['-1'], ['soon'], ['99999999999'], ['3600001']])(
  'Connect refuses a deadline of %s',
  async (timeout) => {
    const own = await ask('once', toBody('once', 'serve'), { 'connect-timeout-ms': timeout });
    expect(own).toEqual(
      await ask('once', toBody('once', 'serve'), { 'connect-timeout-ms': timeout, ...TO_CONNECT.once }),
    );
  },
);
