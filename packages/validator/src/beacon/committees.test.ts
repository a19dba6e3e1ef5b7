import { bytesToHex } from '@ogong/chain/hex';
import { toHex } from '@ogong/protocol/base/bytes';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { createThresholdNetwork, PERIOD_MS, type ThresholdNetwork } from '@ogong/testing/validator/test-threshold';
import { describe, expect, it } from 'vitest';

/** No one has a quarter: any one of them may be away. */
const STAKES = [10n, 11n, 12n, 13n, 14n];

async function startNetwork() {
  const net = createThresholdNetwork(STAKES);
  for (const node of net.nodes) await net.registerBox(node);
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

const readKey = (message: Uint8Array): KeyMessage | undefined => {
  try {
    return keyMessageFormat.decode(message);
  } catch {
    return undefined;
  }
};

describe('seatings of an attempt', () => {
  /** Of five, one is away, and registers another box key at each look of an attempt; at these looks between the looks of the others. */
  async function startStraddled(straddled: readonly number[], { untilEpoch = Number.POSITIVE_INFINITY } = {}) {
    const net = await startNetwork();
    const liar = net.nodes[4]!;
    liar.isOffline = true;
    let older = liar.boxName;
    for (const at of [0, 1]) {
      net.nodes[at]!.olderBox = (account) =>
        account === bytesToHex(liar.signer.address) && older !== liar.boxName ? older : undefined;
    }
    let changes = 0;
    const change = (): void => {
      liar.boxName = `box ${++changes}`;
      void net.registerBox(liar);
    };
    const step = (): void => {
      const atMs = net.clock.nowMs() - net.startOf(0n);
      if (atMs >= untilEpoch * PERIOD_MS) {
        older = liar.boxName;
        return;
      }
      // An attempt is looked at every two phases. The first one of all is begun a little late, and left out here.
      const isFirst = atMs < 8 * PERIOD_MS;
      const look = isFirst ? -1 : [0, 1, 2, 3].find((one) => one * 1_000 === atMs % (8 * PERIOD_MS));
      if (look === undefined) return;
      change();
      older = liar.boxName;
      if (isFirst || straddled.includes(look)) change();
    };
    const countKeys = async () => (await net.chain.connect('0x00').beaconKeys())?.generations.length;
    return { net, step, countKeys };
  }

  it.each([
    ['no look', [], true],
    ['the last looks', [2, 3], true],
    ['all looks but the second', [0, 2, 3], true],
    // The newest seating and the one before it are both split when proposals begin.
    ['all looks but the first', [1, 2, 3], true],
    // Half of the others never begin with the committee with which the other half begins.
    ['all looks', [0, 1, 2, 3], false],
  ])(
    'makes a key although a validator registers another box key at each look, between the looks of the others at %s',
    async (_, straddled, isMade) => {
      const { net, step, countKeys } = await startStraddled(straddled);
      await net.pass(20_000, step);
      expect(await countKeys()).toBe(isMade ? 1 : 0);
      if (isMade) expectAgreement(net, [0, 1, 2, 3]);
    },
  );

  it('begins the next attempt by itself after one whose looks were all split, and makes a key in it', async () => {
    const { net, step, countKeys } = await startStraddled([0, 1, 2, 3], { untilEpoch: 16 });
    const next = net.startOf(16n);
    await net.pass(next - 100 - net.clock.nowMs(), step);
    expect(await countKeys()).toBe(0);
    // Four phases, a turn of each member to propose, and one of each to submit.
    await net.pass(100 + (4 + 2 * STAKES.length) * (PERIOD_MS / 2), step);
    expect(await countKeys()).toBe(1);
    expectAgreement(net, [0, 1, 2, 3]);
  });

  /**
   * The registry changes after the first check of the first attempt. Then all have begun with two committees, and
   * receive messages of the older one only.
   */
  async function startTwice(isHeard: (message: KeyMessage, atMs: number) => boolean) {
    const net = await startNetwork();
    const atMs = (): number => net.clock.nowMs() - net.startOf(0n);
    const liar = net.nodes[4]!;
    liar.isOffline = true;
    let older: string | undefined;
    /** Times of messages about the first era under the newer committee. */
    const newer: number[] = [];
    for (const node of net.nodes) {
      node.lie = (message) => {
        const parsed = readKey(message);
        if (parsed === undefined) return [message];
        older ??= toHex(parsed.set);
        const isOlder = parsed.attempt > 0 || toHex(parsed.set) === older;
        if (!isOlder && parsed.era === 1) newer.push(atMs());
        return isOlder && isHeard(parsed, atMs()) ? [message] : [];
      };
    }
    await net.pass(600);
    expect(older).toBeDefined();
    liar.boxName = 'box anew';
    await net.registerBox(liar);
    const generations = async () => (await net.chain.connect('0x00').beaconKeys())?.generations.length;
    return { net, generations, newer };
  }

  it('continues after a restart with a committee that the chain no longer shows, as the others do', async () => {
    const { net, generations } = await startTwice(() => true);
    await net.pass(1_000);
    net.restart(2);
    await net.pass(5_000);
    expect(await generations()).toBe(1);
    expectAgreement(net, [0, 1, 2, 3]);
  });

  it('sends no messages for a committee that lost, once the chain has the era', async () => {
    const { net, generations, newer } = await startTwice(() => true);
    await net.pass(1_000);
    // Nothing has to be made after the era then, so nothing takes the place of what lost.
    net.nodes[4]!.boxName = 'box 4';
    await net.registerBox(net.nodes[4]!);
    await net.pass(2_000);
    expect(newer.length).toBeGreaterThan(0);
    await net.pass(3_000);
    expect(await generations()).toBe(1);
    newer.length = 0;
    await net.pass(1_000);
    expect(newer).toEqual([]);
  });

  it('says nothing any more of an attempt that failed, once the chain has the era by the next one', async () => {
    const net = await startNetwork();
    let said = 0;
    for (const node of net.nodes) {
      node.lie = (message) => {
        const parsed = readKey(message);
        said += parsed?.attempt === 0 ? 1 : 0;
        return parsed?.attempt === 0 && parsed.kind === 'vote' ? [] : [message];
      };
    }
    await net.pass(14_000);
    expect((await net.chain.connect('0x00').beaconKeys())?.generations).toHaveLength(1);
    expect(said).toBeGreaterThan(0);
    said = 0;
    await net.pass(2_000);
    expect(said).toBe(0);
  });

  it('keeps the seating that agreed while the next attempt runs, and not the newest one', async () => {
    const isActivation = ({ kind }: KeyMessage): boolean => kind === 'activation' || kind === 'activated';
    const { net, generations } = await startTwice((message, atMs) =>
      message.attempt === 0 ? atMs > 9_500 || !isActivation(message) : message.kind !== 'vote',
    );
    await net.pass(8_500);
    expect(await generations()).toBe(0);
    await net.pass(5_000);
    expect(await generations()).toBe(1);
  });
});
