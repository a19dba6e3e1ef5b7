import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type RelayAccount, verifyRelayAccount } from '@ogong/protocol/exchange/relay/relay-account';
import { type RelayEvent, RelayService, type SignedRelayAccount } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { asDrainedSocket } from '../as-socket.ts';
import { formatHostPort } from '../host-port.ts';
import { createLinkClient } from '../link-client.ts';
import type { LinkIdentity } from '../link-identity.ts';
import type { KnownPeer } from '../peer-values.ts';
import type { DialPolicy } from '../public-address.ts';
import { dialRelay } from './dial.ts';
import { createLadder } from './ladder.ts';
import { createRelayPayer, type RelayPayerOptions } from './relay-payer.ts';
import { nameCircuit, RELAY_HELLO_BYTES, RELAY_REPLY_BYTES, type RelayedLink } from './relay-wire.ts';

/** A relay's address, which others use too, and its certificate. */
export interface RelayPeer extends KnownPeer {
  /** `any` only for a relay that the operator named. */
  readonly dialPolicy: DialPolicy;
}

export interface RelayRegistrationOptions {
  readonly relay: RelayPeer;
}

export interface RelayRegistrationDependencies {
  readonly crypto: Crypto;
  /** The certificate that callers want; the link to the relay proves that this node has its key. */
  readonly identity: LinkIdentity;
  /** Serves an incoming link. @param group group for quotas. */
  readonly accept: (socket: Socket, group: string, relayed: RelayedLink) => void;
  /** Pays for bytes. Default: only relays that carry for nothing are used. */
  readonly payer?: RelayPayerOptions | undefined;
  /** Registered, or no longer. */
  readonly onChange?: (state: RelayRegistrationState) => void;
  readonly onError?: (error: unknown) => void;
  /** 0..1, for the jitter. */
  readonly random?: () => number;
}

interface ByteCounts {
  readonly toNode: bigint;
  readonly fromNode: bigint;
}

export interface RelayRegistrationState {
  /** `host:port` of the relay. */
  readonly at: string;
  readonly isRegistered: boolean;
  /** This node's own address, as the relay sees it. */
  readonly seenAt: string | undefined;
  /** Bytes of joined links, counted here. */
  readonly counted: ByteCounts & { readonly links: bigint };
  /** The relay's last signed account, if its signature was valid. */
  readonly account: RelayAccount | undefined;
}

export interface RelayRegistration {
  start(): void;
  stop(): Promise<void>;
  state(): RelayRegistrationState;
}

const BACK_OFF = { firstMs: 500, longestMs: 60_000 };
const JOIN_TIMEOUT_MS = 5_000;
const PAY_INTERVAL_MS = 250;
const PAY_TIMEOUT_MS = 5_000;
/** Links through one relay that this node is dialling, and those that it has. */
const MAX_JOINING = 64;
const MAX_JOINED = 1024;
/** A registration ends after an hour at the latest, as every call does. */
const REGISTRATION_MS = 3_600_000;
/** A registration of this length resets the pauses. */
const STEADY_MS = 10_000;

