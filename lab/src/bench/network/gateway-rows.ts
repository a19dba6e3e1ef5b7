import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createAccounts } from '@ogong/gateway/books/accounts';
import { type ChannelLedger, createChannelLedger } from '@ogong/gateway/books/channel-ledger';
import { SHARED_SCHEMA } from '@ogong/gateway/books/open-books';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeNetwork, FAKE_MODEL, type FakeNetwork } from '@ogong/testing/gateway/fake-network';
import {
  type DatabaseCounts,
  type GatewayProcess,
  type GatewayTask,
  startGatewayProcess,
} from '@ogong/testing/gateway/gateway-process';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { readCpuMs } from '../../load/load-child.ts';
import { measureInTurn, median, type Row } from '../row.ts';

const ROUNDS = 3;
const ROUND_MS = 4_000;
const CALLERS = 16;
const SETTLE_MS = 500;
const BOOKED = 200;
const UNLIMITED = 10n ** 30n;

const body = JSON.stringify({
  model: FAKE_MODEL,
  messages: [{ role: 'user', content: 'Hi' }],
  max_tokens: 8,
});

/** Replies per second of one, two and four gateways with one database, and of one gateway with its file. */
export async function measureGateways(onProgress: (what: string) => void): Promise<Row[]> {
  const what = 'replies per second of 1 gateway with SQLite';
  if (noPostgres !== undefined)
    return [{ id: 'gateways', what, value: undefined, unit: 'replies/s', note: noPostgres }];
  const [server, network] = await Promise.all([startTestPostgres(), createFakeNetwork([{}, {}])]);
  const directory = createTestDirectory('gateways');
  try {
    const replies = await measureReplies({ server, network, directory }, onProgress);
    return [...replies, ...(await measureBooks({ server, directory }))];
  } finally {
    await network.close();
    await server.stop();
    directory.remove();
  }
}

interface Fleet {
  readonly gateways: readonly GatewayProcess[];
  readonly secret: string;
}

async function measureReplies(
  { server, network, directory }: { server: TestPostgres; network: FakeNetwork; directory: TestDirectory },
  onProgress: (what: string) => void,
): Promise<Row[]> {
  const path = join(directory.path, 'replies.db');
  const file = openStore(path, { schema: SHARED_SCHEMA });
  const own = createWorkStore(file);
  const ownSecret = await makeKey(own);
  await own.close();
  file.close();
  const start = async (count: number, secret: string, database: GatewayTask['database']): Promise<Fleet> => ({
    gateways: await Promise.all(
      Array.from({ length: count }, () => startGatewayProcess(network, { database, verdictIntervalMs: 2_000 })),
    ),
    secret,
  });
  const startShared = async (count: number): Promise<Fleet> => {
    const url = await server.createDatabase();
    const books = await openPostgresStore({ url, password: server.password, schema: SHARED_SCHEMA });
    const secret = await makeKey(books);
    await books.close();
    return start(count, secret, { url, password: server.password.reveal() });
  };
  const fleets: Record<string, Fleet> = {
    'SQLite 1': await start(1, ownSecret, { path }),
    'PostgreSQL 1': await startShared(1),
    'PostgreSQL 2': await startShared(2),
    'PostgreSQL 4': await startShared(4),
  };
  const all = Object.values(fleets).flatMap(({ gateways }) => gateways);
  const settling = settleOrders(network);
  try {
    for (const gateway of all) gateway.pause();
    const run = (fleet: Fleet, durationMs: number) => load(fleet, { durationMs, server });
    // A process compiles code at its first replies. The figure leaves this out.
    for (const fleet of Object.values(fleets)) await run(fleet, 1_000);
    onProgress('warm');
    const samples = await measureInTurn(
      ROUNDS,
      Object.fromEntries(Object.entries(fleets).map(([name, fleet]) => [name, () => run(fleet, ROUND_MS)])),
    );
    const middle = (name: string, what: keyof Load): number => median((samples[name] ?? []).map((each) => each[what]));
    return Object.keys(fleets).map((name) => toRow(name, (what) => middle(name, what)));
  } finally {
    clearInterval(settling);
    await Promise.all(all.map((gateway) => gateway.kill()));
  }
}

