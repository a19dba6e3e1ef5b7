import { connect as connectTcp, type Socket } from 'node:net';
import { nodeCrypto } from '../../crypto/node-crypto.ts';
import type { HostPort } from '../host-port.ts';
import { type DialPolicy, findPublicAddresses } from '../public-address.ts';
import {
  encodeRelayAsk,
  nameRelayAnswer,
  nameRelaySubject,
  parseRelayGreeting,
  RELAY_GREETING_BYTES,
  type RelayAnswer,
  type RelayWish,
  readExactly,
} from './relay-wire.ts';

/**
 * Dials a TCP connection to an address that a stranger named. It looks the name up once and dials the addresses that it has checked.
 * @throws Error
 */
export async function dialNamed(at: HostPort, policy: DialPolicy, signal: AbortSignal): Promise<Socket> {
  if (policy === 'any') return dialDirect(at, signal);
  let failure: unknown;
  for (const host of await orAbort(findPublicAddresses(at.host), signal)) {
    try {
      return await dialDirect({ host, port: at.port }, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** @throws Error of the work, or once the signal aborts: a lookup cannot be cancelled. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('no connection in time'));
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** A TCP connection to an address that the operator named. @throws Error */
export function dialDirect(at: HostPort, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ ...at, noDelay: true });
    const settle = (error?: Error) => {
      socket.off('connect', onConnect);
      socket.off('error', settle);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve(socket);
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onConnect = () => settle();
    const onAbort = () => settle(new Error('no connection in time'));
    socket.once('connect', onConnect);
    socket.once('error', settle);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

const REASONS: Readonly<Record<RelayAnswer, string>> = {
  joined: 'it joined the link',
  unknown: 'nobody is registered there under that certificate',
  busy: 'the relay has no room for more',
  late: 'the node did not answer the relay',
};

/**
 * A connection that the relay joins to another one: to the node of a certificate, or to the caller of a token. From then on it only copies.
 * @throws Error
 */
export async function dialRelay(
  at: HostPort,
  wish: RelayWish,
  { dialPolicy, signal }: { readonly dialPolicy: DialPolicy; readonly signal: AbortSignal },
): Promise<Socket> {
  const socket = await dialNamed(at, dialPolicy, signal);
  try {
    await sendRelayHello(socket, wish, signal);
    const [byte] = await readExactly(socket, 1, signal);
    const answer = byte === undefined ? undefined : nameRelayAnswer(byte);
    if (answer === 'joined') return socket;
    throw new Error(`the relay: ${answer ? REASONS[answer] : 'an answer that is none'}`);
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
}

/** Sends nothing that depends on the wish before the other side has shown that it is a relay. @throws Error */
export async function sendRelayHello(socket: Socket, wish: RelayWish, signal: AbortSignal): Promise<void> {
  socket.write(encodeRelayAsk(wish.ask));
  const salt = parseRelayGreeting(await readExactly(socket, RELAY_GREETING_BYTES, signal));
  if (salt === undefined) throw new Error('this is no relay');
  socket.write(nameRelaySubject(nodeCrypto, salt, wish));
}
