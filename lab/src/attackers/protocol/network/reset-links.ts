import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import type { HostPort } from '@ogong/host/link/host-port';
import { createLinkClient } from '@ogong/host/link/link-client';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { createLinkServer } from '@ogong/host/link/link-server';
import { sendRelayHello } from '@ogong/host/link/reach/dial';
import { createLadder } from '@ogong/host/link/reach/ladder';
import { createReachability } from '@ogong/host/link/reach/reachability';
import { readExactly } from '@ogong/host/link/reach/relay-wire';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createRelayPayments, RELAY_SCHEMA } from '@ogong/router/relay/relay-payments';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { startTestRelay } from '@ogong/testing/relay/test-relay';
import { defineAttack } from '../define-attack.ts';

/** A relay that is paid, and a node behind it that does not read new links for a while. */
export interface PaidRelay {
  readonly at: HostPort;
  readonly node: PeerId;
  /** As routes name it, through the relay. */
  readonly endpoint: string;
  readonly caller: LinkIdentity;
  /** The node takes no link from now on, or takes them again. */
  pause(isPaused: boolean): void;
  /** Bytes that the relay has charged the node with. */
  charged(): bigint;
  /** Bytes that the node has counted itself, and pays for. */
  counted(): bigint;
}

const LINKS = 12;
const BYTES = 16_000;
const JUNK_LINKS = 5;
const JUNK_BYTES = 1 << 20;
/** Less than the attacker sends. */
const CREDIT = 100_000n;

/**
 * Opens links to a node and resets each before the node has read it. Then it lets the node begin its handshake and
 * sends bytes that make it fail: the relay took them and nobody pays for them.
 */
export const resetLinks = defineAttack({
  name: 'reset-links',
  adversary: 'caller that ends its links before a node behind a paid relay has read them',
  aim: 'use up the credit of the node, so that the relay carries nothing for it any more, and works unpaid',
  stoppedBy: "Until a node answers, its caller's bytes are charged to the caller's address",
  restarts: { none: 'no daemon keeps the bytes of a caller to a node that did not answer' },
  async play(relay: PaidRelay) {
    const { at, node, endpoint, caller, pause, charged, counted } = relay;
    const dial = async (): Promise<Socket> => {
      const socket = connect({ ...at, noDelay: true });
      socket.on('error', () => {});
      const signal = AbortSignal.timeout(5_000);
      await sendRelayHello(socket, { ask: 'connect', subject: node }, signal);
      await readExactly(socket, 1, signal);
      return socket;
    };
    pause(true);
    for (let n = 0; n < LINKS; n++) {
      const socket = await dial();
      await new Promise<void>((resolve) => socket.write(new Uint8Array(BYTES), () => resolve()));
      const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.resetAndDestroy();
      await gone;
    }
    pause(false);
    const reach = async (): Promise<boolean> => {
      const client = createLinkClient({
        ...{ endpoint: { host: 'ladder.invalid', port: 1 }, identity: caller, certHash: node },
        ladder: createLadder(endpoint, node, { dialPolicy: 'any' }),
      });
      const call = client.service(RouterService).listModels({});
      const isReached = await call.then(
        () => true,
        () => false,
      );
      client.close();
      return isReached;
    };
    let reached = await reach();
    const chargedBytes = charged();
    for (let n = 0; n < JUNK_LINKS && reached; n++) {
      const socket = await dial();
      socket.write(await captureClientHello());
      await once(socket, 'data');
      socket.on('data', () => {});
      const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.write(new Uint8Array(JUNK_BYTES));
      await gone;
      // The party that counted these bytes pays for them at once.
      reached = await reach();
      for (let tries = 0; tries < 100 && !reached; tries++) {
        await delay(20);
        reached = await reach();
      }
    }
    return {
      ...{ sentBytes: LINKS * BYTES, junkBytes: JUNK_LINKS * JUNK_BYTES, reached, chargedBytes },
      uncountedBytes: charged() - counted(),
    };
  },
  async stage({ play, keep }) {
    const relay = keep(await openPaidRelay());
    const { sentBytes, junkBytes, reached, chargedBytes, uncountedBytes } = await play(relay);
    return {
      tried: `had a relay take ${sentBytes} bytes for a node that did not answer, and up to ${junkBytes} in handshakes that failed`,
      answered: [reached ? 'somebody else reached the node then' : 'nobody reached the node any more'],
      money: `the node is charged with ${uncountedBytes > 0n ? uncountedBytes : 0n} bytes that it did not count`,
      // The node does not pay either for bytes that the relay charges to the caller.
      worked:
        !reached || chargedBytes <= 0n || chargedBytes >= 16_000n || uncountedBytes > 0n || uncountedBytes <= -16_000n,
    };
  },
});

/** Returns the first message of a TLS client. */
async function captureClientHello(): Promise<Uint8Array> {
  const [near, far] = duplexPair();
  const client = connectTls({ socket: near, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  client.on('error', () => {});
  const [hello] = (await once(far, 'data')) as [Uint8Array];
  client.destroy();
  return hello;
}

/** A relay on loopback that wants to be paid, and a node behind it that pays. */
export async function openPaidRelay(): Promise<PaidRelay & { close(): Promise<void> }> {
  const store = openStore(':memory:', { schema: RELAY_SCHEMA });
  const group = createGroupCommit(store, { maxDelayMs: 0 });
  const token = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) };
  const pricePerGibAtomic = 1n << 30n;
  let chargedBytes = 0n;
  const payments = createRelayPayments(
    { payee: new Uint8Array(20).fill(7), pricePerGibAtomic, creditBytes: CREDIT, token },
    {
      ...{ crypto, clock: systemClock, store, group, balanceOf: async () => 10n ** 18n },
      isNonceUsed: async () => false,
      blockNumber: async () => 1n,
    },
  );
  const relay = await startTestRelay({
    payments: {
      ...payments,
      isCovered(node, bytes) {
        chargedBytes = bytes;
        return payments.isCovered(node, bytes);
      },
    },
  });
  const identity = await makeIdentity(73);
  const server = createLinkServer({
    ...{ identity, authorize: () => true },
    routes: (router) => router.service(RouterService, { listModels: () => ({ models: [] }) }),
  });
  let isPaused = false;
  const reachability = createReachability(
    { direct: () => undefined, relays: [{ ...relay.peer, dialPolicy: 'any' }] },
    {
      ...{ crypto, identity },
      accept(socket, ...more) {
        if (isPaused) socket.on('error', () => {}).pause();
        else server.accept(socket, ...more);
      },
      payer: {
        ...{
          signer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
          token,
          maxPricePerGibAtomic: pricePerGibAtomic,
          maxPerDayAtomic: 10n ** 30n,
        },
        ...{ nowMs: () => systemClock.nowMs(), randomBytes: () => nodeSeal.random(32) },
      },
    },
  );
  reachability.start();
  while (!reachability.isReachable()) await delay(5);
  return {
    ...{ at: relay.address(), node: identity.id, endpoint: reachability.endpoint(), caller: await makeIdentity(74) },
    pause(now) {
      isPaused = now;
    },
    charged: () => chargedBytes,
    counted() {
      const { toNode = 0n, fromNode = 0n } = reachability.relays()[0]?.counted ?? {};
      return toNode + fromNode;
    },
    async close() {
      await reachability.stop();
      await server.stop(0);
      await relay.stop();
      await group.close();
      store.close();
    },
  };
}
