import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { fakeSealedBox } from '@ogong/testing/protocol/fake-sealed-box';
import {
  createKeyMembers,
  createKeyNetwork,
  type KeyNetwork,
  type KeyNetworkOptions,
  type Lie,
} from '@ogong/testing/protocol/key-network';
import { rememberCrypto } from '@ogong/testing/protocol/remembered-crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../base/bytes.ts';
import { createSeededRandom } from '../../base/seeded-random.ts';
import { nobleCrypto } from '../../crypto/noble.ts';
import { dealFormat } from './key-deal.ts';
import { type KeyMessage, keyEntryFormat } from './key-message.ts';
import { encodeActivation, hashOutcome, stateOutcome } from './key-outcome.ts';
import { findCommitteeMember } from './members.ts';
import { createEpochCollector, type KeyShare, keyOf, signPartials } from './partials.ts';

const network = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };
const primitives = { crypto: rememberCrypto(nobleCrypto), bls: fakeBls, box: fakeSealedBox };
const equal = (count: number): bigint[] => new Array<bigint>(count).fill(100n);

function create(stakes: readonly bigint[], options: Partial<KeyNetworkOptions> = {}): KeyNetwork {
  const members = createKeyMembers(stakes);
  return createKeyNetwork({ members, network, primitives, random: createSeededRandom(11), ...options });
}

/** Runs until all of them have activated shares. */
function expectKey(net: KeyNetwork, honest: readonly number[], untilMs = 40_000): void {
  const isDone = () =>
    honest.every((at) => net.nodes[at]!.activated !== undefined && net.nodes[at]!.agreed?.shares !== undefined);
  expect(net.runUntil(isDone, untilMs), 'a key in time').toBe(true);
  const keys = new Set(honest.map((at) => toHex(net.nodes[at]!.activated!.certified.outcome.key)));
  expect(keys.size, 'one key').toBe(1);
}

const dealersOf = (net: KeyNetwork, at: number): number[] =>
  net.nodes[at]!.activated!.certified.outcome.dealers.map(({ dealer }) => dealer);
/** The index of a node in the committee. */
const placeOf = (net: KeyNetwork, at: number): number => findCommitteeMember(net.seats, net.nodes[at]!.address);

function signEpoch(net: KeyNetwork, signers: readonly number[], epoch = 5n): Uint8Array | undefined {
  const group = net.nodes[signers[0]!]!.agreed!.group!;
  const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
  for (const at of signers) {
    const { agreed, address } = net.nodes[at]!;
    if (agreed!.shares!.length === 0) continue;
    const signed = signPartials(fakeBls, network, { generation: 1, era: group.era, epoch, shares: agreed!.shares! });
    collector.add(address, signed);
  }
  expect(collector.liars).toEqual([]);
  return collector.signature;
}

