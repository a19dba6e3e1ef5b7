import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type EpochMessage, epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import { dealFormat } from '@ogong/protocol/beacon/threshold/key-deal';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { hashKeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import { hashRetirement } from '@ogong/protocol/beacon/threshold/retirement';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createThresholdNetwork, PERIOD_MS, type ThresholdNetwork } from '@ogong/testing/validator/test-threshold';
import { describe, expect, it } from 'vitest';

/** No one has a quarter: any one of them may be away. */
const STAKES = [10n, 11n, 12n, 13n, 14n];

async function startNetwork(options: { listed?: number; seed?: number } = {}, stakes = STAKES) {
  const net = createThresholdNetwork(stakes, options);
  for (const node of net.nodes.slice(0, options.listed ?? stakes.length)) await net.registerBox(node);
  return net;
}

/** Every epoch has one value, the same wherever it has one, and the living have all of them. */
function expectAgreement(net: ThresholdNetwork, living: readonly number[]): bigint {
  const latest = living.map((index) => net.latestOf(index)).reduce((a, b) => (a < b ? a : b));
  for (let epoch = 1n; epoch <= latest; epoch++) {
    const values = new Set(living.map((index) => net.valueOf(index, epoch)));
    expect([epoch, values.size, values.has(undefined)]).toEqual([epoch, 1, false]);
  }
  return latest;
}

const firstEpochOf = async (net: ThresholdNetwork): Promise<bigint> => {
  const reading = await net.chain.connect('0x00').beaconKeys();
  return reading?.generations[0]?.firstEpoch as bigint;
};

const passUntil = (net: ThresholdNetwork, atMs: number): Promise<void> => net.pass(atMs - net.clock.nowMs());

async function retireKey(net: ThresholdNetwork, lastEpoch: bigint): Promise<void> {
  const digest = hashRetirement(crypto, net.domain, { generation: 1, lastEpoch });
  const signed = net.nodes.map(({ key }) => key.signDigest(digest));
  await net.chain.connect('0x00').retireGeneration(1, lastEpoch, await sortQuorum(digest, signed));
}

const readKey = (message: Uint8Array): KeyMessage | undefined => {
  try {
    return keyMessageFormat.decode(message);
  } catch {
    return undefined;
  }
};

const readEpoch = (message: Uint8Array): EpochMessage | undefined => {
  try {
    return epochMessageFormat.decode(message);
  } catch {
    return undefined;
  }
};

