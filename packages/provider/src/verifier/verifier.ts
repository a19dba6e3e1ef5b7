import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import type { PeerId } from '@ogong/host/link/link-identity';
import { createLinkServer } from '@ogong/host/link/link-server';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { createReachability } from '@ogong/host/link/reach/reachability';
import { createRepeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_REPORT_BYTES } from '@ogong/protocol/modality/text/stage2/score-report';
import { addVerifierRoutes, mayCall } from './verifier-service.ts';
import { isValidator, openVerifierState, type VerifierDependencies } from './verifier-state.ts';

export interface VerifierOptions {
  readonly bind: HostPort;
  /** Relays that it registers with, if nobody can reach it itself. Default: none. */
  readonly relays?: readonly KnownPeer[];
  /** Jobs that may wait behind the running one, shared between those who ask. Default: 64. */
  readonly maxWaiting?: number;
  /** Jobs scored at a time: as many as an engine scores in one pass. Default: 1. */
  readonly slots?: number;
  /** Longest time that a job may take, whatever its deadline. Default: ten minutes. */
  readonly maxJobMs?: number;
  /** How long a report is kept to be opened. Default: an hour. */
  readonly reportTtlMs?: number;
  /** Peers besides the validators that may have replies scored, to measure drift between two machines. Default: none. */
  readonly calibrateWith?: readonly PeerId[];
  /** Ids of the providers that may announce this verifier. Default: none. */
  readonly providers?: readonly Uint8Array[];
}

export interface Verifier {
  /** Hash of the key that signs its reports. */
  readonly keyHash: Uint8Array;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
}

const MIB = 1024 * 1024;
const SWEEP_INTERVAL_MS = 60_000;
const DEFAULTS = {
  maxWaiting: 64,
  slots: 1,
  maxJobMs: 600_000,
  reportTtlMs: 3_600_000,
  calibrateWith: [],
  providers: [],
} as const;

/** Re-runs claimed replies for the registered validators, for those who may calibrate, and for nobody else. */
export function createVerifier(
  { bind, relays = [], ...options }: VerifierOptions,
  dependencies: VerifierDependencies,
): Verifier {
  const state = openVerifierState({ ...DEFAULTS, ...options }, dependencies);
  const server = createLinkServer(
    {
      bind,
      identity: state.identity,
      authorize: (peer, method) => mayCall(state, peer, method),
      isKnown: (peer) => isValidator(state, peer) || state.guests.has(toHex(peer)),
      limits: { maxMessageBytes: MAX_REPORT_BYTES + MIB },
      routes: (router) => addVerifierRoutes(router, state),
    },
    { onError: (err, { method }) => state.log.error({ err, method }, 'a call failed') },
  );
  const reachability = createReachability(
    {
      relays: relays.map((relay) => ({ ...relay, dialPolicy: 'any' })),
      direct: () => (relays.length > 0 ? undefined : formatHostPort(server.address())),
    },
    {
      ...{ crypto: state.crypto, identity: state.identity, accept: server.accept },
      onError: (err, relay) => state.log.warn({ err, relay }, 'a relay cannot be used'),
    },
  );
  const sweeper = createRepeating(
    { intervalMs: SWEEP_INTERVAL_MS },
    () => state.reports.sweep(state.clock.nowMs() - state.reportTtlMs),
    (err) => state.log.error({ err }, 'old reports could not be removed'),
  );
  return {
    keyHash: state.keyHash,
    async start() {
      await server.start();
      reachability.start();
      sweeper.start();
    },
    async stop(graceMs = 5_000) {
      state.isClosing = true;
      const giveUp = setTimeout(() => state.stopping.abort(), graceMs);
      await server.stop(graceMs);
      await reachability.stop();
      clearTimeout(giveUp);
      state.stopping.abort();
      await sweeper.stop();
    },
    address: () => server.address(),
  };
}
