import { setTimeout as delay } from 'node:timers/promises';
import { QUICK_TIMINGS } from '@ogong/devnet/mesh/mesh-plan';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf } from '../demo/finding.ts';
import { readAsks } from './stores.ts';
import { startTestMesh, type TestMesh } from './test-mesh.ts';

/** Short: if openings took long before, a validator waits for several windows. */
const auditWindowMs = 6_000;
/** An audit comes four epochs after the order: enough to stop the provider that it will ask. */
const epochMs = 1_500;
const stopMs = 2_000;
const patienceMs = 200_000;

let network: TestMesh;
const stopped = new Set<string>();

beforeAll(async () => {
  network = await startTestMesh({ providers: 2, timings: { ...QUICK_TIMINGS, epochMs, auditWindowMs } });
}, 240_000);
afterEach(goOn);
afterAll(async () => {
  await network?.stop();
}, 120_000);

function stop(name: string): void {
  network.signalDaemon(name, 'SIGSTOP');
  stopped.add(name);
}

function goOn(): void {
  for (const name of stopped) network.signalDaemon(name, 'SIGCONT');
  stopped.clear();
}

interface Served {
  readonly order: NamedOrder;
  readonly provider: string;
  readonly validator: string;
  readonly look: () => Promise<{ state: string; verdict: string }>;
}

/** Serves one request, stops its provider, and waits until the validator has asked for the opening in vain. */
async function serve(): Promise<Served> {
  for (let tries = 0; tries < 20; tries++) {
    const { receipts } = await network.ask();
    if (receipts === undefined) continue;
    const order = nameOrder(crypto, receipts.full.ledger, parseOrder(receipts.full.order.bytes));
    const providerId = toHex(hashHybridKey(crypto, receipts.full.record.publicKey));
    const provider = network.members.find((member) => member.providerId === providerId)?.name;
    const handler = network.mesh.members.find(({ identity }) => identity.address === `0x${toHex(order.validator)}`);
    const port = network.mesh.plan.processes.find(({ name }) => name === handler?.name)?.port;
    if (provider === undefined || handler === undefined) throw new Error('nobody served the reply');
    const peer = { endpoint: `127.0.0.1:${port}`, certHash: handler.identity.certHash };
    const look = () => network.links.to(ValidatorService, peer).getReply({ replyId: order.replyId });
    const served = { order, provider, validator: handler.name, look };
    const { state } = await waitFor(served, ({ state: now }) => now !== 'admitted');
    if (state !== 'recorded') continue;
    stop(provider);
    if (await isAskedInVain(served, 1)) return served;
    // The record came in just before an epoch ended, so the opening came before the provider was stopped. Try again.
    goOn();
  }
  throw new Error('every reply was audited at once');
}

async function waitFor(
  { look }: Pick<Served, 'look'>,
  holds: (status: { state: string; verdict: string }) => boolean,
): Promise<{ state: string; verdict: string }> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(100)) {
    const status = await look();
    if (holds(status)) return status;
  }
  throw new Error('the reply stays as it is');
}

/** @returns false if the opening came before the provider was stopped. */
async function isAskedInVain({ order, validator, look }: Served, times: number): Promise<boolean> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(100)) {
    if ((readAsks(network.mesh.plan.directory, validator, order.replyId) ?? 0) >= times) return true;
    if (isDecided(await look())) return false;
  }
  throw new Error('the reply is not audited');
}

const isDecided = ({ verdict }: { verdict: string }): boolean => verdict !== '';

// Windows has no signal that stops a process and lets it go on.
describe.skipIf(process.platform === 'win32')('a provider whose process stands still while it is audited', () => {
  it('is accepted once it goes on', async () => {
    const served = await serve();
    expect(await isAskedInVain(served, 2)).toBe(true);
    goOn();
    expect((await waitFor(served, isDecided)).verdict).toBe('accept');
  });

  it('is accepted where the validator stood still, too, for longer than its window', async () => {
    const served = await serve();
    stop(served.validator);
    await delay(auditWindowMs + stopMs);
    goOn();
    expect((await waitFor(served, isDecided)).verdict).toBe('accept');
  });

  it('is not paid, and not ejected, where it never goes on', async () => {
    const served = await serve();
    expect((await waitFor(served, isDecided)).verdict).toBe('reject');
    goOn();
    await waitFor(served, ({ state }) => state === 'settled');
    const entries = entriesOf(await network.readRun());
    expect(entries.find(({ replyId }) => toHex(replyId) === toHex(served.order.replyId))).toMatchObject({
      ...{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n, ejects: false },
    });
    expect(entries.filter(({ ejects }) => ejects)).toEqual([]);
  });
});
