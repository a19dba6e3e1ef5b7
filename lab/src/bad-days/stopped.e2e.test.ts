import { setTimeout as delay } from 'node:timers/promises';
import { QUICK_TIMINGS } from '@ogong/devnet/mesh/mesh-plan';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readTrust } from '@ogong/host/views/read-trust';
import { createRootFinder } from '@ogong/host/views/registry-roots';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type CheckedReply, createClient } from '@ogong/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf } from '../demo/claims/finding.ts';
import { countProviders, waitUntil } from '../demo/polling.ts';
import { readAsks, readLastOrder } from './stores.ts';
import { startTestMesh, type TestMesh } from './test-mesh.ts';

/** Short: if openings took long before, a validator waits for several windows. */
const auditWindowMs = 6_000;
/** As in daemons: an announcement of a provider is valid for three of these. */
const announceIntervalMs = 10_000;
/** An audit comes four epochs after the order: enough to stop the provider that it will ask. */
const epochMs = 1_500;
const stopMs = 2_000;
const patienceMs = 200_000;
/** An order of 400 tokens lives for 140 s. */
const aheadMs = 150_000;

let network: TestMesh;
const stopped = new Set<string>();

beforeAll(async () => {
  network = await startTestMesh({
    providers: 2,
    timings: { ...QUICK_TIMINGS, epochMs, auditWindowMs, announceIntervalMs },
  });
}, 240_000);
afterEach(goOn);
afterAll(async () => {
  await network?.stop();
});

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

/** Returns the provider with the gateway's last order. */
function findServing(): string {
  const last = readLastOrder(network.mesh.plan.directory);
  const id = last && toHex(parseOrder(last).providerId);
  const serving = network.members.find(({ providerId }) => providerId === id);
  if (serving === undefined) throw new Error('nobody serves the reply');
  return serving.name;
}

interface FailedTry {
  readonly provider: string;
  readonly shown_bytes: number;
  readonly signed_bytes?: number;
  readonly status: { readonly state: string; readonly fee_atomic: string | null };
}

/** How a provider ends while it streams. */
const ENDS = {
  killed: (name: string) => network.mesh.kill(name, 'SIGKILL'),
  // It gets a stop signal, and its engine makes no more tokens within the grace period.
  'told to stop': (name: string) => {
    network.signalEngine(name, 'SIGSTOP');
    return network.mesh.kill(name, 'SIGTERM');
  },
} as const;
// Windows has no signal that stops a process. By night alone, too, since it takes a minute and a half.
const ends = (Object.keys(ENDS) as (keyof typeof ENDS)[]).filter(
  (end) => end === 'killed' || (process.platform !== 'win32' && process.env.OGONG_LONG === '1'),
);