describe('key generation among honest validators', () => {
  it.each([1, 2, 3, 4, 7])('%i make a key, and any threshold of them signs with it', (count) => {
    const net = create(equal(count));
    const all = net.nodes.map(({ at }) => at);
    expectKey(net, all);
    const enough = net.seats.threshold;
    const signature = signEpoch(net, all.slice(0, enough));
    expect(signature).toBeDefined();
    expect(signEpoch(net, all.slice(-enough))).toEqual(signature);
    if (count > 1) expect(signEpoch(net, all.slice(0, enough - 1))).toBeUndefined();
    const { certified, activation } = net.nodes[0]!.activated!;
    const message = encodeActivation(hashOutcome(nobleCrypto, network, certified.outcome));
    expect(fakeBls.verify(certified.outcome.key, message, activation)).toBe(true);
    expect(dealersOf(net, 0)).toEqual(all);
  });

  it('with unequal stakes, some with several tickets', () => {
    const net = create([500n, 300n, 300n, 200n, 100n, 3n]);
    const all = net.nodes.map(({ at }) => at);
    expectKey(net, all);
    expect(signEpoch(net, all)).toBeDefined();
    expect(new Set(net.seats.seats.map(({ tickets }) => tickets)).size).toBeGreaterThan(1);
    expect(net.seats.seats.every(({ tickets }) => tickets > 0)).toBe(true);
  });

  it('ends with the first proposal', () => {
    const net = create(equal(4));
    expectKey(net, [0, 1, 2, 3]);
    expect(Math.max(...net.nodes.map(({ activatedMs }) => activatedMs!))).toBeLessThan(5_000);
  });

  it.each([0.05, 0.2])('with a share of %d of the messages lost', (loss) => {
    const net = create(equal(4), { loss });
    expectKey(net, [0, 1, 2, 3], 80_000);
    expect(signEpoch(net, [1, 2, 3])).toBeDefined();
  });

  it('does not depend on two validators that are away, out of seven', () => {
    const net = create(equal(7));
    for (const at of [2, 5]) net.nodes[at]!.machine = undefined;
    expectKey(net, [0, 1, 3, 4, 6]);
    expect(signEpoch(net, [0, 1, 3, 4, 6])).toBeDefined();
  });

  it('shows its deals again to peers that may lack one, and to the others one after another', () => {
    const net = create(equal(7));
    let seen = 0;
    for (const node of net.nodes) {
      node.lie = (message) => {
        seen += message.kind === 'seen' ? 1 : 0;
        return [message];
      };
    }
    const all = net.nodes.map(({ at }) => at);
    expectKey(net, all);
    // Once to each of six, then to one in each quarter of the three phases before proposals, and to one more.
    expect(seen).toBeLessThan(7 * (2 * 6 + 4 * 4));
  });

  it('reaches a validator that received no outcome, even if all have the same deals', () => {
    const net = create(equal(7));
    const isOutcome = ({ kind }: KeyMessage): boolean =>
      ['certified', 'activated', 'vote', 'activation'].includes(kind);
    for (const node of net.nodes) node.lie = (message, to) => (to === 3 && isOutcome(message) ? [] : [message]);
    expectKey(net, [0, 1, 2, 4, 5, 6]);
    expect(net.nodes[3]!.agreed).toBeUndefined();
    for (const node of net.nodes) node.lie = undefined;
    expectKey(net, [3]);
  });

  it('does not end while a third is away', () => {
    const net = create(equal(3));
    net.nodes[1]!.machine = undefined;
    expect(net.runUntil(() => net.nodes[0]!.agreed !== undefined, 30_000)).toBe(false);
  });
});

/** Changes the shares in a dealer's boxes for these receivers, so that the boxes do not open. */
const spoilBoxes =
  (receivers: readonly number[]): Lie =>
  (message, to) => {
    if (message.kind !== 'deal' || !receivers.includes(to) || message.box.length === 0) return [message];
    const box = message.box.slice();
    box[box.length - 1]! ^= 1;
    return [{ ...message, box }];
  };
const without =
  (...kinds: readonly KeyMessage['kind'][]): Lie =>
  (message) =>
    kinds.includes(message.kind) ? [] : [message];
const both =
  (...lies: readonly Lie[]): Lie =>
  (message, to, node) =>
    lies.reduce<readonly KeyMessage[]>((out, lie) => out.flatMap((one) => lie(one, to, node)), [message]);

