import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { monotonicClock } from '../time/clock.ts';
import { asSocket } from './as-socket.ts';
import { LinkError } from './link-error.ts';
import { LINK_HOST, type LinkIdentity, type PeerId } from './link-identity.ts';
import type { LinkClientLimits } from './link-limits.ts';
import { createTlsOptions, getPeerId } from './link-tls.ts';
import { dialDirect } from './reach/dial.ts';
import { climb, type Rung } from './reach/ladder.ts';

const LINK_AUTHORITY = `https://${LINK_HOST}`;

export interface LinkTarget {
  readonly endpoint: { readonly host: string; readonly port: number };
  /** The peer's certificate hash (loadCertificatePin); a peer that shows another one never receives a byte. */
  readonly certHash: PeerId;
  readonly identity: LinkIdentity;
  /** Dials something other than a TCP socket: a relayed or hole-punched stream to the same peer. */
  readonly createConnection?: (signal: AbortSignal) => Duplex | Promise<Duplex>;
  /** Several ways to the same peer, best first. Default: `endpoint` alone. */
  readonly ladder?: readonly Rung[];
}

export interface LinkSessions {
  /** Begins a call; its caller writes one message and ends. @throws LinkError */
  request(headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream>;
  connect(): Promise<void>;
  close(): void;
}

type SessionOptions = LinkTarget & { readonly limits: LinkClientLimits };

/**
 * Keeps one HTTP/2 session to one pinned peer. The pin is checked before HTTP/2 exists.
 */
export function createLinkSessions(options: SessionOptions): LinkSessions {
  let opening: Promise<ClientHttp2Session> | undefined;
  let closed = false;
  const closing = new AbortController();
  const ladder = options.ladder ?? [createOnlyRung(options)];

  async function open(): Promise<ClientHttp2Session> {
    const attempt = opening;
    const { opened: socket, rung } = await climbTo(ladder, options, closing.signal);
    return begin(socket, rung, () => opening === attempt);
  }

  function begin(socket: TLSSocket, rung: number, isCurrent: () => boolean): ClientHttp2Session {
    const session = connectHttp2(LINK_AUTHORITY, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: 256 * 1024 },
    });
    const drop = () => {
      if (isCurrent()) opening = undefined;
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
    if (rung > 0) lookUp(session, rung, isCurrent);
    return session;
  }

  /** Tries higher rungs of the ladder now and then. Running calls stay on their connection; later ones use the better way. */
  function lookUp(session: ClientHttp2Session, rung: number, isCurrent: () => boolean): void {
    const timer = setTimeout(async () => {
      if (session.closed || session.destroyed || !isCurrent()) return;
      try {
        const better = await climbTo(ladder.slice(0, rung), options, closing.signal);
        if (!isCurrent()) return better.opened.destroy();
        const isNext = (): boolean => opening === risen;
        const risen: Promise<ClientHttp2Session> = Promise.resolve().then(() =>
          begin(better.opened, better.rung, isNext),
        );
        opening = risen;
        await risen;
        session.close();
      } catch {
        if (isCurrent()) lookUp(session, rung, isCurrent);
      }
    }, options.limits.lookUpMs);
    timer.unref();
    session.once('close', () => clearTimeout(timer));
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
    async request(headers) {
      const session = await ready();
      if (!session.closed && !session.destroyed) return session.request(headers);
      // The session ended between two calls, and its event has not arrived yet. Nothing was sent, so one new session is safe.
      opening = undefined;
      return (await ready()).request(headers);
    },
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

/** Parts of the time for an answer to a ping: between two timely parts, arrived bytes have been read. */
const ANSWER_PARTS = 4;

/**
 * Ends a link whose peer answers no ping in time. If this process itself was stopped meanwhile, the answer may lie unread, so the peer gets
 * the whole time once more.
 */
function keepAlive(session: ClientHttp2Session, { pingIntervalMs, pingTimeoutMs }: LinkClientLimits): void {
  const partMs = pingTimeoutMs / ANSWER_PARTS;
  let timeout: NodeJS.Timeout | undefined;
  const waitForAnswer = (parts = ANSWER_PARTS): void => {
    const dueMs = monotonicClock.nowMs() + partMs;
    timeout = setTimeout(() => {
      if (monotonicClock.nowMs() > dueMs + partMs / 2) waitForAnswer();
      else if (parts > 1) waitForAnswer(parts - 1);
      else session.destroy(new LinkError('unreachable', 'ping timed out'));
    }, partMs);
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

/** @throws LinkError */
async function climbTo(ladder: readonly Rung[], options: SessionOptions, closing: AbortSignal) {
  const { connectTimeoutMs, headStartMs } = options.limits;
  const signal = AbortSignal.any([closing, AbortSignal.timeout(connectTimeoutMs)]);
  return climb(ladder, (rung, attempt) => openPinnedSocket(rung, options, attempt), { signal, headStartMs });
}

async function openPinnedSocket(rung: Rung, options: SessionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const raw = await dial(rung, signal);
  const socket = connectTls({ socket: raw, ALPNProtocols: ['h2'], ...createTlsOptions(options.identity) });
  try {
    await waitFor(socket, 'secureConnect', signal);
    const peer = getPeerId(socket);
    if (!peer || !equalBytes(peer, options.certHash)) {
      const shown = peer ? toHex(peer) : 'none';
      throw new LinkError(
        'wrong-certificate',
        `${rung.name} shows certificate ${shown}, expected ${toHex(options.certHash)}`,
      );
    }
    if (socket.alpnProtocol !== 'h2') throw new LinkError('unreachable', `${rung.name} does not speak HTTP/2`);
    return socket;
  } catch (cause) {
    socket.on('error', () => {});
    socket.destroy();
    raw.destroy();
    throw cause instanceof LinkError ? cause : unreachable(rung, signal, cause);
  }
}

/** One TCP connection, or the target's own dialler. */
function createOnlyRung(target: LinkTarget): Rung {
  const { endpoint, createConnection } = target;
  const name = describe(target);
  if (createConnection === undefined) return { kind: 'direct', name, dial: (signal) => dialDirect(endpoint, signal) };
  return { kind: 'relay', name, dial: async (signal) => asSocket(await createConnection(signal)) };
}

async function dial(rung: Rung, signal: AbortSignal): Promise<Socket> {
  try {
    return await rung.dial(signal);
  } catch (cause) {
    throw unreachable(rung, signal, cause);
  }
}

function unreachable(rung: Rung, signal: AbortSignal, cause: unknown): LinkError {
  const why = signal.aborted ? 'no connection in time' : ((cause as Error).message ?? String(cause));
  return new LinkError('unreachable', `cannot reach ${rung.name}: ${why}`, { cause });
}

function describe({ endpoint, createConnection }: LinkTarget): string {
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
