import { randomBytes } from 'node:crypto';
import type { WorkStore } from '@ogong/host/store/work-store';
import pg from 'pg';
import { connectionOf, nameConnections, type PostgresOptions } from './postgres-connection.ts';
import { toLockKey } from './postgres-locks.ts';

export interface PeerList {
  list: WorkStore['listPeers'];
  close(): Promise<void>;
}

const PEER_TIMEOUT_MS = 30_000;

/**
 * Each process holds a lock with a number of its own, by a connection that it keeps for that. The server frees it when the
 * process is gone. So no clock has to be right, and no row has to be removed.
 */
export function createPeerList(options: PostgresOptions): PeerList {
  const own = randomBytes(4).readUInt32BE() >>> 1;
  /** First number of the locks of running processes. */
  const peerClass = Number(BigInt.asUintN(31, toLockKey(nameConnections(options), 'peers')));
  let connecting: Promise<pg.Client> | undefined;

  function connect(): Promise<pg.Client> {
    const client = new pg.Client(connectionOf(options));
    const entered = enter(client);
    const leave = (): void => {
      if (connecting === entered) connecting = undefined;
    };
    client.on('error', leave).on('end', leave);
    entered.catch(leave);
    return entered;
  }

  async function enter(client: pg.Client): Promise<pg.Client> {
    try {
      await client.connect();
      // A process that stands still sends no query, and no longer counts as running.
      await client.query(`SET idle_session_timeout = ${PEER_TIMEOUT_MS}`);
      await client.query('SELECT pg_advisory_lock($1, $2)', [peerClass, own]);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  return {
    async list() {
      connecting ??= connect();
      const client = await connecting;
      const { rows } = await client.query<{ peer: string }>(
        `SELECT objid::bigint AS peer FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`,
        [peerClass],
      );
      return { own, all: rows.map(({ peer }) => Number(peer)) };
    },
    async close() {
      const client = await connecting?.catch(() => undefined);
      await client?.end();
    },
  };
}
