import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Clock } from '../time/clock.ts';
import { createHandshakeRate, type HandshakeRate } from './handshake-rate.ts';
import type { PeerId } from './link-identity.ts';
import type { LinkServerLimits } from './link-limits.ts';
import { getPeerId } from './link-tls.ts';
import { computeAddressGroup, createPlaces, type Places, type Visitor } from './places.ts';
import type { RelayedLink } from './reach/relay-wire.ts';
import { createTally } from './tally.ts';

/** The peer behind a session. */
export interface Caller {
  readonly peer: PeerId;
  /** Group of its address; undefined if this side made the connection. */
  readonly group: string | undefined;
  /** The relay between, if this side knows one. */
  readonly relayed?: RelayedLink | undefined;
}

/** The owner of a connection. */
export interface Greeting {
  /** This side made it. */
  readonly isOwn: boolean;
  readonly group?: string | undefined;
  readonly relayed?: RelayedLink | undefined;
}

/** Admits connections of a link server, and closes some of them for others. */
export interface LinkAdmission {
  /** A connection before its handshake. @returns whether it may begin one; it is closed if not. */
  greet(socket: Duplex, greeting: Greeting): boolean;
  /** After the handshake. @returns undefined if there was no place; then the session is closed. */
  admit(session: ServerHttp2Session): Caller | undefined;
  find(session: ServerHttp2Session | undefined): Caller | undefined;
  /** Bytes of a call moved. */
  touch(stream: ServerHttp2Stream): void;
  /** Closes all its connections, and slows down others from its address. */
  expel(caller: Caller): void;
  sessions(): readonly ServerHttp2Session[];
  /** The same with their peers. */
  links(): Iterable<{ readonly peer: PeerId; readonly session: ServerHttp2Session }>;
  /** Drops every connection that is no session. */
  clear(): void;
}

export interface LinkAdmissionDependencies {
  readonly isKnown: (peer: PeerId) => boolean;
  /** The last link of a peer ended, and not because it had to make room. */
  readonly onLeft?: (peer: PeerId) => void;
  readonly clock: Clock;
}

interface Guest extends Visitor {
  readonly caller: Caller;
  openCalls: number;
  movedAtMs: number;
}

/** A crowd asks of everybody; a registry changes seldom. */
const KNOWN_FOR_MS = 5_000;
/** How long a session that has to leave may take to end its calls. */
const LEAVE_MS = 1000;