describe.each([4, 7])('key generation with liars among %i', (count) => {
  const liars = count === 4 ? [1] : [1, 4];
  const honest = Array.from({ length: count }, (_, i) => i).filter((i) => !liars.includes(i));
  const lying = (lie: Lie, options: Partial<KeyNetworkOptions> = {}): KeyNetwork => {
    const net = create(equal(count), options);
    for (const at of liars) net.nodes[at]!.lie = lie;
    return net;
  };
  const places = (net: KeyNetwork): number[] => liars.map((at) => placeOf(net, at));

  it('bad shares are answered in the clear, and the dealer stays', () => {
    const net = lying(spoilBoxes([honest[0]!]));
    expectKey(net, honest);
    expect(dealersOf(net, honest[0]!)).toEqual(expect.arrayContaining(places(net)));
    expect(signEpoch(net, honest.slice(0, net.seats.threshold))).toBeDefined();
  });

  it('a dealer that does not answer a complaint is out', () => {
    const net = lying(both(spoilBoxes([honest[0]!]), without('answer')));
    expectKey(net, honest);
    for (const place of places(net)) expect(dealersOf(net, honest[0]!)).not.toContain(place);
  });

  it('a dealer that answers only some is out, or all have their shares', () => {
    const net = lying(
      both(spoilBoxes([honest[0]!]), (message, to) =>
        message.kind === 'answer' && to !== honest[1]! ? [] : [message],
      ),
    );
    expectKey(net, honest);
    expect(signEpoch(net, honest.slice(0, net.seats.threshold))).toBeDefined();
  });

  /** Less than a third of all, without the first proposer. Together with the liars they are too many to go without. */
  const victims = (net: KeyNetwork): number[] => honest.filter((at) => placeOf(net, at) !== 0).slice(0, liars.length);
  const isToVictim = (net: KeyNetwork, { kind }: KeyMessage, to: number): boolean =>
    kind === 'answer' && victims(net).includes(to);
  /** The liars give victims no shares, and show these to all other peers when the victims complain. */
  function answeringOthers(): KeyNetwork {
    const net = create(equal(count));
    const toOthers: Lie = (message, to) => (isToVictim(net, message, to) ? [] : [message]);
    for (const at of liars) net.nodes[at]!.lie = both(spoilBoxes(victims(net)), toOthers);
    return net;
  }

  it('a dealer that answers all but the complainers leaves no validator without shares', () => {
    const net = answeringOthers();
    expectKey(net, honest);
    // Its deals must count, or the test shows nothing.
    expect(dealersOf(net, honest[0]!)).toEqual(expect.arrayContaining(places(net)));
    // The liars sign no epoch.
    expect(signEpoch(net, honest)).toBeDefined();
  });

  it('a validator without an answer before the outcome gets its shares from others, after a restart too', () => {
    const net = answeringOthers();
    for (const at of honest) {
      net.nodes[at]!.lie = (message, to) => (net.now() < 9_000 && isToVictim(net, message, to) ? [] : [message]);
    }
    const [victim] = victims(net) as [number];
    expect(net.runUntil(() => net.nodes[victim]!.agreed !== undefined, 9_000)).toBe(true);
    expect(net.nodes[victim]!.agreed!.shares).toBeUndefined();
    for (const at of [victim, honest.find((one) => !victims(net).includes(one))!]) net.start(net.nodes[at]!);
    expectKey(net, honest);
    expect(signEpoch(net, honest)).toBeDefined();
  });

  it('other validators carry complaint and answer between a dealer and a receiver without a connection', () => {
    const net = lying(() => []);
    const [victim] = victims(net) as [number];
    for (const at of liars) net.nodes[at]!.lie = (message, to) => (to === victim ? [] : [message]);
    net.nodes[victim]!.lie = (message, to) => (liars.includes(to) ? [] : [message]);
    expectKey(net, honest);
    expect(dealersOf(net, victim)).toEqual(expect.arrayContaining(places(net)));
    net.start(net.nodes[victim]!);
    expectKey(net, honest);
  });

  it('no validator signs an outcome before complaints of the first phase count', () => {
    // A liar proposes first, and shows no answer to any peer.
    const spoiled = (net: KeyNetwork): Lie => both(spoilBoxes(victims(net)), without('answer'));
    const attempt = placeOf(create(equal(count)), liars[0]!);
    const before = create(equal(count), { attempt });
    let proposal: KeyMessage | undefined;
    before.nodes[liars[0]!]!.lie = (message) => {
      if (message.kind === 'proposal') proposal ??= message;
      return [message];
    };
    before.runUntil(() => proposal !== undefined, 10_000);
    const net = create(equal(count), { attempt });
    for (const at of liars) net.nodes[at]!.lie = spoiled(net);
    const { outcome } = proposal as KeyMessage & { kind: 'proposal' };
    const outcomeHash = hashOutcome(nobleCrypto, network, outcome);
    const statement = stateOutcome(nobleCrypto, outcome);
    // The plan starts at 1,000: three phases later.
    net.schedule(4_000, () => {
      for (const to of honest) net.inject(liars[0]!, to, proposal!);
    });
    for (const at of liars) {
      net.schedule(4_010, () => {
        const signature = net.signAs(at, statement);
        for (const to of honest) net.inject(at, to, { kind: 'vote', ...subjectOf(net), outcomeHash, signature });
      });
    }
    expectKey(net, honest);
    for (const place of places(net)) expect(dealersOf(net, honest[0]!)).not.toContain(place);
  });

  it('members that restart before proposals begin sign for no dealer that owes an answer', () => {
    const net = create(equal(count));
    for (const at of liars) net.nodes[at]!.lie = both(spoilBoxes(victims(net)), without('answer'));
    // Complaints of the first phase would count again only two phases later.
    net.schedule(4_900, () => {
      for (const at of honest) net.start(net.nodes[at]!);
    });
    expectKey(net, honest);
    for (const place of places(net)) expect(dealersOf(net, honest[0]!)).not.toContain(place);
  });

  it('a false complaint reveals the share of its own sender and has no other effect', () => {
    const net = lying((message) => [message]);
    net.schedule(2_100, () => {
      for (const at of liars) {
        for (const dealer of honest.map((one) => placeOf(net, one))) {
          const complainer = placeOf(net, at);
          const signature = net.signAs(at, { kind: 'complaint', dealer, complainer });
          // The message goes to one validator alone, which is not the dealer.
          const message: KeyMessage = { kind: 'complaint', ...subjectOf(net), dealer, complainer, signature };
          net.inject(at, honest.find((one) => placeOf(net, one) !== dealer)!, message);
        }
      }
    });
    expectKey(net, honest);
    expect(dealersOf(net, honest[0]!)).toEqual(expect.arrayContaining(honest.map((at) => placeOf(net, at))));
  });

  it('a complaint in the name of another is dropped, so no validator is forced to reveal a share', () => {
    const net = lying((message) => [message]);
    let answers = 0;
    for (const at of honest) {
      net.nodes[at]!.lie = (message) => {
        if (message.kind === 'answer') answers += 1;
        return [message];
      };
    }
    net.schedule(2_100, () => {
      const [dealer, complainer] = [placeOf(net, honest[0]!), placeOf(net, honest[1]!)];
      const signature = net.signAs(liars[0]!, { kind: 'complaint', dealer, complainer });
      net.inject(liars[0]!, honest[0]!, { kind: 'complaint', ...subjectOf(net), dealer, complainer, signature });
    });
    expectKey(net, honest);
    expect(answers).toBe(0);
  });

  it('two deals of one dealer put it out, with both as evidence', () => {
    const net = lying((message) => [message]);
    // The second machine deals other polynomials to half of the others.
    const other = create(equal(count), { random: createSeededRandom(99) });
    const second = new Map<number, KeyMessage[]>();
    for (const at of liars) {
      other.nodes[at]!.lie = (message, to) => {
        if (message.kind === 'deal') second.set(100 * at + to, [message]);
        return [message];
      };
      net.nodes[at]!.lie = (message, to) =>
        message.kind === 'deal' && message.box.length > 0 && to % 2 === 0
          ? (second.get(100 * at + to) ?? [])
          : [message];
    }
    other.runUntil(() => false, 1_500);
    expectKey(net, honest);
    for (const place of places(net)) expect(dealersOf(net, honest[0]!)).not.toContain(place);
    expect(honest.every((at) => net.nodes[at]!.struck.length >= liars.length)).toBe(true);
  });

  it('silent validators delay nothing beyond their turns', () => {
    const net = lying(() => []);
    expectKey(net, honest);
    expect(Math.max(...honest.map((at) => net.nodes[at]!.activatedMs!))).toBeLessThan(1_000 * (5 + liars.length));
  });

  it('garbage is dropped', () => {
    const random = createSeededRandom(5);
    const rubbish = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
    const net = lying((message) => {
      if (message.kind === 'deal') return [{ ...message, deal: rubbish(90), box: rubbish(50) }];
      if (message.kind === 'seen') return [{ ...message, deals: [{ dealer: 60_000, dealHash: rubbish(32) }] }];
      if (message.kind === 'vote') return [{ ...message, signature: rubbish(65) }];
      if (message.kind === 'activation')
        return [{ ...message, partials: [{ ticket: 65_000, signature: rubbish(96) }] }];
      if (message.kind === 'proposal') {
        return [{ ...message, outcome: { ...message.outcome, dealers: [{ dealer: 9_999, dealHash: rubbish(32) }] } }];
      }
      return [message];
    });
    expectKey(net, honest);
    expect(signEpoch(net, honest.slice(0, net.seats.threshold))).toBeDefined();
  });

  it('wrong parts of the activation are found', () => {
    const net = lying((message) =>
      message.kind === 'activation'
        ? [
            {
              ...message,
              partials: message.partials.map((one) => ({ ...one, signature: fakeBls.sign(3n, Uint8Array.of(1)) })),
            },
          ]
        : [message],
    );
    expectKey(net, honest);
  });

  it('a peer that repeats a request gets one answer per pause, also once there is a key', () => {
    const net = lying((message) => [message]);
    expectKey(net, honest);
    const [at, liar] = [honest[0]!, liars[0]!];
    const node = net.nodes[at]!;
    const { address } = net.nodes[liar]!;
    const ask = (message: KeyMessage, nowMs: number): string[] =>
      node
        .machine!.receive(address, message, nowMs)
        .flatMap((action) => (action.kind === 'send' ? [action.message.kind] : []));
    const want: KeyMessage = { kind: 'want', ...subjectOf(net), dealer: placeOf(net, at) };
    const seen: KeyMessage = {
      ...{ kind: 'seen', ...subjectOf(net) },
      deals: Array.from({ length: count }, (_, dealer) => ({ dealer, dealHash: new Uint8Array(32) })),
    };
    const start = net.now() + 1_000;
    for (let i = 0; i < 20; i++) expect(ask(want, start)).toEqual(i === 0 ? ['deal', 'activated'] : []);
    // It stores the answer about another validator's shares.
    const other = net.nodes[honest[1]!]!;
    const complaints = [at, other.at].map((one): KeyMessage => {
      const about = { dealer: placeOf(net, one), complainer: placeOf(net, liar) };
      return {
        ...{ kind: 'complaint', ...subjectOf(net), ...about },
        signature: net.signAs(liar, { kind: 'complaint', ...about }),
      };
    });
    for (const complaint of complaints) ask(complaint, start);
    for (const action of other.machine!.receive(address, complaints[1]!, start)) {
      if (action.kind === 'send' && action.message.kind === 'answer')
        node.machine!.receive(other.address, action.message, start);
    }
    const [about, aboutOther] = complaints as [KeyMessage, KeyMessage];
    for (let i = 0; i < 20; i++) expect(ask(about, start)).toEqual(i === 0 ? ['deal', 'answer'] : []);
    for (let i = 0; i < 20; i++) expect(ask(aboutOther, start)).toEqual(i === 0 ? ['answer'] : []);
    const shown = ask(seen, start);
    expect(shown).toEqual(new Array(shown.length).fill('deal'));
    expect(shown.length).toBeGreaterThanOrEqual(net.seats.threshold);
    for (let i = 0; i < 20; i++) expect(ask(seen, start)).toEqual([]);
    expect(ask(want, start + 125)).toEqual(['deal', 'activated']);
  });

  it('a peer that sends invalid messages of any kind costs one check per pause', () => {
    let checks = 0;
    const verifyAddress: typeof nobleCrypto.verifyAddress = (...claim) => {
      checks += 1;
      return primitives.crypto.verifyAddress(...claim);
    };
    const crypto = { ...primitives.crypto, verifyAddress };
    const net = lying((message) => [message], { primitives: { ...primitives, crypto } });
    const [at, liar] = [honest[0]!, liars[0]!];
    net.runUntil(() => net.nodes[at]!.entries.length > 3, 40_000);
    const receive = (message: KeyMessage, atMs: number): number => {
      const before = checks;
      net.nodes[at]!.machine!.receive(net.nodes[liar]!.address, message, atMs);
      return checks - before;
    };
    const of = subjectOf(net);
    const signature = net.signAs(liar, { kind: 'complaint', dealer: 0, complainer: 0 });
    const complaint = (dealer: number): KeyMessage => ({
      ...{ kind: 'complaint', ...of, dealer, complainer: placeOf(net, at), signature },
    });
    const wrong = honest.map((to) => complaint(placeOf(net, to)));
    const start = net.now() + 500;
    expect(wrong.map((message) => receive(message, start))).toEqual(wrong.map((_, i) => (i === 0 ? 1 : 0)));
    // First a deal that does not parse, then messages that would be checked.
    const dealt: KeyMessage = { kind: 'deal', ...of, deal: new Uint8Array(90), signature, box: new Uint8Array(0) };
    expect([dealt, ...wrong].map((message) => receive(message, start + 125))).toEqual([0, ...wrong.map(() => 0)]);
    expect(receive(wrong[0]!, start + 250)).toBe(1);
    expectKey(net, honest);
  });

  it('a peer with invalid proposals gets one answer, and one computation, per pause', () => {
    let sums = 0;
    const combineKeys: typeof fakeBls.combineKeys = (...lists) => {
      sums += 1;
      return fakeBls.combineKeys(...lists);
    };
    const attempt = placeOf(create(equal(count)), liars[0]!);
    const bls = { ...fakeBls, combineKeys };
    const net = lying((message) => [message], { attempt, primitives: { ...primitives, bls } });
    const [at, liar] = [honest[0]!, liars[0]!];
    let proposed: (KeyMessage & { kind: 'proposal' }) | undefined;
    net.nodes[liar]!.lie = (message) => {
      if (message.kind !== 'proposal') return [message];
      proposed ??= message;
      return [];
    };
    expect(net.runUntil(() => proposed !== undefined, 10_000)).toBe(true);
    const receive = (outcome: Partial<typeof message.outcome>, atMs: number) => {
      const before = sums;
      const proposal = { ...message, outcome: { ...message.outcome, ...outcome } };
      const actions = net.nodes[at]!.machine!.receive(net.nodes[liar]!.address, proposal, atMs);
      return [actions.filter(({ kind }) => kind === 'send').length, sums - before];
    };
    const message = proposed!;
    const others = { dealers: message.outcome.dealers.map((one) => ({ ...one, dealHash: new Uint8Array(32) })) };
    const start = net.now() + 10;
    const objections = message.outcome.dealers.length;
    for (let i = 0; i < 20; i++) expect(receive(others, start)).toEqual([i === 0 ? objections : 0, 0]);
    expect(receive(others, start + 125)).toEqual([objections, 0]);
    for (let i = 0; i < 20; i++) {
      expect(receive({ key: fakeBls.deriveKey(5n) }, start + 130)).toEqual([0, i === 0 ? 1 : 0]);
    }
    expect(receive({ key: fakeBls.deriveKey(5n) }, start + 255)).toEqual([0, 1]);
    expectKey(net, honest);
  });

  it('a proposal with another key, or without enough dealers, is not signed', () => {
    const net = lying((message) => {
      if (message.kind !== 'proposal') return [message];
      return [
        { ...message, outcome: { ...message.outcome, key: fakeBls.deriveKey(5n) } },
        { ...message, outcome: { ...message.outcome, dealers: message.outcome.dealers.slice(0, 1) } },
      ];
    });
    expectKey(net, honest);
  });

  it('a rogue key without proof of possession is no deal', () => {
    // The liar waits for the others. Then it commits to a value that makes the sum a key of its own choice.
    const net = lying((message) => {
      if (message.kind !== 'deal' || message.box.length === 0) return [message];
      const parsed = dealFormat.decode(message.deal);
      const rows = parsed.rows.map((row) => ({
        ...row,
        commitments: [fakeBls.deriveKey(12_345n), ...row.commitments.slice(1)],
      }));
      const deal = dealFormat.encode({ ...parsed, rows });
      const at = net.nodes.findIndex(({ address }) => toHex(address) === toHex(parsed.dealer));
      const signature = net.signAs(at, { kind: 'deal', dealHash: nobleCrypto.sha256(deal) });
      return [{ ...message, deal, signature }];
    });
    expectKey(net, honest);
    for (const place of places(net)) expect(dealersOf(net, honest[0]!)).not.toContain(place);
  });
});

