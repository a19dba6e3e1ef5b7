import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { createAccounts } from '@ogong/node/gateway/accounts';
import { type ChannelLedger, createChannelLedger } from '@ogong/node/gateway/channel-ledger';
import { SHARED_SCHEMA } from '@ogong/node/gateway/open-books';
import { openPostgresBooks } from '@ogong/node/gateway/postgres-books';
import { createFakeNetwork, FAKE_MODEL, type FakeNetwork } from '@ogong/testing/gateway/fake-network';
import { type GatewayProcess, startGatewayProcess } from '@ogong/testing/gateway/gateway-process';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { readCpuMs } from '../load/load-child.ts';
import { measureInTurn, median, type Row } from './row.ts';

const ROUNDS = 3;
const ROUND_MS = 2_000;
const CALLERS = 16;
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
  const url = await server.createDatabase();
  const password = server.password.reveal();
  const file = openStore(path, { schema: SHARED_SCHEMA });
  const [own, shared] = [
    createWorkStore(file),
    await openPostgresBooks({ url, password: server.password, schema: SHARED_SCHEMA }),
  ];
  const [ownSecret, sharedSecret] = await Promise.all([makeKey(own), makeKey(shared)]);
  await shared.close();
  await own.close();
  file.close();
  const start = async (count: number, database: Parameters<typeof startGatewayProcess>[1]['database']) =>
    Promise.all(Array.from({ length: count }, () => startGatewayProcess(network, { database })));
  const fleets: Record<string, Fleet> = {
    'SQLite 1': { gateways: await start(1, { path }), secret: ownSecret },
    'PostgreSQL 1': { gateways: await start(1, { url, password }), secret: sharedSecret },
    'PostgreSQL 2': { gateways: await start(2, { url, password }), secret: sharedSecret },
    'PostgreSQL 4': { gateways: await start(4, { url, password }), secret: sharedSecret },
  };
  try {
    // What a process compiles at its first replies is no part of the figure.
    for (const fleet of Object.values(fleets)) await load(fleet, 1_000, server);
    onProgress('warm');
    const samples = await measureInTurn(
      ROUNDS,
      Object.fromEntries(Object.entries(fleets).map(([name, fleet]) => [name, () => load(fleet, ROUND_MS, server)])),
    );
    const cores = availableParallelism();
    const middle = (name: string, what: keyof Load): number => median((samples[name] ?? []).map((each) => each[what]));
    const rows = Object.keys(fleets).map(
      (name): Row => ({
        id: `gateways-${name.toLowerCase().replace(' ', '-')}`,
        what: `replies per second, ${name.split(' ')[1]} gateway processes, ${name.split(' ')[0]}`,
        value: middle(name, 'perSecond'),
        unit: 'replies/s',
        note:
          `${CALLERS} callers, ${ROUNDS} rounds of ${ROUND_MS / 1000} s in turns; replies of 8 made-up tokens. Callers, two providers, ` +
          `router, validators, the database and each gateway's checker share the ${cores} cores with the gateways, so this shows what one ` +
          'more gateway costs, and not what it gains on a machine of its own. A reply takes ' +
          `${middle(name, 'gatewayMs').toFixed(1)} ms of processor of the gateways` +
          (name.startsWith('SQLite')
            ? ''
            : `, ${middle(name, 'databaseMs').toFixed(2)} ms of the database, and ${middle(name, 'trips').toFixed(1)} round trips`),
      }),
    );
    return rows;
  } finally {
    await Promise.all(Object.values(fleets).flatMap(({ gateways }) => gateways.map((gateway) => gateway.kill())));
  }
}

async function makeKey(books: WorkStore): Promise<string> {
  return (await createAccounts(books, Date.now).as('bench').addKey({ organisation: '', name: 'bench' })).secret;
}

interface Load {
  readonly perSecond: number;
  /** Of processor, for each reply. */
  readonly gatewayMs: number;
  readonly databaseMs: number;
  /** Times that the database was asked and waited for, for each reply. */
  readonly trips: number;
}

interface Counts {
  readonly gatewayMs: number;
  readonly databaseMs: number;
  readonly trips: number;
}

async function readCounts({ gateways }: Fleet, server: TestPostgres): Promise<Counts> {
  const trips = await Promise.all(gateways.map((gateway) => gateway.countTrips()));
  return {
    gatewayMs: gateways.reduce((sum, { pid }) => sum + (readCpuMs(pid) ?? Number.NaN), 0),
    databaseMs: readCpuMs(server.pid) ?? Number.NaN,
    trips: trips.reduce((sum, each) => sum + each, 0),
  };
}

async function load(fleet: Fleet, durationMs: number, server: TestPostgres): Promise<Load> {
  const { gateways, secret } = fleet;
  const before = await readCounts(fleet, server);
  const endMs = performance.now() + durationMs;
  const startMs = performance.now();
  let answered = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      const gateway = gateways[caller % gateways.length] as GatewayProcess;
      while (performance.now() < endMs) {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
        const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        // On a machine that is full some calls come too late; they are no replies.
        if (response.status === 200) answered++;
      }
    }),
  );
  const perSecond = (answered / (performance.now() - startMs)) * 1000;
  const after = await readCounts(fleet, server);
  return {
    perSecond,
    gatewayMs: (after.gatewayMs - before.gatewayMs) / answered,
    databaseMs: (after.databaseMs - before.databaseMs) / answered,
    trips: (after.trips - before.trips) / answered,
  };
}

/** The money of a reply alone: reserved, delivered, closed. */
async function measureBooks({ server, directory }: { server: TestPostgres; directory: TestDirectory }): Promise<Row[]> {
  const file = openStore(join(directory.path, 'books.db'), { schema: SHARED_SCHEMA });
  const url = await server.createDatabase();
  const open = () => openPostgresBooks({ url, password: server.password, schema: SHARED_SCHEMA });
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
  const ledgers = stores.map(createChannelLedger);
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