describe('threshold driver', () => {
  it('makes a key while the bootstrap beacon runs, and hands over without a gap', async () => {
    const net = await startNetwork();
    await net.pass(20_000);
    const first = await firstEpochOf(net);
    const latest = expectAgreement(net, [0, 1, 2, 3, 4]);
    expect(latest).toBeGreaterThan(first + 4n);
    expect(net.kindOf(0, first - 1n)).toBe('aggregate');
    for (let epoch = first; epoch <= latest; epoch++) expect(net.kindOf(0, epoch)).toBe('threshold');
  });

  it('reads the chain a few times in an epoch while a key stands and nothing has to be made', async () => {
    const net = await startNetwork();
    await net.pass(20_000);
    const before = net.nodes.map(({ readings }) => readings);
    const epochs = 20;
    await net.pass(epochs * PERIOD_MS);
    for (const [index, { readings }] of net.nodes.entries()) {
      const each = (readings - (before[index] as number)) / epochs;
      expect([index, each > 0.5, each <= 3]).toEqual([index, true, true]);
    }
  });

  it.each([
    ['five, one at a time', STAKES],
    // Of these the last two have more than a quarter.
    ['the four of a mesh', [10n, 11n, 12n, 13n]],
    ['nine, two at the same instant', new Array<bigint>(9).fill(10n)],
    ['one of eight with a fifth, or two others', [20n, 11n, 11n, 11n, 11n, 11n, 11n, 11n]],
  ])(
    'waits for nobody, whichever validators below a quarter of the stake are killed at whatever instant: %s',
    async (_, stakes) => {
      const net = await startNetwork({ seed: 7 }, stakes);
      const all = stakes.reduce((sum, stake) => sum + stake, 0n);
      const drawGroup = (): number[] => {
        const order = stakes.map((_, index) => ({ index, by: net.random() })).sort((a, b) => a.by - b.by);
        const group: number[] = [];
        let sum = 0n;
        for (const { index } of order) {
          if (4n * (sum + (stakes[index] as bigint)) >= all) continue;
          sum += stakes[index] as bigint;
          group.push(index);
        }
        return group;
      };
      await net.pass(16_000);
      const first = await firstEpochOf(net);
      const killed = new Set<number>();
      let [away, untilMs, most] = [[] as number[], 0, 0];
      await net.pass(25_000, () => {
        if (net.clock.nowMs() < untilMs) return;
        for (const index of away) {
          const back = net.nodes[index];
          if (back) back.isOffline = false;
          net.restart(index);
        }
        away = drawGroup();
        untilMs = net.clock.nowMs() + 200 + Math.floor(net.random() * 25) * 100;
        most = Math.max(most, away.length);
        for (const index of away) {
          killed.add(index);
          const victim = net.nodes[index];
          if (victim) victim.isOffline = true;
        }
      });
      expect(killed.size).toBe(stakes.filter((stake) => 4n * stake < all).length);
      const late: number[] = [];
      for (let epoch = first; net.startOf(epoch) + PERIOD_MS < net.clock.nowMs(); epoch++) {
        const times = net.nodes.flatMap(({ certifiedMs }) => certifiedMs.get(epoch) ?? []).sort((a, b) => a - b);
        // As many as are left where most are away.
        late.push((times[stakes.length - most - 1] as number) - net.startOf(epoch));
      }
      expect(late.length).toBeGreaterThan(20);
      // A view of the bootstrap beacon lasts two seconds. Here nobody waits at all: messages take no time.
      expect(Math.max(...late)).toBeLessThanOrEqual(500);
      expectAgreement(
        net,
        stakes.map((_, index) => index).filter((index) => !away.includes(index)),
      );
    },
  );

  it('continues at once after it stood still for a day, and signs what somebody needs of that day', async () => {
    const net = await startNetwork();
    await net.pass(20_000);
    const before = net.latestOf(0);
    net.clock.advance(86_400_000);
    await net.pass(5_000);
    const now = before + 86_400n + 4n;
    for (const index of [0, 1, 2, 3, 4]) expect(net.latestOf(index)).toBeGreaterThanOrEqual(now);
    const needed = before + 5_000n;
    expect(net.valueOf(1, needed)).toBeUndefined();
    net.nodes[1]?.wanted.add(needed);
    await net.pass(1_000);
    const values = [0, 1, 2, 3, 4].map((index) => net.valueOf(index, needed));
    expect([new Set(values).size, values.includes(undefined)]).toEqual([1, false]);
  });

  it('signs what it passed over also if others hold the shares since', async () => {
    const net = await startNetwork({ listed: 4 }, [10n, 11n, 12n, 13n, 14n]);
    await net.pass(16_000);
    const before = net.latestOf(1);
    net.clock.advance(86_400_000);
    await net.pass(5_000);
    net.list(1, 2, 3, 4);
    await net.registerBox(net.nodes[4]!);
    await net.pass(26_000);
    expect((await net.chain.connect('0x00').beaconKeys())?.eras).toHaveLength(2);
    const needed = before + 5_000n;
    expect(net.valueOf(1, needed)).toBeUndefined();
    net.nodes[1]?.wanted.add(needed);
    await net.pass(2_000);
    const values = [1, 2, 3, 4].map((index) => net.valueOf(index, needed));
    expect([new Set(values).size, values.includes(undefined)]).toEqual([1, false]);
  });

  it('deals the same key to other validators, and forgets the shares of before', async () => {
    const net = await startNetwork({ listed: 4 }, [10n, 11n, 12n, 13n, 14n]);
    await net.pass(16_000);
    net.list(1, 2, 3, 4);
    await net.registerBox(net.nodes[4]!);
    await net.pass(26_000);
    const reading = await net.chain.connect('0x00').beaconKeys();
    expect(reading?.generations).toHaveLength(1);
    expect(reading?.eras).toHaveLength(2);
    const second = reading?.eras[1]?.firstEpoch as bigint;
    const latest = [1, 2, 3, 4].map((index) => net.latestOf(index)).reduce((a, b) => (a < b ? a : b));
    expect(latest).toBeGreaterThan(second + 2n);
    for (let epoch = second; epoch <= latest; epoch++) {
      expect(new Set([1, 2, 3, 4].map((index) => net.valueOf(index, epoch))).size).toBe(1);
    }
    const count = (index: number) =>
      net.storeOf(index).prepare('SELECT count(*) AS n FROM beacon_eras WHERE era = 1').get()?.n;
    expect([1, 2, 3].map(count)).toEqual([0, 0, 0]);
  });

  it('lets a validator that lost its disk follow at once, and deals it shares again', async () => {
    const net = await startNetwork();
    await net.pass(16_000);
    const lost = net.nodes[2]!;
    lost.boxName = 'box anew';
    net.restart(2, { isDiskLost: true });
    await net.pass(4_000);
    expect(net.latestOf(2)).toBeGreaterThanOrEqual(net.latestOf(0) - 1n);
    await net.registerBox(lost);
    await net.pass(22_000);
    const reading = await net.chain.connect('0x00').beaconKeys();
    expect(reading?.eras).toHaveLength(2);
    const kept = net.running[2]?.eras.findEra(2, fromHex((reading?.eras[1]?.transcript ?? '0x').slice(2)));
    expect(kept?.shares.length).toBeGreaterThan(0);
  });

  it('tells a validator whose database is gone that it lacks shares nobody gives it again, until it has another box key', async () => {
    const net = await startNetwork();
    await net.pass(8_000);
    expect(net.nodes.map(({ lacking }) => lacking)).toEqual([0, 0, 0, 0, 0]);
    const lost = net.nodes[2]!;
    net.restart(2, { isDiskLost: true });
    // Nobody gives it its boxes again.
    for (const node of net.nodes) {
      node.lie = (message, to) => {
        const parsed = readKey(message);
        return to === 2 && parsed?.kind === 'deal' && parsed.era === 1 ? [] : [message];
      };
    }
    // In the first epochs of an era somebody may still have answers for it.
    const { firstEpoch } = (await net.chain.connect('0x00').beaconKeys())!.eras[0]!;
    await passUntil(net, net.startOf(firstEpoch + 8n) - 200);
    const early = [lost.lacking! > 0, lost.lacksForGood];
    await passUntil(net, net.startOf(firstEpoch + 8n) + 1_000);
    expect([early, [lost.lacking! > 0, lost.lacksForGood]]).toEqual([
      [true, false],
      [true, true],
    ]);
    await net.pass(30_000);
    // Its place and its box key are unchanged, so it gets no new deal.
    expect(lost.lacking).toBeGreaterThan(0);
    expect((await net.chain.connect('0x00').beaconKeys())?.eras).toHaveLength(1);
    lost.boxName = 'box anew';
    net.restart(2);
    await net.registerBox(lost);
    await net.pass(24_000);
    expect((await net.chain.connect('0x00').beaconKeys())?.eras).toHaveLength(2);
    expect(net.nodes.map(({ lacking }) => lacking)).toEqual([0, 0, 0, 0, 0]);
  });

  it('goes back to the bootstrap beacon after the last epoch that a quorum has set, and makes a new key', async () => {
    const net = await startNetwork();
    await net.pass(16_000);
    // Before it is over nobody can make another key.
    const lastEpoch = net.latestOf(0) + 1n;
    await retireKey(net, lastEpoch);
    await net.pass(26_000);
    const kinds = [lastEpoch, lastEpoch + 1n].map((epoch) => net.kindOf(0, epoch));
    expect(kinds).toEqual(['threshold', 'aggregate']);
    const latest = expectAgreement(net, [0, 1, 2, 3, 4]);
    const reading = await net.chain.connect('0x00').beaconKeys();
    expect(reading?.generations).toHaveLength(2);
    expect(latest).toBeGreaterThan(reading?.generations[1]?.firstEpoch as bigint);
    expect(net.kindOf(0, latest)).toBe('threshold');
  });

  it('makes the first epoch of a key by the bootstrap beacon, if a reorganisation takes back the key just before', async () => {
    const net = await startNetwork();
    const undo = net.chain.takeSnapshot();
    while ((await net.chain.connect('0x00').beaconKeys())?.generations.length === 0) await net.pass(100);
    const undone = await firstEpochOf(net);
    await passUntil(net, net.startOf(undone) - 100);
    undo();
    await net.pass(20_000);
    expect(await firstEpochOf(net)).toBeGreaterThan(undone);
    expect(expectAgreement(net, [0, 1, 2, 3, 4])).toBeGreaterThan(await firstEpochOf(net));
    expect(net.nodes.map(({ index }) => net.kindOf(index, undone))).toEqual(new Array(5).fill('aggregate'));
  });

  it('goes on with a key, if a reorganisation takes back its end just before the bootstrap beacon would continue', async () => {
    const net = await startNetwork();
    await net.pass(16_000);
    const undo = net.chain.takeSnapshot();
    const lastEpoch = net.latestOf(0) + 1n;
    await retireKey(net, lastEpoch);
    await passUntil(net, net.startOf(lastEpoch + 1n) - 100);
    undo();
    await net.pass(4_000);
    expect(expectAgreement(net, [0, 1, 2, 3, 4])).toBeGreaterThan(lastEpoch + 1n);
    expect(net.nodes.map(({ index }) => net.kindOf(index, lastEpoch + 1n))).toEqual(new Array(5).fill('threshold'));
  });

  it('takes no part in a bootstrap epoch that a key may have taken over, while it cannot read the chain', async () => {
    const net = await startNetwork();
    // No key is on the chain yet.
    await net.pass(1_500);
    net.chain.state.isDown = true;
    const before = net.latestOf(0);
    await net.pass(6_000);
    expect(net.latestOf(0)).toBeLessThanOrEqual(before + 2n);
    net.chain.state.isDown = false;
    await net.pass(16_000);
    expect(expectAgreement(net, [0, 1, 2, 3, 4])).toBeGreaterThan(await firstEpochOf(net));
  });

  it.each([
    ['before a key is made', 1_500],
    ['while one is made', 3_000],
    ['after it has taken over', 16_000],
  ])('goes by the chain’s time if all clocks are put minutes ahead of it %s', async (_, atMs) => {
    const net = await startNetwork();
    await net.pass(atMs);
    net.putAhead(300_000);
    let step = 0;
    await net.pass(40_000, () => {
      if (++step % 9 === 0) net.restart(step % 5);
    });
    const first = await firstEpochOf(net);
    const now = BigInt(Math.floor((net.clock.nowMs() - net.startOf(0n)) / PERIOD_MS));
    for (const index of [0, 1, 2, 3, 4]) expect(net.latestOf(index)).toBeGreaterThanOrEqual(now - 2n);
    for (let epoch = 1n; epoch <= now; epoch++) {
      const kinds = new Set([0, 1, 2, 3, 4].map((index) => net.kindOf(index, epoch)));
      // No validator has values of the skipped time that nobody requested.
      kinds.delete('none');
      expect([epoch, ...kinds]).toEqual(
        kinds.size === 0 ? [epoch] : [epoch, epoch < first ? 'aggregate' : 'threshold'],
      );
      const values = new Set([0, 1, 2, 3, 4].map((index) => net.valueOf(index, epoch) ?? 'none'));
      values.delete('none');
      expect([epoch, values.size]).toEqual([epoch, kinds.size]);
    }
  });

  it('begins again from its disk in the middle of a key generation, and contradicts nothing', async () => {
    const net = await startNetwork();
    let step = 0;
    await net.pass(20_000, () => {
      if (++step % 7 === 0) net.restart(step % 5);
    });
    const first = await firstEpochOf(net);
    expect(expectAgreement(net, [0, 1, 2, 3, 4])).toBeGreaterThan(first);
    const struck = net.running.map(({ eras }) => eras.listStruck().length);
    expect(struck).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('a liar below a third of the stake', () => {
  /** @param bend returns the first validator's messages in place of one of key generation. */
  async function play(bend: (message: KeyMessage, to: number) => readonly KeyMessage[]) {
    const net = await startNetwork();
    net.nodes[0]!.lie = (message, to) => {
      const parsed = readKey(message);
      return parsed === undefined ? [message] : bend(parsed, to).map((one) => keyMessageFormat.encode(one));
    };
    await net.pass(28_000);
    const first = await firstEpochOf(net);
    expect(expectAgreement(net, [1, 2, 3, 4])).toBeGreaterThan(first);
    return net;
  }

  it('that sends bad shares shows them to all, and delays nothing', async () => {
    await play((message) => [
      message.kind === 'deal' && message.box.length > 0
        ? { ...message, box: message.box.map((byte) => byte ^ 1) }
        : message,
    ]);
  });

  it('that shows shares to all but those who complain, and is killed with others below a quarter, stops nothing', async () => {
    const stakes = new Array<bigint>(9).fill(10n);
    const net = await startNetwork({ seed: 3 }, stakes);
    // Without them seven agree, with the liar. Seven tickets sign.
    const victims = [7, 8];
    net.nodes[0]!.lie = (message, to) => {
      const parsed = readKey(message);
      return victims.includes(to) && (parsed?.kind === 'deal' || parsed?.kind === 'answer') ? [] : [message];
    };
    await net.pass(16_000);
    const first = await firstEpochOf(net);
    const { transcript } = (await net.chain.connect('0x00').beaconKeys())!.eras[0]!;
    for (const index of victims) {
      const kept = net.running[index]!.eras.findEra(1, fromHex(transcript.slice(2)));
      expect(kept?.shares.length, `shares of ${index}`).toBeGreaterThan(0);
    }
    net.nodes[0]!.isOffline = true;
    for (const killed of [1, 7, 4, 8]) {
      net.nodes[killed]!.isOffline = true;
      const before = net.latestOf(2);
      await net.pass(3 * PERIOD_MS);
      expect(net.latestOf(2), `without ${killed}`).toBeGreaterThanOrEqual(before + 2n);
      net.nodes[killed]!.isOffline = false;
      net.restart(killed);
      await net.pass(PERIOD_MS);
    }
    expect(expectAgreement(net, [2, 3, 5, 6])).toBeGreaterThan(first + 8n);
  });

  it('that withholds its deal from some does not keep them from their shares', async () => {
    await play((message, to) => (message.kind === 'deal' && to > 2 ? [] : [message]));
  });

  it('that sends two deals is excluded by members that compare them', async () => {
    const net = await startNetwork();
    const [liar] = net.nodes as [ThresholdNetwork['nodes'][number]];
    const toDealer = (account: Uint8Array): string => toHex(account);
    liar.lie = (message, to) => {
      const parsed = readKey(message);
      if (parsed?.kind !== 'deal' || to < 3) return [message];
      const deal = dealFormat.decode(parsed.deal);
      if (toDealer(deal.dealer) !== toDealer(liar.signer.address)) return [message];
      // Its own key signs whatever it likes: the guard of an honest signer refuses a second deal.
      const bent = dealFormat.encode({ ...deal, ownBox: new Uint8Array(deal.ownBox.length) });
      const statement = { kind: 'deal', dealHash: crypto.sha256(bent) } as const;
      const signature = liar.key.signDigest(hashKeyStatement(crypto, net.domain, parsed, statement));
      return [keyMessageFormat.encode({ ...parsed, deal: bent, signature })];
    };
    await net.pass(28_000);
    const first = await firstEpochOf(net);
    expect(expectAgreement(net, [1, 2, 3, 4])).toBeGreaterThan(first);
    const struck = net.running.slice(1).map(({ eras }) => eras.listStruck().map(toDealer));
    expect(struck).toEqual(new Array(4).fill([toDealer(liar.signer.address)]));
  });

  it('that asks for parts of epochs ahead hears none', async () => {
    const net = await startNetwork();
    await net.pass(16_000);
    const [liar] = net.nodes as [ThresholdNetwork['nodes'][number]];
    liar.lie = (message) => {
      const parsed = readEpoch(message);
      if (parsed?.kind !== 'partials') return [message];
      const ahead = [1n, 2n, 3n, 10n].map((by) => ({ ...parsed, epoch: parsed.epoch + by }));
      return [message, ...ahead.map((one) => epochMessageFormat.encode(one)), ask(parsed.epoch + 1n)];
    };
    liar.heard.length = 0;
    await net.pass(8_000);
    const parts = liar.heard.flatMap(({ message, atMs }) => {
      const parsed = readEpoch(message);
      return parsed?.kind === 'partials' ? [{ epoch: parsed.epoch, isEarly: net.startOf(parsed.epoch) > atMs }] : [];
    });
    expect(parts.length).toBeGreaterThan(8);
    expect(parts.filter(({ isEarly }) => isEarly)).toEqual([]);
    expectAgreement(net, [1, 2, 3, 4]);
  });
});

const ask = (from: bigint): Uint8Array => epochMessageFormat.encode({ kind: 'request', from });
