import { setTimeout as delay } from 'node:timers/promises';
import type { Address } from '@ogong/chain/hex';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finding, replyIdOf } from '../demo/claims/finding.ts';
import {
  checkConservation,
  checkExactlyOnce,
  checkHonest,
  checkQuorum,
  checkRefunds,
} from '../demo/claims/ledger-claims.ts';
import { checkBeacon, checkReceipts } from '../demo/claims/reply-claims.ts';
import { isKeyInForce, waitUntil } from '../demo/polling.ts';
import { checkNothingLost, type RestRecord } from './no-loss.ts';
import { chooseSeed, shuffle } from './random.ts';
import { createReplyWatch, type ReplyWatch } from './reply-watch.ts';
import { readGateway, readProvider } from './stores.ts';
import { startTestMesh, type TestMesh } from './test-mesh.ts';

const seed = chooseSeed(20_250_611);
const random = createSeededRandom(seed);
const providers = 2;
const clients = 3;
const isLong = process.env.OGONG_LONG === '1';
/** Each role once, and by night those that hold others' records twice. */
const disturbances = [
  ...['provider', 'validator', 'router', 'gateway', 'engine', 'chain'],
  ...(isLong ? ['provider', 'validator'] : []),
];
/** More than disturbances. Less would be no load. */
const leastAnswers = disturbances.length + 3;
const patienceMs = 180_000;
/** Several settlement intervals. */
const chainStandsMs = 5_000;
/** A client's pause after an answer. */
const pauseMs = isLong ? 100 : 300;
/** Longest pause between two disturbances. */
const calmMs = isLong ? 3_000 : 1_000;
/** Past the longest life of an order here, and past the grace that follows it. */
const aheadMs = 300_000;

let network: TestMesh;
let watch: ReplyWatch;

beforeAll(async () => {
  network = await startTestMesh({ providers, beacon: 'threshold' });
  watch = createReplyWatch(network);
}, 240_000);
afterAll(async () => {
  await watch?.stop();
  await network?.stop();
});

const pause = (lowMs: number, highMs: number): Promise<void> => delay(lowMs + random() * (highMs - lowMs));

/** The process of a role. For validators, the one that handles the orders. */
function findVictim(role: string): string {
  const { members, replies } = network;
  if (role === 'provider' || role === 'engine') return `provider-${1 + Math.floor(random() * providers)}`;
  if (role !== 'validator') return role;
  const last = replies.findLast(({ receipts }) => receipts)?.receipts;
  const handler = last && `0x${toHex(parseOrder(last.full.order.bytes).validator)}`;
  return members.find(({ address }) => address === handler)?.name ?? 'validator-1';
}