function toRow(name: string, middle: (what: keyof Load) => number): Row {
  const [store, count] = name.split(' ');
  const shared =
    store === 'SQLite'
      ? ''
      : `, ${middle('databaseMs').toFixed(2)} ms of the database and ${middle('trips').toFixed(1)} round trips. Some gateway ` +
        `writes ${(100 * middle('heldShare')).toFixed(0)} % of the time; a reply's writes wait ${middle('waitedMs').toFixed(1)} ms for their turn`;
  return {
    id: `gateways-${name.toLowerCase().replace(' ', '-')}`,
    what: `replies per second, ${count} gateway processes, ${store}`,
    value: middle('perSecond'),
    unit: 'replies/s',
    note:
      `${CALLERS} callers, ${ROUNDS} rounds of ${ROUND_MS / 1000} s in turns, all others stand still. Each reply has 8 made-up tokens and is ordered, ` +
      `answered, checked, reported to its validators and settled. Callers, two providers, router, validators, the database and the checkers share the ` +
      `${availableParallelism()} cores, of which ${middle('cores').toFixed(2)} were busy for this. A reply takes ${middle('gatewayMs').toFixed(1)} ms of processor of the ` +
      `gateways, ${middle('networkMs').toFixed(1)} ms of the callers and the network around them${shared}`,
  };
}

/** The network settles what was ordered, soon. */
function settleOrders(network: FakeNetwork): NodeJS.Timeout {
  let settled = 0;
  return setInterval(() => {
    for (; settled < network.orders.length; settled++) {
      const { replyId } = network.orders[settled] as FakeNetwork['orders'][number];
      network.statuses.set(toHex(replyId), { state: 'settled', verdict: 'accept', feeAtomic: 1n, transaction: '0x1' });
    }
  }, 100);
}

async function makeKey(books: WorkStore): Promise<string> {
  return (await createAccounts(books, Date.now).as('bench').addKey({ organisation: '', name: 'bench' })).secret;
}

interface Load {
  readonly perSecond: number;
  /** Cores that were busy with it. */
  readonly cores: number;
  /** Of processor, for each reply. */
  readonly gatewayMs: number;
  readonly databaseMs: number;
  readonly networkMs: number;
  /** Times that the database was asked and waited for, for each reply. */
  readonly trips: number;
  /** Of its writes, for each reply. */
  readonly waitedMs: number;
  /** Part of the time in which one of them held the lock of all writes. */
  readonly heldShare: number;
}

interface Counts extends Omit<DatabaseCounts, 'peers'> {
  readonly gatewayMs: number;
  readonly databaseMs: number;
  readonly networkMs: number;
}

async function readCounts({ gateways }: Fleet, server: TestPostgres): Promise<Counts> {
  const each = await Promise.all(gateways.map((gateway) => gateway.countDatabase()));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const { user, system } = process.cpuUsage();
  return {
    gatewayMs: sum(gateways.map(({ pid }) => readCpuMs(pid) ?? Number.NaN)),
    databaseMs: readCpuMs(server.pid) ?? Number.NaN,
    networkMs: (user + system) / 1_000,
    trips: sum(each.map(({ trips }) => trips)),
    waitedMs: sum(each.map(({ waitedMs }) => waitedMs)),
    heldMs: sum(each.map(({ heldMs }) => heldMs)),
  };
}