function subjectOf(net: KeyNetwork) {
  const { generation, era, attempt, seats } = net.plan;
  return { generation, era, attempt, set: seats.hash };
}

describe('restarts during key generation', () => {
  it('a crash after any action changes nothing: messages are repeated byte by byte', () => {
    const clean = create(equal(4));
    expectKey(clean, [0, 1, 2, 3]);
    const seen = new Map<string, Set<string>>();
    for (let crashAfter = 0; crashAfter < 60; crashAfter++) {
      const net = create(equal(4));
      const node = net.nodes[2]!;
      node.crashAfter = crashAfter;
      const deals = new Set<string>();
      node.lie = (message) => {
        if (message.kind === 'deal' && message.box.length > 0) deals.add(toHex(nobleCrypto.sha256(message.deal)));
        return [message];
      };
      net.schedule(1_100 + 45 * crashAfter, () => {
        if (node.machine === undefined) net.start(node);
        else node.crashAfter = undefined;
      });
      expectKey(net, [0, 1, 2, 3], 60_000);
      expect(
        net.nodes.flatMap(({ struck }) => struck),
        `crash after ${crashAfter}`,
      ).toEqual([]);
      seen.set(String(crashAfter), deals);
    }
    expect([...seen.values()].every((deals) => deals.size === 1)).toBe(true);
  });

  it('with a lost disk, the dealers send again, and it deals nothing new', () => {
    const net = create(equal(4));
    const node = net.nodes[2]!;
    net.schedule(1_600, () => {
      node.entries = [];
      net.start(node);
    });
    expectKey(net, [0, 1, 2, 3]);
    expect(net.nodes.flatMap(({ struck }) => struck)).toEqual([]);
    expect(signEpoch(net, [2, 3, 0])).toBeDefined();
  });

  it('with a disk lost after the outcome, it gets its shares without revealing them', () => {
    const net = create(equal(4));
    let answers = 0;
    for (const one of net.nodes) {
      one.lie = (message) => {
        if (message.kind === 'answer') answers += 1;
        return [message];
      };
    }
    expectKey(net, [0, 1, 2, 3]);
    const node = net.nodes[2]!;
    Object.assign(node, { entries: [], agreed: undefined, activated: undefined });
    net.start(node);
    expectKey(net, [0, 1, 2, 3]);
    expect(answers).toBe(0);
    expect(signEpoch(net, [2, 3, 0])).toEqual(signEpoch(net, [0, 1, 3]));
  });

  it.each([1, 2])(
    'with a disk lost after the outcome, it accepts the agreed deals, even if a dealer shows it %i others first',
    (count) => {
      const net = create(equal(4));
      expectKey(net, [0, 1, 2, 3]);
      const [victim, liar] = [net.nodes[2]!, net.nodes[3]!];
      for (let seed = 0; seed < count; seed++) {
        const other = create(equal(4), { random: createSeededRandom(90 + seed) });
        other.nodes[liar.at]!.lie = (message, to) => {
          if (message.kind === 'deal' && to === victim.at) net.inject(liar.at, victim.at, message);
          return [message];
        };
        other.runUntil(() => false, 1_500);
      }
      // No other peer is received before.
      const { at: from } = liar;
      const silentUntil = net.now() + 100;
      for (const one of net.nodes) one.lie = (message) => (net.now() < silentUntil && one.at !== from ? [] : [message]);
      Object.assign(victim, { entries: [], agreed: undefined, activated: undefined });
      net.start(victim);
      expectKey(net, [0, 1, 2, 3], 60_000);
      // Its shares match the commitments of the group.
      expect(signEpoch(net, [2, 0, 1])).toEqual(signEpoch(net, [0, 1, 3]));
    },
  );

  it('stores no more than it needs, for any messages', () => {
    const net = create(equal(4));
    expectKey(net, [0, 1, 2, 3]);
    const kinds = net.nodes[0]!.entries.map((entry) => keyEntryFormat.decode(entry).kind);
    expect(kinds.length).toBeLessThan(16);
    expect(kinds.filter((kind) => kind === 'secret')).toHaveLength(1);
  });
});