async function keepAsking(isOver: () => boolean): Promise<void> {
  const client = async (): Promise<void> => {
    while (!isOver()) {
      const { error } = await network.ask();
      await delay(error === undefined ? pauseMs : 400);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

const listAnswered = () => network.replies.filter(({ receipts }) => receipts);

/** Kills each role without warning and starts it again. Providers restart their engines; the chain only hangs. */
async function disturb(): Promise<string[]> {
  const victims: string[] = [];
  for (const [before, role] of shuffle(disturbances, random).entries()) {
    // Wait for an answer of each victim before it is killed, on any machine.
    await waitUntil(async () => listAnswered().length * disturbances.length >= before * leastAnswers, patienceMs);
    await pause(500, calmMs);
    const name = findVictim(role);
    victims.push(role === 'engine' ? `engine of ${name}` : name);
    if (role === 'engine') {
      network.signalEngine(name, 'SIGKILL');
    } else if (role === 'chain') {
      network.signalChain('SIGSTOP');
      await pause(chainStandsMs, chainStandsMs + calmMs);
      network.signalChain('SIGCONT');
    } else {
      await network.mesh.kill(name, 'SIGKILL');
      await pause(0, 2_000);
      await network.mesh.restart(name);
    }
  }
  await pause(500, calmMs);
  return victims;
}

/** Whether nothing is in flight any more, except replies that wait for their orders to expire. */
async function isQuiet(finalStates: readonly string[]): Promise<boolean> {
  if (allProviders().some(({ waiting }) => waiting.length > 0)) return false;
  const views = await watch.look().catch(() => undefined);
  if (views === undefined || [...views.values()].some(({ state }) => !finalStates.includes(state))) return false;
  const { logs, unsettled } = await watch.readLogs();
  return logs.every(({ isAnchored }) => isAnchored) && unsettled === 0;
}

const allProviders = () =>
  Array.from({ length: providers }, (_, i) => readProvider(network.mesh.plan.directory, `provider-${i + 1}`));
const isClosed = (): boolean =>
  readGateway(network.mesh.plan.directory).orders.every(({ state }) => state === 'closed');

async function readRest(): Promise<RestRecord> {
  const { chain, members, mesh } = network;
  let views: RestRecord['views'] | undefined;
  // A validator that is busy is asked again.
  await waitUntil(async () => {
    views = await watch.look().catch(() => undefined);
    return views !== undefined;
  }, patienceMs);
  const address = (role: string): Address[] =>
    members.filter((member) => member.role === role).map((member) => member.address as Address);
  const [payer] = address('payer') as [Address];
  const channels = await Promise.all(
    address('validator').map(async (validator) => {
      const { admitted, spent } = await chain.channelOf(payer, validator);
      return { validator: validator.slice(2), admittedAtomic: admitted, spentAtomic: spent };
    }),
  );
  return {
    run: await network.readRun(),
    gateway: readGateway(mesh.plan.directory),
    providers: allProviders(),
    views: views ?? (await watch.look()),
    acknowledged: watch.acknowledged,
    channels,
  };
}

// Windows has no signal that stops a process and lets it go on.
describe.skipIf(process.platform === 'win32')('processes that are killed, and a chain that hangs, under load', () => {
  it('lose nothing that was acknowledged, are paid nothing twice, and leave nothing behind', async () => {
    let isOver = false;
    const asking = keepAsking(() => isOver);
    let victims: string[];
    try {
      victims = await disturb();
      await waitUntil(async () => listAnswered().length >= leastAnswers, patienceMs);
    } finally {
      isOver = true;
    }
    await asking;
    const answered = listAnswered();
    console.info(describeErrors());
    console.info(
      `disturbed: ${victims.join(', ')}; ${answered.length} of ${network.replies.length} requests were answered`,
    );
    expect(answered.length).toBeGreaterThanOrEqual(leastAnswers);

    expect(await waitUntil(() => isQuiet(['settled', 'abandoned', 'admitted']), patienceMs)).toBe(true);
    // Orders without a reply have to expire: the clocks of all daemons move on by minutes.
    await network.setAhead(aheadMs);
    expect(await waitUntil(() => isQuiet(['settled', 'abandoned']), patienceMs)).toBe(true);
    // A key of the beacon is made meanwhile, whatever was killed and however the clocks differ from the chain's.
    expect(await waitUntil(async () => isKeyInForce(await network.chain.beaconKeys()), patienceMs)).toBe(true);
    // The network still serves.
    const after = await askUntilAnswered();
    expect(await waitUntil(() => isQuiet(['settled', 'abandoned']), patienceMs)).toBe(true);
    // An attempt before that answer may have left an order that was admitted nowhere. It has to expire, too.
    await network.setAhead(2 * aheadMs);
    expect(await waitUntil(async () => isClosed(), patienceMs)).toBe(true);

    const rest = await readRest();
    const run = await network.readRun();
    expect([...rest.views.keys()]).toContain(after);
    const findings: Record<string, Finding> = {
      nothingLost: checkNothingLost(rest),
      receipts: await checkReceipts(run),
      beacon: checkBeacon(run),
      exactlyOnce: checkExactlyOnce(run),
      refunds: checkRefunds(run),
      honest: checkHonest(run),
      quorum: checkQuorum(run),
      conservation: checkConservation(run),
    };
    console.info(findings.nothingLost?.evidence.join('; '));
    for (const [name, { ok, evidence }] of Object.entries(findings)) expect(ok ? [] : evidence, name).toEqual([]);
  }, 900_000);
});

/** How often clients got each error message, with ids and numbers removed. */
function describeErrors(): string {
  const counts = new Map<string, number>();
  for (const { error } of network.replies) {
    const kind = error?.replace(/[0-9a-f]{8,}|\d+/g, 'N');
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} times: ${kind}`).join('\n');
}

async function askUntilAnswered(): Promise<string> {
  let id: string | undefined;
  const errors = new Set<string | undefined>();
  await waitUntil(async () => {
    const reply = await network.ask();
    id = replyIdOf(reply);
    if (id === undefined) errors.add(reply.error);
    return id !== undefined;
  }, patienceMs);
  if (id === undefined) throw new Error(`no answer; instead: ${[...errors].join('; ')}`);
  return id;
}
