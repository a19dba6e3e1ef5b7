import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Channel } from '@ogong/chain/client';
import type { Peer } from '@ogong/host/link/link-pool';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { FakeNetwork } from './fake-network.ts';

/** Options of a gateway in its own process. They cross the process as JSON. */
export interface GatewayTask {
  readonly ledger: LedgerDomain;
  readonly network: { readonly chainId: bigint; readonly settlement: Uint8Array };
  readonly validators: readonly QuorumMember[];
  readonly channel: Channel;
  readonly ticketKey: Uint8Array;
  readonly beacon: KnownBeacon;
  readonly router: Peer;
  /** PostgreSQL, or the path of a file of SQLite. */
  readonly database: { readonly url: string; readonly password: string } | { readonly path: string };
  /** Milliseconds by which its clock is ahead. */
  readonly aheadMs: number;
  readonly verdictIntervalMs: number;
}

/** Counts of a PostgreSQL database since the start of the process. */
export interface DatabaseCounts {
  /** Number of queries. */
  trips: number;
  /** Times of writing transactions: until the lock was free, and while they held it. */
  waitedMs: number;
  heldMs: number;
  /** Number of gateways that it knows. */
  peers: number;
}

export interface GatewayProcess {
  readonly url: string;
  readonly pid: number;
  countDatabase(): Promise<DatabaseCounts>;
  /** Stops or continues the process. */
  pause(): void;
  resume(): void;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** Starts a gateway of a fake network in its own process. */
export async function startGatewayProcess(
  { chain, beacon, router }: FakeNetwork,
  { database, aheadMs = 0, verdictIntervalMs = 100 }: Pick<GatewayTask, 'database'> & Partial<GatewayTask>,
): Promise<GatewayProcess> {
  const { ticketKey } = (await chain.router(new Uint8Array(20))) as { readonly ticketKey: Uint8Array };
  const task: GatewayTask = {
    ...{ ledger: chain.ledger, network: chain.network, validators: chain.validators(), ticketKey },
    ...{ channel: await chain.channel(new Uint8Array(20), new Uint8Array(20)), beacon: beacon.latest(), router },
    ...{ database, aheadMs, verdictIntervalMs },
  };
  const child = fork(fileURLToPath(new URL('./gateway-child.ts', import.meta.url)), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ready = new Promise<string>((resolve, reject) => {
    child.once('message', (url) => resolve(String(url)));
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
  });
  child.send(task);
  const url = await ready;
  const countDatabase = async (): Promise<DatabaseCounts> => {
    const answer = once(child, 'message');
    child.send('counts');
    return (await answer)[0] as DatabaseCounts;
  };
  return {
    url,
    pid: child.pid as number,
    countDatabase,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill: () => end(child, 'SIGKILL'),
    stop: () => end(child, 'SIGTERM'),
  };
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  return ended;
}