describe('resharing', () => {
  function reshare(stakes: readonly bigint[], options: Partial<KeyNetworkOptions> = {}, before = equal(4)) {
    const first = create(before);
    const all = first.nodes.map(({ at }) => at);
    expectKey(first, all);
    const shares = new Map<string, readonly KeyShare[]>(
      first.nodes.map(({ address, agreed }) => [toHex(address), agreed!.shares!]),
    );
    const previous = { group: first.nodes[0]!.agreed!.group!, shares };
    return { first, net: create(stakes, { era: 2, previous, random: createSeededRandom(21), ...options }), all };
  }

  it('keeps the key, and both eras give the same signature', () => {
    const { first, net, all } = reshare(equal(4));
    expectKey(net, all);
    expect(net.nodes[0]!.activated!.certified.outcome.key).toEqual(keyOf(first.nodes[0]!.agreed!.group!));
    expect(signEpoch(net, [0, 1, 2])).toEqual(signEpoch(first, [1, 2, 3]));
    expect(net.nodes[0]!.agreed!.shares).not.toEqual(first.nodes[0]!.agreed!.shares);
  });

  it('moves it to other validators, with other stakes and another threshold', () => {
    // The first leaves, two join.
    const { first, net } = reshare([0n, 100n, 100n, 300n, 100n, 100n]);
    expect(net.seats.threshold).not.toBe(first.seats.threshold);
    expectKey(net, [1, 2, 3, 4, 5]);
    expect(signEpoch(net, [1, 2, 3, 4, 5])).toEqual(signEpoch(first, [0, 1, 2]));
  });

  it('works with an old threshold of dealers, and a liar among them', () => {
    const { first, net } = reshare(equal(4));
    net.nodes[1]!.lie = () => [];
    expectKey(net, [0, 2, 3]);
    expect(signEpoch(net, [0, 2, 3])).toEqual(signEpoch(first, [0, 1, 2]));
    expect(dealersOf(net, 0)).not.toContain(placeOf(net, 1));
  });

  it('leaves no validator without shares if a dealer shows them to all but the complainer', () => {
    const { first, net } = reshare(equal(4));
    const victim = [0, 2, 3].find((at) => placeOf(net, at) !== 0)!;
    net.nodes[1]!.lie = both(spoilBoxes([victim]), (message, to) =>
      message.kind === 'answer' && to === victim ? [] : [message],
    );
    expectKey(net, [0, 2, 3]);
    expect(dealersOf(net, 0)).toContain(placeOf(net, 1));
    expect(signEpoch(net, [0, 2, 3])).toEqual(signEpoch(first, [0, 1, 2]));
  });

  it('accepts only the share of the ticket', () => {
    const { first, net } = reshare(equal(4), {});
    const shares = new Map(first.nodes.map(({ address, agreed }) => [toHex(address), agreed!.shares!]));
    const liar = net.nodes[1]!;
    const forged = shares.get(toHex(liar.address))!.map((share) => ({ ...share, scalar: share.scalar + 1n }));
    const lied = create(equal(4), {
      ...{ era: 2, random: createSeededRandom(21) },
      previous: { group: first.nodes[0]!.agreed!.group!, shares: new Map([...shares, [toHex(liar.address), forged]]) },
    });
    expectKey(lied, [0, 2, 3]);
    expect(dealersOf(lied, 0)).not.toContain(placeOf(lied, 1));
    expect(signEpoch(lied, [0, 2, 3])).toEqual(signEpoch(first, [0, 1, 2]));
  });

  it('does not mix shares of two eras', () => {
    const { first, net, all } = reshare(equal(4));
    expectKey(net, all);
    const group = net.nodes[0]!.agreed!.group!;
    const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch: 5n });
    const sign = (from: KeyNetwork, at: number) =>
      signPartials(fakeBls, network, {
        generation: 1,
        era: group.era,
        epoch: 5n,
        shares: from.nodes[at]!.agreed!.shares!,
      });
    collector.add(net.nodes[0]!.address, sign(net, 0));
    collector.add(net.nodes[1]!.address, sign(net, 1));
    collector.add(net.nodes[2]!.address, sign(first, 2));
    expect(collector.signature).toBeUndefined();
    expect(collector.liars).toEqual([net.nodes[2]!.address]);
  });
});

describe('a dealer that was struck before', () => {
  it('does not count in the next attempt', () => {
    const net = create(equal(4), { attempt: 1, struck: [createKeyMembers(equal(4))[1]!.signer.address] });
    expectKey(net, [0, 1, 2, 3]);
    expect(dealersOf(net, 0)).not.toContain(placeOf(net, 1));
  });
});
