import { bytesToHex } from '@ogong/chain/hex';
import { compareBytes, fromHex } from '@ogong/protocol/base/bytes';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { createThresholdNetwork, PERIOD_MS, type ThresholdNetwork } from '@ogong/testing/validator/test-threshold';
import { expect, it } from 'vitest';

const STAKES = [10n, 11n, 12n, 13n, 14n];
const ALL = [0, 1, 2, 3, 4];

async function startNetwork({ listed = STAKES.length } = {}) {
  const net = createThresholdNetwork(STAKES, { listed });
  for (const node of net.nodes.slice(0, listed)) await net.registerBox(node);
  return net;
}

const readKey = (message: Uint8Array): KeyMessage | undefined => {
  try {
    return keyMessageFormat.decode(message);
  } catch {
    return undefined;
  }
};

const addressOf = (net: ThresholdNetwork, index: number): Uint8Array =>
  net.nodes[index]?.signer.address ?? new Uint8Array();

/** Loses messages of key generations from one validator to another. */
function lose(net: ThresholdNetwork, isLost: (message: KeyMessage, from: number, to: number) => boolean): void {
  for (const node of net.nodes) {
    node.lie = (message, to) => {
      const parsed = readKey(message);
      return parsed !== undefined && isLost(parsed, node.index, to) ? [] : [message];
    };
  }
}

async function countShares(net: ThresholdNetwork, index: number): Promise<number> {
  const eras = (await net.chain.connect('0x00').beaconKeys())?.eras ?? [];
  const { transcript = '0x' } = eras.at(-1) ?? {};
  return net.running[index]?.eras.findEra(eras.length, fromHex(transcript.slice(2)))?.shares.length ?? 0;
}

it('takes up an era that the chain has, if all restart before somebody has its shares', async () => {
  const net = await startNetwork();
  // Members are in the order of their addresses. The last one is no proposer before the others have agreed.
  const order = [...ALL].sort((a, b) => compareBytes(addressOf(net, a), addressOf(net, b)));
  const [dealer, victim] = [order[0], order.at(-1)] as [number, number];
  // The dealer shows its shares to all others, and their answers do not come through.
  lose(net, ({ kind }, from, to) => to === victim && ((from === dealer && kind === 'deal') || kind === 'answer'));
  await net.pass(8_000);
  expect((await net.chain.connect('0x00').beaconKeys())?.eras).toHaveLength(1);
  expect([await countShares(net, dealer), await countShares(net, victim)]).toEqual([1, 0]);
  // The dealer goes on as before.
  lose(net, ({ kind }, from, to) => to === victim && from === dealer && (kind === 'deal' || kind === 'answer'));
  for (const index of ALL) net.restart(index);
  await net.pass(3_000);
  expect(await countShares(net, victim)).toBe(1);
  expect(net.nodes[victim]?.lacking).toBe(0);
});

it('gets its shares within two epochs of an era that the others made while it saw the older committee', async () => {
  const net = await startNetwork();
  const [changed, behind] = [net.nodes[0]!, net.nodes[1]!];
  await net.pass(net.startOf(16n) - 100 - net.clock.nowMs());
  const older = changed.boxName;
  behind.olderBox = (account) => (account === bytesToHex(changed.signer.address) ? older : undefined);
  changed.boxName = 'box anew';
  net.restart(0);
  await net.registerBox(changed);
  await net.pass(200);
  // All have checked at the begin of the attempt.
  behind.olderBox = undefined;
  const countEras = async () => (await net.chain.connect('0x00').beaconKeys())?.eras.length;
  while ((await countEras()) === 1) await net.pass(100);
  // So the next attempt is not near.
  expect(net.clock.nowMs()).toBeLessThan(net.startOf(24n) - 2 * PERIOD_MS);
  expect(await countShares(net, 1)).toBe(0);
  await net.pass(2 * PERIOD_MS);
  expect(await countShares(net, 1)).toBeGreaterThan(0);
});

it('puts its shares together from its disk, if it ended before they were written down', async () => {
  const net = await startNetwork();
  await net.pass(8_000);
  const before = await countShares(net, 2);
  expect(before).toBeGreaterThan(0);
  net.storeOf(2).prepare('DELETE FROM beacon_eras').run();
  lose(net, (_, from, to) => from === 2 || to === 2);
  net.restart(2);
  await net.pass(1_000);
  expect(await countShares(net, 2)).toBe(before);
});

it('writes its shares down later, if that failed when they were agreed on', async () => {
  const net = await startNetwork();
  const { eras } = net.running[2]!;
  const put = eras.putEra;
  let failed = 0;
  Object.assign(eras, {
    putEra() {
      failed++;
      throw new Error('the disk is full');
    },
  });
  await net.pass(8_000);
  expect(failed).toBeGreaterThan(0);
  expect([await countShares(net, 0), await countShares(net, 2)]).toEqual([1, 0]);
  Object.assign(eras, { putEra: put });
  await net.pass(1_000);
  expect(await countShares(net, 2)).toBe(1);
});

it('gets shares back that it lost with its database, from dealers that have restarted since, and deals nothing else', async () => {
  const net = await startNetwork();
  await net.pass(8_000);
  const before = await countShares(net, 2);
  for (const index of ALL) net.restart(index, { isDiskLost: index === 2 });
  const said = new Set<string>();
  lose(net, ({ kind }, from) => {
    if (from === 2) said.add(kind);
    return false;
  });
  await net.pass(5_000);
  expect(await countShares(net, 2)).toBe(before);
  expect(['complaint', 'proposal', 'vote'].filter((kind) => said.has(kind))).toEqual([]);
  expect(net.running.map(({ eras }) => eras.listStruck())).toEqual(ALL.map(() => []));
});

it('does so in a later era of a key too, once the shares of the era before are forgotten', async () => {
  const net = await startNetwork({ listed: 4 });
  await net.pass(16_000);
  net.list(1, 2, 3, 4);
  await net.registerBox(net.nodes[4]!);
  await net.pass(26_000);
  expect((await net.chain.connect('0x00').beaconKeys())?.eras).toHaveLength(2);
  const before = await countShares(net, 2);
  expect(before).toBeGreaterThan(0);
  expect(net.storeOf(2).prepare('SELECT count(*) AS n FROM beacon_eras WHERE era = 1').get()?.n).toBe(0);
  for (const table of ['beacon_eras', 'beacon_key_entries']) net.storeOf(2).prepare(`DELETE FROM ${table}`).run();
  for (const index of [1, 2, 3, 4]) net.restart(index);
  await net.pass(5_000);
  expect(await countShares(net, 2)).toBe(before);
});

it('computes nothing for a peer outside the committee of that era', async () => {
  const net = await startNetwork({ listed: 4 });
  await net.pass(8_000);
  net.restart(1);
  await net.pass(1_000);
  const asked = net.running[1]!;
  let looks = 0;
  const find = asked.eras.listSets;
  Object.assign(asked.eras, {
    listSets(era: number, attempt: number) {
      looks++;
      return find(era, attempt);
    },
  });
  const { eras, generations } = (await net.chain.connect('0x00').beaconKeys())!;
  const { attempt, set } = eras[0]!;
  const subject = { generation: generations.length, era: 1, attempt, set: fromHex(set.slice(2)) };
  const want = keyMessageFormat.encode({ kind: 'want', ...subject, dealer: 0 });
  await asked.receive(addressOf(net, 4), want);
  expect(looks).toBe(0);
  await asked.receive(addressOf(net, 0), want);
  expect(looks).toBe(1);
});
