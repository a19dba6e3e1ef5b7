import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { rememberChecked } from '@ogong/host/crypto/remember-checked';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { createLogSync } from '@ogong/host/store/log-sync';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import {
  createTestClock,
  createTestValidator,
  ledger,
  payer,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createTestChain } from '@ogong/testing/validator/test-chain';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestDelivery, createTestOrder, serveTestReply } from '@ogong/testing/validator/test-reply';
import type { Row } from '../row.ts';

const RECORDS = 1_500;
/** Replies before the timed ones. A validator runs for weeks, so its code is compiled. */
const WARM_UP = 250;
const CONCURRENT = 128;
const PROVIDERS = 16;
/** Of a reply of usual length. */
const TOKENS = 128;
const TEXT = 'word '.repeat(TOKENS);

interface Timed {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

const toMs = ({ perCpuSecond }: Pick<Timed, 'perCpuSecond'>): number => 1_000 / perCpuSecond;

interface Pair {
  readonly own: TestValidator;
  /** Hears payers about the other one's replies, and signs its batches. */
  readonly other: TestValidator;
}

/** Two validators that share a clock and a chain, with their stores on the disk. */
function openPair(directory: string): Pair {
  const shared = { clock: createTestClock(), chain: createTestChain() };
  const all: TestValidator[] = [];
  const open = (index: number): TestValidator => {
    const validator = createTestValidator({
      ...{ ...shared, index, crypto: rememberChecked(nodeCrypto), members: () => all },
      path: join(directory, `validator-${index}.sqlite`),
      // As a daemon does.
      wrapGroup: (_group, store) => createGroupCommit(store, { log: createLogSync(store) }),
      // An audit is work for replies that are drawn alone.
      audit: { alphaPpm: () => 0, honeypotPpm: 0 },
      cosign: { alphaPpm: () => 0 },
    });
    all.push(validator);
    return validator;
  };
  return { own: open(0), other: open(1) };
}

type Served = ReturnType<typeof serveAll>;

function serveAll({ own }: Pair) {
  const providers = Array.from({ length: PROVIDERS }, (_, i) => createTestHybrid(`bench provider ${i}`));
  const { epoch } = own.archive.latest();
  const beacon = own.archive.find(epoch);
  if (beacon === undefined) throw new Error('the first epoch has no beacon');
  return Array.from({ length: WARM_UP + RECORDS }, (_, index) => {
    const provider = providers[index % PROVIDERS] as (typeof providers)[number];
    const order = createTestOrder({
      ...{ payer, ledger, provider, index, tokens: TOKENS },
      validator: own.signer.address,
      epoch,
      expiresAtMs: own.clock.nowMs() + 120_000,
    });
    return { order, ...serveTestReply(order, { provider, payer, ledger, beacon, text: TEXT }) };
  });
}

/**
 * Measures intake, decisions and netting on one core of a validator, and the work of another validator for the same replies. The code is
 * that of production. Only link, chain and clock are replaced.
 */
export async function measureIntake(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-'));
  const pair = openPair(directory);
  const { own, other } = pair;
  try {
    const served = serveAll(pair);
    const admissions = new Map<unknown, SignedAdmission>();
    const admitted = await timeAll(served, async ({ order }) => {
      admissions.set(order, await own.intake.admit(order));
    });
    const recorded = await timeAll(served, ({ submission }) => own.intake.pushRecord(submission));
    const missing = served.filter(({ order }) => own.find(order.fields.replyId).state !== 'recorded');
    if (missing.length > 0) throw new Error(`${missing.length} records were acknowledged and are not stored`);
    const told = served.map(({ order, reply, submission }) => ({
      ...createTestDelivery(order, { reply, submission }, { payer, ledger }),
      admission: admissions.get(order),
    }));
    const heard = await timeAll(told, (delivered) => other.intake.acknowledge(delivered));
    const decided = await timeDecisions(pair, served);
    const { netted, cosigned } = await timeBatches(pair);
    return [
      ...listIntakeRows({ admitted, recorded }),
      ...listNettingRows({ admitted, decided, netted }),
      describeChecks({ admitted, recorded, heard, cosigned }),
    ];
  } finally {
    await own.close();
    await other.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** By the beacon that the orders fix: no reply is audited, and the verdict on each is in the log. */
async function timeDecisions({ own, other }: Pair, served: Served): Promise<Timed> {
  await own.certify();
  await other.certify();
  const timed = await timeWork(served.length, async () => {
    while (own.decided.length < served.length) await own.audit.tick();
  });
  return timed;
}

/** Batch after batch until the log is settled. */
async function timeBatches({ own, other }: Pair): Promise<{ readonly netted: Timed; readonly cosigned: Timed }> {
  const { cosigner } = other;
  const answer = cosigner.answer;
  const spent = { cpuS: 0, wallS: 0 };
  // Nothing else runs in this process while a co-signer is waited for.
  cosigner.answer = async (...asked) => {
    const { result, ...took } = await clock(() => answer(...asked));
    spent.cpuS += took.cpuS;
    spent.wallS += took.wallS;
    return result;
  };
  const all = await clock(async () => {
    while (await own.settlement.step());
  });
  const entries = Number(own.chain.settled.at(-1)?.batch.logLength ?? 0n);
  const count = WARM_UP + RECORDS;
  if (entries !== count) throw new Error(`${entries} of ${count} entries were settled: ${own.refusals.join()}`);
  return {
    netted: toTimed(count, { cpuS: all.cpuS - spent.cpuS, wallS: all.wallS - spent.wallS }),
    cosigned: toTimed(count, spent),
  };
}

/** About twice those of commit 548830959 on two cores of an AMD EPYC. */
const RATES = { admission: 2_000, decision: 4_000, netting: 3_600 };

const WHAT = `${RECORDS} at ${CONCURRENT} at a time, ${PROVIDERS} providers, group commits that are synced on another thread`;

function listIntakeRows({ admitted, recorded }: Readonly<Record<'admitted' | 'recorded', Timed>>): Row[] {
  return [
    {
      id: 'intake',
      what: 'validator intake, records per second of one core',
      value: recorded.perCpuSecond,
      unit: '/s',
      aim: { at: 'least', value: 1_500 },
      why: 'two signatures of each record take two thirds of the time',
      note: `${recorded.perSecond.toFixed(0)} by the wall clock; ${WHAT}; Ed25519 and ML-DSA-44 of each record, header proof, request and sampler; link framing left out`,
    },
    {
      id: 'admission',
      what: 'validator admission, orders per second of one core',
      value: admitted.perCpuSecond,
      unit: '/s',
      aim: { at: 'least', value: RATES.admission },
      why: ADMISSION_WHY,
      next: ADMISSION_NEXT,
      note: `${admitted.perSecond.toFixed(0)} by the wall clock; ${WHAT}; each payer's secp256k1 signature and its provider's two are checked here, and the validator's own is made`,
    },
  ];
}

const ADMISSION_WHY =
  "The four signatures of each order take more than half of the time. By a profile (2026-11-30) checking Ed25519 and ML-DSA-44 of the provider takes 36 %, recovering the payer's 11 %, signing 7 %. Collecting garbage takes 7 %, SQLite an eighth. One signature for all orders of a commit would save a fourteenth at most, and only under load. Equivocation.sol convicts by statements about one order, so it would have to read a path as well";
const ADMISSION_NEXT =
  'one signature of a provider for several consents, saving a quarter. Then admissions signed by the root of a commit, with contracts that read them';

function listNettingRows({
  admitted,
  decided,
  netted,
}: Readonly<Record<'admitted' | 'decided' | 'netted', Timed>>): Row[] {
  const together = 1_000 / (toMs(admitted) + toMs(decided) + toMs(netted));
  return [
    {
      id: 'decision',
      what: 'replies decided by the beacon and written to the log, per second of one core',
      value: decided.perCpuSecond,
      unit: '/s',
      aim: { at: 'least', value: RATES.decision },
      why: 'a decision reads, encodes and writes an entry of eight kilobytes, and half of the time is the store',
      next: 'a narrow table of verdicts, so that a decision writes no row of kilobytes',
      note: `${decided.perSecond.toFixed(0)} by the wall clock; none of them audited; group commits, synced`,
    },
    {
      id: 'netting',
      what: 'entries of the log netted into batches, per second of one core',
      value: netted.perCpuSecond,
      unit: '/s',
      aim: { at: 'least', value: RATES.netting },
      why: 'most of the time goes into reading, encoding and packing an entry of eight kilobytes. A batch writes no row of a reply',
      next: 'entries packed at their decision, while their bytes are in memory',
      note: `${netted.perSecond.toFixed(0)} by the wall clock; ${WARM_UP + RECORDS} entries of one payer and ${PROVIDERS} providers, packed for a co-signer, without the co-signer's work. The batch is durable before the request. Admission, decision and netting together ${together.toFixed(0)}/s`,
    },
  ];
}

function describeChecks(parts: Readonly<Record<'admitted' | 'recorded' | 'heard' | 'cosigned', Timed>>): Row {
  const { admitted, recorded, heard, cosigned } = parts;
  const describe = (timed: Timed): string => `${toMs(timed).toFixed(2)} ms`;
  return {
    id: 'reply-checks',
    what: `processor time of checks of a reply of ${TOKENS} tokens, handling validator and co-signer together`,
    value: toMs(admitted) + toMs(recorded) + toMs(heard) + toMs(cosigned),
    unit: 'ms',
    aim: { at: 'most', value: 3.5 },
    why: 'eight signatures and eight commits to the disk. A validator checks nothing twice. With this and running counts of open orders, one loaded machine took 6.1 ms of processor time, and 9.3 ms before',
    next: 'one signature for statements of several replies; one commit for several replies, larger under load',
    note: `order admitted ${describe(admitted)}, record received ${describe(recorded)}. At another validator: order of the payer received ${describe(heard)}, entry unpacked, checked and signed with its batch ${describe(cosigned)}. Openings only of drawn replies, links left out`,
  };
}

interface Spent {
  readonly cpuS: number;
  readonly wallS: number;
}

async function clock<T>(work: () => Promise<T>): Promise<Spent & { readonly result: T }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { result, cpuS: (user + system) / 1e6, wallS: (performance.now() - start) / 1e3 };
}

const toTimed = (count: number, { cpuS, wallS }: Spent): Timed => ({
  perCpuSecond: count / cpuS,
  perSecond: count / wallS,
});

const timeWork = async (count: number, work: () => Promise<void>): Promise<Timed> => toTimed(count, await clock(work));

async function timeAll<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Timed> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  for (let i = 0; i < WARM_UP; i++) await work(waiting.next().value as T);
  return timeWork(items.length - WARM_UP, async () => {
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
  });
}
