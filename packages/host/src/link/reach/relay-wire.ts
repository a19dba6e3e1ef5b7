import type { Socket } from 'node:net';
import { concatBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/**
 * The few bytes that a relay exchanges before it only copies (docs/spec/relay.md). The connecting side sends five fixed bytes, and
 * the relay answers with its salt. Only then does the connecting side send a hash of its subject. An address that a stranger announced
 * may belong to another service, which never receives bytes that the stranger chose. A TLS handshake begins with 0x16, so a relay takes
 * the links of registering nodes at the same port.
 */
const RELAY_MAGIC = utf8Encode('OGR1');
export const TLS_HANDSHAKE = 0x16;

const RELAY_ASK = { connect: 1, join: 2 } as const;
export const RELAY_ANSWER = { joined: 0, unknown: 1, busy: 2, late: 3 } as const;

export type RelayAsk = keyof typeof RELAY_ASK;
export type RelayAnswer = keyof typeof RELAY_ANSWER;

const SALT_BYTES = 32;
export const RELAY_NAME_BYTES = 32;
export const RELAY_ASK_BYTES = RELAY_MAGIC.length + 1;
export const RELAY_GREETING_BYTES = RELAY_MAGIC.length + SALT_BYTES;
/** All bytes that the connecting side sends before its link. */
export const RELAY_HELLO_BYTES = RELAY_ASK_BYTES + RELAY_NAME_BYTES;
/** All bytes that it receives before its link. */
export const RELAY_REPLY_BYTES = RELAY_GREETING_BYTES + 1;

const startsWithMagic = (bytes: Uint8Array): boolean => RELAY_MAGIC.every((byte, at) => bytes[at] === byte);

export const encodeRelayAsk = (ask: RelayAsk): Uint8Array => concatBytes(RELAY_MAGIC, Uint8Array.of(RELAY_ASK[ask]));

/** @returns undefined where these are not the bytes of an ask. */
export function parseRelayAsk(bytes: Uint8Array): RelayAsk | undefined {
  if (bytes.length !== RELAY_ASK_BYTES || !startsWithMagic(bytes)) return undefined;
  const kind = bytes[RELAY_MAGIC.length];
  return (Object.keys(RELAY_ASK) as RelayAsk[]).find((name) => RELAY_ASK[name] === kind);
}

/** @param salt 32 bytes. */
export const encodeRelayGreeting = (salt: Uint8Array): Uint8Array => concatBytes(RELAY_MAGIC, salt);

/** @returns the salt; undefined where these are not the bytes of a relay. */
export function parseRelayGreeting(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== RELAY_GREETING_BYTES || !startsWithMagic(bytes)) return undefined;
  return Uint8Array.from(bytes.subarray(RELAY_MAGIC.length));
}

const NAME_DOMAIN = utf8Encode('ogong-relay-name-v1\n');

export interface RelayWish {
  readonly ask: RelayAsk;
  /** The certificate hash of the wanted peer, or the token of the link to join. */
  readonly subject: Uint8Array;
}

/** The bytes that name a subject to the relay of this salt. */
export function nameRelaySubject(
  crypto: Pick<Crypto, 'sha256'>,
  salt: Uint8Array,
  { ask, subject }: RelayWish,
): Uint8Array {
  return crypto.sha256(concatBytes(NAME_DOMAIN, Uint8Array.of(RELAY_ASK[ask]), salt, subject));
}

/** A link that a relay joined. */
export interface RelayedLink {
  /** `host:port` of the relay. */
  readonly at: string;
  /** See nameCircuit. */
  readonly circuit: string;
}

const CIRCUIT_DOMAIN = utf8Encode('ogong-relay-circuit-v1\n');

/**
 * The trace in which a relay notes what it did for one link: 32 hexadecimal digits. The relay and the node that joined derive it from the
 * token, which both have. A reader of a trace cannot derive the token from it.
 */
export function nameCircuit(crypto: Pick<Crypto, 'sha256'>, token: Uint8Array): string {
  return toHex(crypto.sha256(concatBytes(CIRCUIT_DOMAIN, token)).subarray(0, 16));
}

export const nameRelayAnswer = (byte: number): RelayAnswer | undefined =>
  (Object.keys(RELAY_ANSWER) as RelayAnswer[]).find((name) => RELAY_ANSWER[name] === byte);

/** Reads exactly this number of bytes and leaves the rest in the socket. @throws Error if the socket ends first, or `signal` aborts. */
export function readExactly(socket: Socket, count: number, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined, bytes?: Uint8Array) => {
      socket.off('readable', onReadable);
      socket.off('error', onError);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      signal.removeEventListener('abort', onAbort);
      if (bytes) resolve(bytes);
      else reject(error);
    };
    const onReadable = () => {
      const bytes = socket.read(count) as Uint8Array | null;
      if (bytes === null) return;
      // At the end of a stream Node returns the bytes that are left.
      if (bytes.length === count) settle(undefined, bytes);
      else onEnd();
    };
    const onError = (error: Error) => settle(error);
    const onEnd = () => settle(new Error('the connection was closed'));
    const onAbort = () => settle(new Error('no answer in time'));
    socket.on('readable', onReadable);
    socket.once('error', onError);
    socket.once('end', onEnd);
    socket.once('close', onEnd);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    onReadable();
  });
}
