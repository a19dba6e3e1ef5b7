import { createServer } from 'node:net';
import type { HostPort } from '@ogong/host/link/host-port';
import { createLinkServer } from '@ogong/host/link/link-server';
import { addressOf, listen } from '@ogong/host/link/listen';
import { RelayService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { greetSocket } from './greet-socket.ts';
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from './relay-limits.ts';
import { createRelayService } from './relay-service.ts';
import { openRelayState, type RelayDependencies } from './relay-state.ts';

export interface RelayOptions {
  readonly bind: HostPort;
  readonly limits?: Partial<RelayLimits>;
  /** Interval of the signed statements about a node's bytes. Default: 60,000. */
  readonly accountIntervalMs?: number;
}

export interface RelayCounts {
  readonly nodes: number;
  readonly connections: number;
}

export interface BlindRelay {
  /** Hash of the key that signs these statements. */
  readonly id: Uint8Array;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
  counts(): RelayCounts;
}

/**
 * A blind relay for nodes that nobody can reach. The nodes register over a link of their own, callers name a certificate, and the
 * relay copies bytes between the two. The session inside is encrypted between them. So the relay sees the two ends, amounts and
 * times, and no content.
 */
export function createRelay(options: RelayOptions, dependencies: RelayDependencies): BlindRelay {
  const { bind, accountIntervalMs = 60_000 } = options;
  const state = openRelayState({ ...DEFAULT_RELAY_LIMITS, ...options.limits }, dependencies);
  const { identity, sockets, seats, limits, log } = state;
  const service = createRelayService(state, { accountIntervalMs });
  const control = createLinkServer(
    {
      identity,
      authorize: () => true,
      methodRates: {
        'ogong.v1.RelayService/Register': { perSecond: 1, burst: 20 },
        'ogong.v1.RelayService/Pay': { perSecond: 8, burst: 32 },
      },
      limits: { maxMessageBytes: 16 * 1024, maxConnections: limits.maxNodes + 256, maxConnectionsPerPeer: 2 },
      routes: (router) => router.service(RelayService, service),
    },
    { onError: (err, { method }) => log.error({ err, method }, 'a call failed') },
  );
  const server = createServer({ noDelay: true }, (socket) => void greetSocket(state, socket, control));
  return {
    id: state.relayId,
    async start() {
      server.maxConnections = 2 * limits.maxLinks + 2 * limits.maxNodes;
      await listen(server, bind);
    },
    async stop(graceMs = 0) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const seat of seats.values()) seat.end();
      await control.stop(graceMs);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    address: () => addressOf(server),
    counts: () => ({ nodes: seats.size, connections: sockets.size }),
  };
}