/** Keeps this node registered with a relay, and takes the links that come through it: every connection is dialled from here. */
export function createRelayRegistration(
  { relay }: RelayRegistrationOptions,
  dependencies: RelayRegistrationDependencies,
): RelayRegistration {
  const { identity, accept, onChange = () => {}, onError = () => {}, random = Math.random } = dependencies;
  const stopping = new AbortController();
  const { dialPolicy } = relay;
  const at = formatHostPort(relay.endpoint);
  const joined = new Set<Socket>();
  const ended = { toNode: 0n, fromNode: 0n, links: 0n };
  let joining = 0;
  let isRegistered = false;
  let seenAt: string | undefined;
  let account: RelayAccount | undefined;
  /** Counts of the relay before this run. */
  let base: ByteCounts | undefined;
  let loop: Promise<void> | undefined;
  const payer = createRelayPayer(dependencies.crypto, dependencies.payer);

  function count(): RelayRegistrationState['counted'] {
    let { toNode, fromNode } = ended;
    for (const socket of joined) {
      toNode += countRead(socket);
      fromNode += countWritten(socket);
    }
    return { toNode, fromNode, links: ended.links };
  }

  const state = (): RelayRegistrationState => ({ at, isRegistered, seenAt, account, counted: count() });

  async function join(token: Uint8Array, group: Uint8Array): Promise<void> {
    // A relay may lie about callers, too.
    if (joining >= MAX_JOINING || joined.size >= MAX_JOINED) return;
    joining++;
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(JOIN_TIMEOUT_MS)]);
      const socket = await dialRelay(relay.endpoint, { ask: 'join', subject: token }, { dialPolicy, signal });
      ended.links++;
      joined.add(socket);
      socket.once('close', () => {
        joined.delete(socket);
        ended.toNode += countRead(socket);
        ended.fromNode += countWritten(socket);
      });
      const circuit = nameCircuit(dependencies.crypto, token);
      // Everything that the relay passes on is counted, even if its reader fails.
      accept(await asDrainedSocket(socket), `relay ${at} ${toHex(group.subarray(0, 16))}`, { at, circuit });
    } catch (error) {
      if (!stopping.signal.aborted) onError(error);
    } finally {
      joining--;
    }
  }

  function take({ event }: RelayEvent): void {
    if (event.case === 'registered') {
      const { toNode, fromNode } = count();
      payer.meet(event.value.terms, toNode + fromNode);
      isRegistered = true;
      // An address, and nothing that a terminal would obey.
      seenAt = event.value.seenAt.slice(0, 64).replace(/[^0-9a-f.:/]/g, '');
      onChange(state());
    } else if (event.case === 'call') void join(event.value.token, event.value.group);
    else if (event.case === 'account') read(event.value);
  }

  function read(signed: SignedRelayAccount): void {
    // The relay may have counted for an earlier, unknown run of this node.
    const counted = base && addCounts(base, count());
    const {
      ok,
      checks,
      account: next,
    } = verifyRelayAccount(dependencies.crypto, signed, {
      ...{ certHash: identity.id, previous: account, counted },
    });
    const failed = checks.find(({ status }) => status === 'fail');
    if (ok && next) {
      if (base === undefined || account?.sinceMs !== next.sinceMs) base = subtractCounts(next, count());
      account = next;
    } else onError(new Error(`an account of the relay does not hold: ${failed?.detail}`));
  }

  async function register(): Promise<void> {
    const { endpoint, certHash } = relay;
    const link = createLinkClient({ endpoint, certHash, identity, ladder: createLadder(at, certHash, { dialPolicy }) });
    const close = (): void => link.close();
    stopping.signal.addEventListener('abort', close, { once: true });
    const service = link.service(RelayService);
    const paying = setInterval(() => {
      const { toNode, fromNode } = count();
      payer.pay(toNode + fromNode, (signed) => service.pay(signed, { timeoutMs: PAY_TIMEOUT_MS })).catch(onError);
    }, PAY_INTERVAL_MS);
    try {
      const call = { timeoutMs: REGISTRATION_MS, signal: stopping.signal };
      for await (const event of service.register({}, call)) take(event);
    } finally {
      clearInterval(paying);
      stopping.signal.removeEventListener('abort', close);
      link.close();
      if (isRegistered) {
        isRegistered = false;
        onChange(state());
      }
    }
  }

  return {
    start() {
      loop ??= (async () => {
        let failures = 0;
        while (!stopping.signal.aborted) {
          const steady = AbortSignal.timeout(STEADY_MS);
          await register().catch((error: unknown) => {
            if (!stopping.signal.aborted) onError(error);
          });
          if (steady.aborted) failures = 0;
          const pauseMs = computeBackoff(BACK_OFF, { failures: failures++, random: random() });
          await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      })();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
    state,
  };
}

/** Without the relay's greeting and answer, and the hello. As the relay does, it counts nothing of a link before its first answer. */
const countRead = (socket: Socket): bigint =>
  countWritten(socket) === 0n ? 0n : BigInt(Math.max(0, socket.bytesRead - RELAY_REPLY_BYTES));
const countWritten = (socket: Socket): bigint => BigInt(Math.max(0, socket.bytesWritten - RELAY_HELLO_BYTES));

const addCounts = (a: ByteCounts, b: ByteCounts): ByteCounts => ({
  toNode: a.toNode + b.toNode,
  fromNode: a.fromNode + b.fromNode,
});

const subtractCounts = (a: ByteCounts, b: ByteCounts): ByteCounts => ({
  toNode: a.toNode > b.toNode ? a.toNode - b.toNode : 0n,
  fromNode: a.fromNode > b.fromNode ? a.fromNode - b.fromNode : 0n,
});