async function load(
  fleet: Fleet,
  { durationMs, server }: { readonly durationMs: number; readonly server: TestPostgres },
): Promise<Load> {
  const { gateways, secret } = fleet;
  for (const gateway of gateways) gateway.resume();
  // Callers first do the work that would fall into the measurement.
  await ask(fleet, { callers: CALLERS, durationMs: SETTLE_MS, secret });
  const before = await readCounts(fleet, server);
  const startMs = performance.now();
  const answered = await ask(fleet, { callers: CALLERS, durationMs, secret });
  const tookMs = performance.now() - startMs;
  const after = await readCounts(fleet, server);
  for (const gateway of gateways) gateway.pause();
  const used = (what: keyof Counts): number => after[what] - before[what];
  return {
    perSecond: (answered / tookMs) * 1000,
    cores: (used('gatewayMs') + used('databaseMs') + used('networkMs')) / tookMs,
    gatewayMs: used('gatewayMs') / answered,
    databaseMs: used('databaseMs') / answered,
    networkMs: used('networkMs') / answered,
    trips: used('trips') / answered,
    waitedMs: used('waitedMs') / answered,
    heldShare: used('heldMs') / tookMs,
  };
}

/** @returns how many were answered. */
async function ask(
  { gateways }: Fleet,
  { callers, durationMs, secret }: { readonly callers: number; readonly durationMs: number; readonly secret: string },
): Promise<number> {
  const endMs = performance.now() + durationMs;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
  let answered = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      const gateway = gateways[caller % gateways.length] as GatewayProcess;
      while (performance.now() < endMs) {
        const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        // On a machine that is full some calls come too late; they are no replies.
        if (response.status === 200) answered++;
      }
    }),
  );
  return answered;
}

/** The money of a reply alone: reserved, delivered, closed. */
async function measureBooks({ server, directory }: { server: TestPostgres; directory: TestDirectory }): Promise<Row[]> {
  const file = openStore(join(directory.path, 'books.db'), { schema: SHARED_SCHEMA });
  const url = await server.createDatabase();
  const open = () => openPostgresStore({ url, password: server.password, schema: SHARED_SCHEMA });
  const first = await open();
  const shared = [first, ...(await Promise.all([open(), open(), open()]))];
  const own = createWorkStore(file);
  let next = 0;
  const samples = await measureInTurn(ROUNDS, {
    'SQLite, 1 gateway': () => timeBooks([own], () => `${next++}`),
    'PostgreSQL, 1 gateway': () => timeBooks([first], () => `${next++}`),
    'PostgreSQL, 4 gateways': () => timeBooks(shared, () => `${next++}`),
  });
  await Promise.all(shared.map((books) => books.close()));
  await own.close();
  file.close();
  return Object.entries(samples).map(([name, values]) => ({
    id: `gateway-books-${name.toLowerCase().replace(/\W+/g, '-')}`,
    what: `replies per second whose money is reserved, delivered and closed: ${name}`,
    value: median(values),
    unit: 'replies/s',
    note: `${BOOKED} replies at a time, three writes each, in one process; SQLite in memory, PostgreSQL without waiting for the disk`,
  }));
}

async function timeBooks(stores: readonly WorkStore[], nameReply: () => string): Promise<number> {
  const startMs = performance.now();
  const ledgers = stores.map((store) => createChannelLedger(store));
  await Promise.all(
    Array.from({ length: BOOKED }, (_, i) => bookReply(ledgers[i % ledgers.length] as ChannelLedger, nameReply())),
  );
  return (BOOKED / (performance.now() - startMs)) * 1000;
}

async function bookReply(ledger: ChannelLedger, replyId: string): Promise<void> {
  const bytes = new Uint8Array(300);
  await ledger.reserve(
    {
      ...{ replyId, completionId: replyId, choice: 0, validator: 'aa', keyId: 'key', keyBudgetAtomic: undefined },
      ...{
        model: FAKE_MODEL,
        maxFeeAtomic: 10n,
        spendableAtomic: UNLIMITED,
        spentAtomic: 0n,
        createdMs: 1,
        expiresMs: 2,
      },
    },
    () => ({ order: bytes, signature: bytes.subarray(0, 65) }),
  );
  await ledger.deliver(replyId, { recordHash: 'ab', feeAtomic: 5n, promptTokens: 3, outputTokens: 8 });
  await ledger.close(replyId, { judgedRecord: '', feeAtomic: 5n, verdict: 'accept', detail: '', settlement: '0x1' });
}
