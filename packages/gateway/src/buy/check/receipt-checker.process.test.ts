import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { SMALL_HEAP } from '@ogong/host/lifecycle/small-heap';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { localChecker } from '@ogong/testing/gateway/gateway-fixture';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CheckJob, createReceiptChecker, type ReceiptChecker } from './receipt-checker.ts';

let directory: string;
let checker: ReceiptChecker;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-checker-'));
  checker = createReceiptChecker(fileURLToPath(new URL('./probe-child-fixture.ts', import.meta.url)));
});
afterEach(async () => {
  await checker.stop();
  rmSync(directory, { recursive: true });
});

const job = (path: string, nowMs = 0) =>
  ({ request: utf8Encode(path), response: utf8Encode(join(directory, 'key')), nowMs }) as CheckJob;

/** A real one, of a threshold beacon. */
function createJob() {
  const { reply, ...rest } = createSyntheticReceipt({
    ...{ crypto: nodeCrypto, tokens: 1, isThreshold: true },
    provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
    ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  });
  const { request, response } = reply;
  return { ...rest, request, response };
}

it('reads receipts without the environment, and where it can read, write and start nothing', async () => {
  process.env.OGONG_PROBE_SECRET = 'a key';
  const path = join(directory, 'written');
  writeFileSync(join(directory, 'key'), 'a key');
  const denied = 'ERR_ACCESS_DENIED';
  const all = { read: denied, write: denied, start: denied, thread: denied };
  // 1,024 MiB for old objects, and three spaces of 4 MiB for new ones. With those of Node there would be 1,216.
  expect(await checker.check(job(path))).toEqual({ environment: Object.keys(SMALL_HEAP), heapMib: 1_036, ...all });
  expect(existsSync(path)).toBe(false);
  delete process.env.OGONG_PROBE_SECRET;
});

it('says that its process ended, and starts another', async () => {
  const path = join(directory, 'written');
  const dying = checker.check(job(path, -1));
  const beside = checker.check(job(path));
  await expect(dying).rejects.toThrow('the receipt checker ended with code 3');
  await expect(beside).rejects.toThrow('code 3');
  expect(await checker.check(job(path))).toMatchObject({ environment: Object.keys(SMALL_HEAP) });
});

it('stops in the middle of a check', async () => {
  const pending = checker.check(job(join(directory, 'written')));
  await Promise.all([expect(pending).rejects.toThrow('SIGKILL'), checker.stop()]);
  await checker.stop();
});

it('says nothing where the gateway has died in the middle of a check', async () => {
  const module = fileURLToPath(new URL('./receipt-checker.child.ts', import.meta.url));
  const child = fork(module, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const said = text(child.stderr as Readable);
  const { receipt, request, response, trust, nowMs } = createJob();
  const message = { id: 0, job: { receipt, request, response, trust, nowMs } };
  child.send(message);
  await once(child, 'message');
  // Of several jobs only the first answers can still be sent.
  for (let i = 0; i < 20; i++) child.send(message);
  child.disconnect();
  const [code] = await once(child, 'exit');
  expect([code, await said]).toEqual([0, '']);
});

it.each([
  ['in a process of its own, without native code', () => createReceiptChecker()],
  ['in the process of a test', () => localChecker],
])('checks the one signature of a threshold beacon, and loads readers of machines, %s', async (_where, create) => {
  const { receipt, request, response, trust, nowMs } = createJob();
  const real = create();
  try {
    const verdict = await real.check({ receipt, request, response, trust, nowMs });
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    // With a policy the process loads the readers of machines, and nothing else changes: this receipt names no machine.
    const machinePolicy = parsePolicy(utf8Encode('{}'));
    expect(await real.check({ receipt, request, response, trust, nowMs, machinePolicy })).toEqual(verdict);
    const beacon = receipt.beacon.slice();
    beacon[100] = (beacon[100] as number) ^ 1;
    const bent = await real.check({ receipt: { ...receipt, beacon }, request, response, trust, nowMs });
    expect(bent.checks.find(({ id }) => id === 'beacon')?.status).toBe('fail');
  } finally {
    await real.stop();
  }
});