describe('a provider whose process ends in mid-stream', () => {
  const isServed = async (): Promise<boolean> =>
    (await countProviders(network.mesh.plan.gatewayUrl, network.model.id)) >= 2;

  /** Asks for a long story, and ends its provider behind the first milestone. @returns undefined where the story was over by then. */
  async function askAndEnd(end: (name: string) => Promise<void>) {
    const { mesh, model, chain } = network;
    const { gatewayUrl: baseUrl } = mesh.plan;
    expect(await waitUntil(isServed, patienceMs)).toBe(true);
    const findModelRoots = createRootFinder({ client: async () => chain });
    const trust = { ...(await readTrust(chain)), allow: ['router'] };
    const replies: CheckedReply[] = [];
    const client = createClient({ baseUrl, trust, findModelRoots, onReceipt: (reply) => replies.push(reply) });
    // Unless every piece comes, or the whole does not hold, this throws.
    const stream = await client.chat.completions.create({
      ...{ model: model.id, messages: [{ role: 'user', content: 'Once upon a time' }] },
      ...{ max_tokens: 400, temperature: 0.7, stream: true },
    });
    let text = '';
    let ended: string | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      // 64 tokens and more.
      if (text.length < 450 || ended !== undefined) continue;
      ended = findServing();
      await end(ended);
    }
    if (ended === undefined) return undefined;
    await mesh.restart(ended);
    const [reply] = replies as [CheckedReply];
    const read = async () => {
      const answer = await fetch(`${baseUrl}/v1/receipts/${reply.replyId}`);
      return (await answer.json()) as {
        earlier_tries: FailedTry[];
        status: FailedTry['status'] & { verdict: string };
      };
    };
    const [failed] = (await read()).earlier_tries;
    return failed?.signed_bytes ? { ended, text, reply, read } : undefined;
  }

  it(
    'is replaced after a kill or a stop: one stream and one receipt, and the first provider is paid for its signed part',
    async () => {
      type Asked = NonNullable<Awaited<ReturnType<typeof askAndEnd>>>;
      type Read = Awaited<ReturnType<Asked['read']>>;
      const all: Asked[] = [];
      const waitForAll = async (holds: (read: Read) => boolean): Promise<void> => {
        const readAll = () => Promise.all(all.map(({ read }) => read()));
        if (await waitUntil(async () => (await readAll()).every(holds), patienceMs)) return;
        const shown = (await readAll()).map(({ status, earlier_tries }) => ({ status, earlier_tries }));
        throw new Error(`they stay as they are: ${JSON.stringify(shown)}`);
      };
      for (const end of ends) {
        let asked: Asked | undefined;
        for (let tries = 0; asked === undefined; tries++) {
          if (tries === 10) throw new Error(`every reply was over before its provider was ${end}`);
          asked = await askAndEnd(ENDS[end]);
        }
        all.push(asked);
        // The next one to end may have served this reply, and has to live until its audit is over.
        await waitForAll(({ status }) => status.state === 'settled');
      }
      // The dead ones' orders run out first, and the later that is, the later is the epoch that decides. So the clocks move on at once.
      await network.setAhead(aheadMs);
      for (const { ended, text, reply, read } of all) {
        const { earlier_tries } = await read();
        expect(earlier_tries.map(({ provider }) => provider)).toEqual([
          network.members.find(({ name }) => name === ended)?.providerId,
        ]);
        expect(earlier_tries[0]?.shown_bytes).toBeLessThanOrEqual(utf8Encode(text).length);
        expect(reply.response).toEqual(utf8Encode(text));
        const signer = hashHybridKey(crypto, reply.receipt.record.publicKey);
        expect(toHex(signer)).not.toBe(earlier_tries[0]?.provider);
        expect(reply.checks.find(({ id }) => id === 'draw-replay')).toMatchObject({ status: 'pass' });
        expect(reply.parts).toMatchObject([{ id: 'earlier-part', status: 'pass' }]);
      }
      for (const { read } of all) {
        const { status } = await read();
        const paid = { verdict: 'accept', fee_atomic: expect.stringMatching(/^[1-9]/) };
        expect(status, JSON.stringify(status)).toMatchObject(paid);
      }
      await waitForAll(({ earlier_tries }) => earlier_tries[0]?.status.state === 'settled');
      for (const { read } of all) {
        const [part] = (await read()).earlier_tries;
        expect(part?.status.fee_atomic).toMatch(/^[1-9]/);
        expect(part?.signed_bytes).toBeLessThanOrEqual(part?.shown_bytes ?? 0);
      }
      expect(await waitUntil(isServed, patienceMs)).toBe(true);
    },
    3 * patienceMs,
  );
});

// Windows has no signal that stops a process and lets it go on.
describe.skipIf(process.platform === 'win32')('a provider that says nothing any more', () => {
  /** Slots that the router gives out, by provider. */
  async function readFree(): Promise<ReadonlyMap<string, number>> {
    const { gatewayUrl } = network.mesh.plan;
    const answer = await fetch(`${gatewayUrl}/v1/endpoints?model=${encodeURIComponent(network.model.id)}`);
    const { data } = (await answer.json()) as { data: readonly { provider: string; free_capacity: number }[] };
    return new Map(data.map((offer) => [offer.provider, offer.free_capacity]));
  }

  it('gets no orders within seconds, though it closes no link, and returns once it goes on', async () => {
    const [silent, living] = network.members.filter(({ providerId }) => providerId !== undefined);
    const readBoth = async () => {
      const free = await readFree();
      return [silent, living].map((member) => free.get(member?.providerId ?? ''));
    };
    const areFree = async () => (await readBoth()).every((slots = 0) => slots > 0);
    // Either may have stood still before.
    expect(await waitUntil(areFree, patienceMs)).toBe(true);
    stop(silent?.name ?? '');
    // It is still listed: its announcement has not expired.
    const isLeft = async () => {
      const [ofSilent, ofLiving = 0] = await readBoth();
      return ofSilent === 0 && ofLiving > 0;
    };
    expect(await waitUntil(isLeft, patienceMs)).toBe(true);
    goOn();
    expect(await waitUntil(areFree, patienceMs)).toBe(true);
  });
});

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

  it('is paid where it never goes on, because its payer hands over the opening', async () => {
    const served = await serve();
    expect((await waitFor(served, isDecided)).verdict).toBe('accept');
    goOn();
    await waitFor(served, ({ state }) => state === 'settled');
    const entries = entriesOf(await network.readRun());
    const entry = entries.find(({ replyId }) => toHex(replyId) === toHex(served.order.replyId));
    expect(entry).toMatchObject({ verdict: 'accept', ejects: false });
    expect(entry?.feeAtomic).toBeGreaterThan(0n);
    expect(entries.filter(({ ejects }) => ejects)).toEqual([]);
  });
});
