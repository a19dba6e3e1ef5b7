import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestValidator, ledger, payer } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestOrder, serveTestReply } from '@ogong/testing/validator/test-reply';
import type { Row } from './row.ts';

const RECORDS = 1_500;
const CONCURRENT = 128;
const PROVIDERS = 16;
const TOKENS = 2;

interface Timed {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

/** How many records one core of a validator takes in, with the production code; only link, chain and clock are replaced. */
export async function measureIntake(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-'));
  const validator = createTestValidator({ path: join(directory, 'validator.sqlite') });
  try {
    const providers = Array.from({ length: PROVIDERS }, (_, i) => createTestHybrid(`bench provider ${i}`));
    const { epoch } = validator.archive.latest();
    const beacon = validator.archive.find(epoch);
    if (beacon === undefined) throw new Error('the first epoch has no beacon');
    const served = Array.from({ length: RECORDS }, (_, index) => {
      const provider = providers[index % PROVIDERS] as (typeof providers)[number];
      const order = createTestOrder({
        ...{ payer, ledger, provider, index, tokens: TOKENS },
        validator: validator.signer.address,
        epoch,
        expiresAtMs: validator.clock.nowMs() + 120_000,
      });
      return { order, ...serveTestReply(order, { provider, payer, ledger, beacon }) };
    });
    const admitted = await timeAll(served, ({ order }) => validator.intake.admit(order));
    const recorded = await timeAll(served, ({ submission }) => validator.intake.pushRecord(submission));
    const missing = served.filter(({ order }) => validator.find(order.fields.replyId).state !== 'recorded');
    if (missing.length > 0) throw new Error(`${missing.length} records were acknowledged and are not stored`);
    const what = `${RECORDS} at ${CONCURRENT} at a time, ${PROVIDERS} providers, fsynced group commits`;
    return [
      {
        id: 'intake',
        what: 'validator intake, records per second of one core',
        value: recorded.perCpuSecond,
        unit: '/s',
        aim: { at: 'least', value: 1_500 },
        why: 'two thirds of it are the two signatures of each record',
        note: `${recorded.perSecond.toFixed(0)} by the wall clock; ${what}; Ed25519 and ML-DSA-44 of each record, header proof, request and sampler; link framing left out`,
      },
      {
        id: 'admission',
        what: 'validator admission, orders per second of one core',
        value: admitted.perCpuSecond,
        unit: '/s',
        note: `${admitted.perSecond.toFixed(0)} by the wall clock; ${what}; each payer's secp256k1 signature is recovered here, once per reply`,
      },
      {
        id: 'reply-checks',
        what: 'processor time of what a validator checks of each reply, its order and its record',
        value: 1_000 / admitted.perCpuSecond + 1_000 / recorded.perCpuSecond,
        unit: 'ms',
        aim: { at: 'most', value: 1 },
        why: 'signatures of payer, provider and record, and two commits to the disk',
        note: 'the same run; openings are looked at of replies that are drawn, and links left out',
      },
    ];
  } finally {
    await validator.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function timeAll<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Timed> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { perCpuSecond: items.length / ((user + system) / 1e6), perSecond: items.length / (elapsedMs / 1e3) };
}
