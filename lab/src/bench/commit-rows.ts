import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { createLogSync, type LogSync } from '@ogong/host/store/log-sync';
import { openStore, type Store } from '@ogong/host/store/store';
import { createServedStore } from '@ogong/provider/provider/paid/served-store';
import { createOpenings, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { signerAccount, signerKey, stateVote } from '@ogong/testing/validator/signer-statements';
import { createTestValidator, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestOrder, type TestOrder } from '@ogong/testing/validator/test-reply';
import { createGuardedSigner } from '@ogong/validator/signer/guarded-signer';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { measureInTurn, median, type Row } from './row.ts';

const ROUNDS = 5;
/** Commits of admissions. */
const BATCHES = 40;
/** Orders that are admitted in one commit. */
const ADMITTED = 8;
const OPENING_BYTES = 20_000;

interface Sample {
  /** Of each commit, how long it held the event loop. */
  readonly holdsMs: readonly number[];
  readonly cpuMs: number;
  readonly waitMs: number;
}

interface Workload {
  /** Makes one write, or several together. Resolves when the commit is durable. */
  commit(number: number): Promise<unknown>;
  readonly store: Store;
  close(): Promise<unknown>;
}

type Open = (path: string, log: (store: Store) => LogSync | undefined) => Promise<Workload>;

const WORKLOADS: Readonly<Record<string, { readonly what: string; readonly commits: number; readonly open: Open }>> = {
  provider: { what: 'a provider keeps a reply', commits: 300, open: openProvider },
  validator: { what: `a validator admits ${ADMITTED} orders`, commits: BATCHES, open: openValidator },
  guard: { what: "a validator's signer notes a vote of the beacon", commits: 40, open: openGuard },
};

/** How long a commit holds the event loop: synced on it, and on another thread, by turns on one disk. */
export async function measureCommits(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, { what, commits, open }] of Object.entries(WORKLOADS)) {
    const samples = await measureInTurn(ROUNDS, {
      loop: () => sample(open, commits, () => undefined),
      aside: () => sample(open, commits, createLogSync),
    });
    const [loop, aside] = [describe(samples.loop), describe(samples.aside)];
    rows.push({
      id: `commit-${name}`,
      what: `how long a commit holds the event loop: ${what}`,
      ...{ value: aside.holdMs, unit: 'ms', aim: { at: 'most', value: 2 } },
      note: `median of ${ROUNDS * commits}, the 99th of 100 ${aside.lateMs.toFixed(1)}, the slowest ${aside.mostMs.toFixed(1)} ms; durable after ${aside.waitMs.toFixed(1)} ms, processor ${aside.cpuMs.toFixed(2)} ms. Synced on the loop, by turns: ${loop.holdMs.toFixed(2)} ms, the 99th ${loop.lateMs.toFixed(1)}, the slowest ${loop.mostMs.toFixed(1)} ms; durable after ${loop.waitMs.toFixed(1)} ms, processor ${loop.cpuMs.toFixed(2)} ms`,
    });
  }
  return rows;
}

function describe(samples: readonly Sample[]) {
  const holds = samples.flatMap(({ holdsMs }) => holdsMs).sort((a, b) => a - b);
  return {
    holdMs: median(holds),
    lateMs: holds[Math.floor(holds.length * 0.99)] ?? Number.NaN,
    mostMs: Math.max(...holds),
    cpuMs: median(samples.map(({ cpuMs }) => cpuMs)),
    waitMs: median(samples.map(({ waitMs }) => waitMs)),
  };
}

async function sample(open: Open, commits: number, log: (store: Store) => LogSync | undefined): Promise<Sample> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-commits-'));
  const workload = await open(join(directory, 'store.db'), log);
  try {
    await workload.commit(0);
    const holdsMs = watchHolds(workload.store);
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    for (let number = 1; number <= commits; number++) await workload.commit(number);
    const waitMs = (performance.now() - startMs) / commits;
    const { user, system } = process.cpuUsage(cpu);
    return { holdsMs, waitMs, cpuMs: (user + system) / 1_000 / commits };
  } finally {
    await workload.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** From the begin of each transaction to the end of its commit nothing else runs. */
function watchHolds({ database }: Store): readonly number[] {
  const holdsMs: number[] = [];
  const exec = database.exec.bind(database);
  let begunMs = 0;
  database.exec = (sql) => {
    if (sql.startsWith('BEGIN')) begunMs = performance.now();
    exec(sql);
    if (sql === 'COMMIT') holdsMs.push(performance.now() - begunMs);
  };
  return holdsMs;
}

async function openProvider(path: string, log: (store: Store) => LogSync | undefined): Promise<Workload> {
  const store = openStore(path, { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store, { log: log(store) });
  const [openings, served] = [createOpenings(commits), createServedStore(store, commits)];
  const consumer = randomBytes(32);
  return {
    store,
    commit() {
      const replyId = randomBytes(16);
      const opening = { bytes: randomBytes(OPENING_BYTES), consumer, expiresAtMs: 1 };
      return Promise.all([openings.put(replyId, opening), served.sign(replyId, 1n)]);
    },
    async close() {
      await commits.close();
      store.close();
    },
  };
}

/** Signing them takes longer than admitting them. */
const orders: TestOrder[] = [];

async function openValidator(path: string, log: (store: Store) => LogSync | undefined): Promise<Workload> {
  const own = createTestValidator({
    ...{ path, crypto: nodeCrypto },
    wrapGroup: (_group, store) => createGroupCommit(store, { log: log(store) }),
  });
  await own.announce(provider);
  const { epoch } = own.archive.latest();
  for (let index = orders.length; index < (BATCHES + 1) * ADMITTED; index++) {
    const named = { validator: own.signer.address, expiresAtMs: own.clock.nowMs() + 120_000 };
    orders.push(createTestOrder({ ...{ payer, ledger, provider, index, tokens: 8, epoch }, ...named }));
  }
  return {
    store: own.store,
    commit: (number) =>
      Promise.all(orders.slice(number * ADMITTED, (number + 1) * ADMITTED).map((order) => own.intake.admit(order))),
    close: () => own.close(),
  };
}

async function openGuard(path: string, log: (store: Store) => LogSync | undefined): Promise<Workload> {
  const store = openStore(path, { schema: GUARD_SCHEMA });
  const notes = log(store);
  const signer = createGuardedSigner(nodeCrypto, { key: signerKey, account: signerAccount, store, log: notes });
  return {
    store,
    commit: (number) => signer.sign(stateVote('bench', { epoch: BigInt(number + 1) })),
    async close() {
      store.close();
      await notes?.close();
    },
  };
}