export function createLinkAdmission(
  limits: LinkServerLimits,
  { isKnown, onLeft = () => {}, clock }: LinkAdmissionDependencies,
): LinkAdmission {
  const guests = new Map<ServerHttp2Session, Guest>();
  const ofPeer = createTally();
  const sockets = new Set<Duplex>();
  /** Connections before their handshake, by name. */
  const waiting = new Map<string, { readonly handshakes: Handshakes; readonly visitor: Visitor }>();
  /** Connections that this side made, perhaps to a relay: their address says nothing about the peer. With the caller's data. */
  const own = new Map<string, Pick<Caller, 'group' | 'relayed'>>();
  const places = createPlaces({
    max: limits.maxConnections,
    // A small server keeps places for strangers too.
    reserved: Math.min(limits.reservedConnections, Math.floor(limits.maxConnections / 4)),
    maxPerGroup: limits.maxConnectionsPerGroup,
  });
  // Apart from each other: a relay may invent the addresses of its callers.
  const [direct, carried] = [limitHandshakes(limits, clock), limitHandshakes(limits, clock)];

  function endHandshake(name: string): void {
    const found = waiting.get(name);
    waiting.delete(name);
    found?.handshakes.places.leave(found.visitor);
  }

  return {
    greet(socket, { isOwn, group: told, relayed }) {
      const handshakes = isOwn ? carried : direct;
      const group = isOwn ? told : computeAddressGroup((socket as Socket).remoteAddress);
      if (group !== undefined && !handshakes.rate.take(group)) {
        socket.destroy();
        return false;
      }
      sockets.add(socket);
      const name = nameSocket(socket as Socket);
      if (isOwn) own.set(name, { group: told, relayed });
      socket.once('close', () => {
        sockets.delete(socket);
        own.delete(name);
        endHandshake(name);
      });
      const nowMs = clock.nowMs();
      const visitor: Visitor = {
        group,
        isKnown: () => false,
        idleSinceMs: () => nowMs,
        leave: () => socket.destroy(),
      };
      waiting.set(name, { handshakes, visitor });
      handshakes.places.enter(visitor);
      return !socket.destroyed;
    },

    admit(session) {
      const socket = session.socket as TLSSocket;
      const address = nameSocket(socket);
      endHandshake(address);
      const peer = getPeerId(socket);
      if (!peer) {
        session.destroy();
        return undefined;
      }
      const caller = { peer, ...(own.get(address) ?? { group: computeAddressGroup(socket.remoteAddress) }) };
      const guest: Guest = {
        caller,
        group: caller.group,
        openCalls: 0,
        movedAtMs: clock.nowMs(),
        isKnown: remember(() => isKnown(peer), clock),
        idleSinceMs: () => (isInUse(guest, clock.nowMs(), limits) ? undefined : guest.movedAtMs),
        leave() {
          isDismissed = true;
          dismiss(session);
        },
      };
      let isDismissed = false;
      const name = toHex(peer);
      if (ofPeer.count(name) >= limits.maxConnectionsPerPeer || !places.enter(guest)) {
        session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
        return undefined;
      }
      ofPeer.add(name, limits.maxConnectionsPerPeer);
      const handshakes = own.has(address) ? carried : direct;
      if (caller.group !== undefined && guest.isKnown()) handshakes.rate.remember(caller.group);
      guests.set(session, guest);
      session.on('stream', (stream) => watchCall(guest, stream, clock));
      session.once('close', () => {
        guests.delete(session);
        places.leave(guest);
        ofPeer.remove(name);
        if (!isDismissed && ofPeer.count(name) === 0) onLeft(peer);
      });
      return caller;
    },

    find: (session) => session && guests.get(session)?.caller,
    touch({ session }) {
      const guest = session && guests.get(session as ServerHttp2Session);
      if (guest) guest.movedAtMs = clock.nowMs();
    },
    expel({ peer, group }) {
      // The names of groups differ between the two.
      if (group !== undefined) for (const { rate } of [direct, carried]) rate.slow(group);
      for (const [session, { caller }] of guests) {
        if (equalBytes(caller.peer, peer)) session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
    },
    sessions: () => [...guests.keys()],
    links: () => [...guests].map(([session, { caller }]) => ({ peer: caller.peer, session })),
    clear() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The limits of handshakes for one kind of connections. */
interface Handshakes {
  readonly places: Places;
  readonly rate: HandshakeRate;
}

const limitHandshakes = (limits: LinkServerLimits, clock: Clock): Handshakes => ({
  places: createPlaces({ max: limits.maxHandshakes, reserved: 0, maxPerGroup: limits.maxHandshakesPerGroup }),
  rate: createHandshakeRate(limits, clock),
});

function remember(ask: () => boolean, clock: Clock): () => boolean {
  let answer = ask();
  let askedAtMs = clock.nowMs();
  return () => {
    if (clock.nowMs() - askedAtMs >= KNOWN_FOR_MS) {
      answer = ask();
      askedAtMs = clock.nowMs();
    }
    return answer;
  };
}

function isInUse(
  { openCalls, movedAtMs }: Pick<Guest, 'openCalls' | 'movedAtMs'>,
  nowMs: number,
  { stalledAfterMs }: Pick<LinkServerLimits, 'stalledAfterMs'>,
): boolean {
  return openCalls > 0 && nowMs - movedAtMs < stalledAfterMs;
}

/** A call counts once its request is there: half a request holds no place. */
function watchCall(guest: Guest, stream: ServerHttp2Stream, clock: Clock): void {
  stream.once('end', () => {
    if (stream.closed) return;
    guest.openCalls++;
    guest.movedAtMs = clock.nowMs();
    stream.once('close', () => {
      guest.openCalls--;
      guest.movedAtMs = clock.nowMs();
    });
  });
}

/** Announce the end first: then a call that is on its way is refused, and the client sends it on a new session. */
function dismiss(session: ServerHttp2Session): void {
  session.close();
  const timer = setTimeout(() => session.destroy(), LEAVE_MS);
  timer.unref();
  session.once('close', () => clearTimeout(timer));
}

/** TLS hands out its own object for a socket; the addresses are those of the connection below. */
const nameSocket = ({ localPort, remoteAddress, remotePort }: Socket): string =>
  `${localPort} ${remoteAddress} ${remotePort}`;
