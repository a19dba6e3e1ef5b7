import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { Secret } from '@ogong/host/crypto/secret';
import pg from 'pg';
import { findPlace } from '../store/test-directory.ts';

/** A PostgreSQL server in a temporary directory, on a loopback port. */
export interface TestPostgres {
  /** Makes an empty database. @returns its URL, without the password. */
  createDatabase(): Promise<string>;
  readonly password: Secret<string>;
  readonly pid: number;
  /** Ends every connection to a database, as a failing network does. */
  cut(url: string): Promise<void>;
  stop(): Promise<void>;
}

const USER = 'ogong';
/** The server refuses to run as root, so root starts it as nobody. */
const NOBODY = 65_534;
const BINARIES = findBinaries();

/** Why these tests cannot run; undefined if they can. */
export const noPostgres: string | undefined =
  BINARIES === undefined ? "PostgreSQL is not here: install Debian's package postgresql" : undefined;

function findBinaries(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...globSync('/usr/lib/postgresql/*/bin').reverse()];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** Space for dozens of databases with a thousand files each. A busy disk takes minutes to delete them all. */
const ROOM_BYTES = 2 * 1024 ** 3;

export async function startTestPostgres(): Promise<TestPostgres> {
  if (BINARIES === undefined) throw new Error(noPostgres);
  const directory = mkdtempSync(join(findPlace(ROOM_BYTES), 'ogong-postgres-'));
  const who = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if ('uid' in who) chownSync(directory, NOBODY, NOBODY);
  const password = new Secret(randomBytes(12).toString('hex'));
  const passwordPath = join(directory, 'password');
  writeFileSync(passwordPath, password.reveal());
  const data = join(directory, 'data');
  const options = ['--no-sync', '--auth=scram-sha-256', `--username=${USER}`, '--encoding=UTF8', '--no-locale'];
  const made = spawnSync(join(BINARIES, 'initdb'), [...options, `--pwfile=${passwordPath}`, '-D', data], {
    ...who,
    cwd: directory,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const [port = 0] = await findFreePorts(1);
  // Tests kill its clients and never the server itself, so it does not wait for the disk.
  // No Unix sockets: their paths have at most 107 bytes, and a folder's name may be longer.
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(BINARIES, 'postgres'), ['-D', data, ...flags], { ...who, cwd: directory, stdio: 'pipe' });
  await waitUntilReady(server);
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: USER, password: password.reveal(), database });
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  let count = 0;
  return {
    password,
    pid: server.pid as number,
    async createDatabase() {
      const name = `test${count++}`;
      await admin.query(`CREATE DATABASE ${name}`);
      return `postgres://${USER}@127.0.0.1:${port}/${name}`;
    },
    async cut(url) {
      const database = new URL(url).pathname.slice(1);
      // The server waits for each connection to end: until then it holds locks that others see.
      const sql = 'SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1';
      await admin.query(sql, [database]);
    },
    async stop() {
      await admin.end();
      const ended = new Promise((resolve) => server.once('exit', resolve));
      // Fast shutdown: open connections are ended.
      server.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function waitUntilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stderr?.on('data', (part: Buffer) => {
      said += part;
      if (said.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`postgres ended: ${said}`)));
  });
}
