import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ConnectTransportOptions } from '@connectrpc/connect-node';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { monotonicClock } from '../time/clock.ts';
import { asSocket } from './as-socket.ts';
import { LinkError } from './link-error.ts';
import { LINK_HOST, type LinkIdentity, type PeerId } from './link-identity.ts';
import type { LinkClientLimits } from './link-limits.ts';
import { createTlsOptions, getPeerId } from './link-tls.ts';

export const LINK_AUTHORITY = `https://${LINK_HOST}`;

export interface LinkTarget {
  readonly endpoint: { readonly host: string; readonly port: number };
  /** The peer's certificate hash (loadCertificatePin); a peer that shows another one never receives a byte. */
  readonly certHash: PeerId;
  readonly identity: LinkIdentity;
  /** Dials something other than a TCP socket: a relayed or hole-punched stream to the same peer. */
  readonly createConnection?: (signal: AbortSignal) => Duplex | Promise<Duplex>;
}

type SessionManager = NonNullable<Extract<ConnectTransportOptions, { httpVersion: '2' }>['sessionManager']>;

export interface LinkSessions extends SessionManager {
  connect(): Promise<void>;
  close(): void;
}

type SessionOptions = LinkTarget & { readonly limits: LinkClientLimits };

/**
 * Keeps one HTTP/2 session to one pinned peer. Connect's own manager opens its socket inside http2.connect, which may
 * send a request in the same tick as the handshake ends; here the pin is checked before HTTP/2 exists.
 */
export function createLinkSessions(options: SessionOptions): LinkSessions {
  let opening: Promise<ClientHttp2Session> | undefined;
  let closed = false;
  const closing = new AbortController();

  async function open(): Promise<ClientHttp2Session> {
    const attempt = opening;
    const socket = await openPinnedSocket(options, closing.signal);
    const session = connectHttp2(LINK_AUTHORITY, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: 256 * 1024 },
    });
    const drop = () => {
      if (opening === attempt) opening = undefined;
    };
    const destroy = () => session.destroy(undefined, constants.NGHTTP2_CANCEL);
    closing.signal.addEventListener('abort', destroy);
    session.once('goaway', drop);
    session.once('close', () => {
      drop();
      closing.signal.removeEventListener('abort', destroy);
    });
    // The calls on a broken session fail by themselves. Without a listener for 'error' it would end the process.
    session.on('error', () => {});
    keepAlive(session, options.limits);
    return session;
  }

  function ready(): Promise<ClientHttp2Session> {
    if (closed) return Promise.reject(new LinkError('canceled', 'the link is closed'));
    opening ??= Promise.resolve().then(open);
    const attempt = opening;
    attempt.catch(() => {
      if (opening === attempt) opening = undefined;
    });
    return attempt;
  }

  return {
    authority: LINK_AUTHORITY,
    async request(method, path, headers, requestOptions) {
      const send = (session: ClientHttp2Session) =>
        endWithMessage(session.request({ ...headers, ':method': method, ':path': path }, requestOptions));
      const session = await ready();
      if (!session.closed && !session.destroyed) return send(session);
      // The session ended between two calls, and its event has not arrived yet. Nothing was sent, so one new session is safe.
      opening = undefined;
      return send(await ready());
    },
    notifyResponseByteRead() {},
    async connect() {
      await ready();
    },
    close() {
      closed = true;
      opening = undefined;
      closing.abort();
    },
  };
}

/**
 * Every request on a link is one message. Connect ends the request only when its bytes are on the wire: one turn of the event
 * loop later, or after a commit. So we report each write as done at once, and Connect ends the request in the same turn. A
 * write that really fails is an error of the stream.
 */
function endWithMessage(stream: ClientHttp2Stream): ClientHttp2Stream {
  const write = stream.write.bind(stream) as (chunk: unknown, encoding: BufferEncoding) => boolean;
  stream.write = (chunk: unknown, encoding?: unknown, done?: (error?: Error | null) => void) => {
    const hasRoom = write(chunk, encoding as BufferEncoding);
    if (done) queueMicrotask(done);
    return hasRoom;
  };
  return stream;
}

/**
 * Ends a link whose peer answers no ping in time. Where this process itself was stopped meanwhile, the answer may lie unread, so the
 * peer has the time once more.
 */
function keepAlive(session: ClientHttp2Session, { pingIntervalMs, pingTimeoutMs }: LinkClientLimits): void {
  let timeout: NodeJS.Timeout | undefined;
  const waitForAnswer = (): void => {
    const dueMs = monotonicClock.nowMs() + pingTimeoutMs;
    timeout = setTimeout(() => {
      if (monotonicClock.nowMs() > dueMs + pingTimeoutMs / 2) waitForAnswer();
      else session.destroy(new LinkError('unreachable', 'ping timed out'));
    }, pingTimeoutMs);
  };
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return;
    waitForAnswer();
    const forget = (): void => {
      clearTimeout(timeout);
      timeout = undefined;
    };
    if (!session.ping(forget)) forget();
  }, pingIntervalMs);
  interval.unref();
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(timeout);
  });
}

async function openPinnedSocket(options: SessionOptions, closing: AbortSignal): Promise<TLSSocket> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(options.limits.connectTimeoutMs)]);
  const raw = await dial(options, signal);
  const socket = connectTls({ socket: raw, ALPNProtocols: ['h2'], ...createTlsOptions(options.identity) });
  try {
    await waitFor(socket, 'secureConnect', signal);
    const peer = getPeerId(socket);
    if (!peer || !equalBytes(peer, options.certHash)) {
      const shown = peer ? toHex(peer) : 'none';
      throw new LinkError(
        'wrong-certificate',
        `${describe(options)} shows certificate ${shown}, expected ${toHex(options.certHash)}`,
      );
    }
    if (socket.alpnProtocol !== 'h2') throw new LinkError('unreachable', `${describe(options)} does not speak HTTP/2`);
    return socket;
  } catch (cause) {
    socket.on('error', () => {});
    socket.destroy();
    raw.destroy();
    throw cause instanceof LinkError ? cause : unreachable(options, signal, cause);
  }
}

async function dial(options: SessionOptions, signal: AbortSignal): Promise<Duplex> {
  try {
    if (options.createConnection) return await asSocket(await options.createConnection(signal));
    const socket = connectTcp({ ...options.endpoint, noDelay: true });
    try {
      await waitFor(socket, 'connect', signal);
    } catch (error) {
      socket.on('error', () => {});
      socket.destroy();
      throw error;
    }
    return socket;
  } catch (cause) {
    throw unreachable(options, signal, cause);
  }
}

function unreachable(options: SessionOptions, signal: AbortSignal, cause: unknown): LinkError {
  const why = signal.aborted ? 'no connection in time' : ((cause as Error).message ?? String(cause));
  return new LinkError('unreachable', `cannot reach ${describe(options)}: ${why}`, { cause });
}

function describe({ endpoint, createConnection }: SessionOptions): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return createConnection ? `${host}:${endpoint.port} (relayed)` : `${host}:${endpoint.port}`;
}

/** Like events.once, but an end of the stream counts as failure too: TLS over a pipe may just close. */
function waitFor(stream: Duplex, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      stream.off(event, onEvent);
      stream.off('error', settle);
      stream.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    const onEvent = () => settle();
    const onClose = () => settle(new Error('the connection was closed'));
    const onAbort = () => settle(new Error('aborted'));
    stream.once(event, onEvent);
    stream.once('error', settle);
    stream.once('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
