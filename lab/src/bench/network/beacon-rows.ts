import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  areShares,
  checkDeal,
  computeShares,
  createDeal,
  createDealSecret,
  createPolynomials,
  dealFormat,
  type OwnPolynomials,
  openShares,
  sealShares,
} from '@ogong/protocol/beacon/threshold/key-deal';
import { combineDeals, combineShares } from '@ogong/protocol/beacon/threshold/key-outcome';
import { hashKeyStatement, type KeyPlan, subjectOf } from '@ogong/protocol/beacon/threshold/key-plan';
import type { CommitteeMember } from '@ogong/protocol/beacon/threshold/members';
import { createEpochCollector, keyOf, partialsFormat, signPartials } from '@ogong/protocol/beacon/threshold/partials';
import {
  thresholdCertificateFormat,
  verifyThresholdCertificate,
} from '@ogong/protocol/beacon/threshold/threshold-value';
import type { Bls } from '@ogong/protocol/crypto/bls';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { createEpochNetwork, createKnownGroup } from '@ogong/testing/protocol/epoch-network';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { fakeSealedBox } from '@ogong/testing/protocol/fake-sealed-box';
import { createKeyMembers, createKeyNetwork, type KeyMember, seatMembers } from '@ogong/testing/protocol/key-network';
import { rememberCrypto } from '@ogong/testing/protocol/remembered-crypto';
import { measureBusy } from '../busy-time.ts';
import { median, type Row } from '../row.ts';
import { measureAgreement } from './agreement-rows.ts';
import { measureHeads } from './head-rows.ts';

const NETWORK = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };
/** Validators of equal stake, so that each has one ticket. */
const SIZES = [4, 16, 64];
const PHASE_MS = 10_000;
const PERIOD_MS = 60_000;
/** Largest delay of a message in the simulated network; each has its own. */
const DELAY_MS = 100;
const EPOCHS = 20;

const membersOf = (count: number): KeyMember[] => createKeyMembers(new Array<bigint>(count).fill(100n));

/** Measures the cost of key generation and of each epoch after it. Crypto is real and timed on this machine; the network is simulated. */
export async function measureBeacon(onProgress: (what: string) => void = () => {}): Promise<Row[]> {
  const fast = await createFastBls();
  const rows: Row[] = [];
  for (const count of SIZES) {
    onProgress(`${count} validators`);
    rows.push(...(await measureKey(fast, count)), ...measureTraffic(count));
  }
  onProgress('epochs');
  rows.push(...(await measureEpoch(fast)), ...measureLateness(), ...measureAgreement(), ...(await measureHeads()));
  return rows;
}

interface Dealt {
  readonly seat: CommitteeMember;
  readonly deal: Uint8Array;
  readonly polynomials: OwnPolynomials;
}

function prepareDeal(bls: Bls, plan: KeyPlan, seat: CommitteeMember): Dealt {
  const seed = nodeCrypto.sha256(seat.address);
  const secret = createDealSecret(nodeCrypto, plan, { dealer: seat, seed, oldShares: [] }) as Uint8Array;
  const polynomials = createPolynomials(nodeCrypto, plan, { dealer: seat, secret });
  const deal = createDeal({ bls, crypto: nodeCrypto, box: nobleSealedBox }, plan, { dealer: seat, polynomials });
  return { seat, deal: dealFormat.encode(deal), polynomials };
}

async function measureKey(bls: Bls, count: number): Promise<Row[]> {
  const members = membersOf(count);
  const tools = { crypto: nodeCrypto, box: nobleSealedBox };
  const seats = seatMembers(tools, NETWORK, members);
  const plan: KeyPlan = {
    ...{ network: NETWORK, generation: 1, era: 1, attempt: 0, seats },
    ...{ startsAtMs: 0, phaseMs: PHASE_MS, resendMs: PHASE_MS },
  };
  const [receiver] = seats.seats as [CommitteeMember];
  const secret = members.find(({ signer }) => signer.address.every((byte, i) => byte === receiver.address[i]))
    ?.boxSecret as Uint8Array;
  const dealing = await measureBusy(undefined, () => {
    const own = prepareDeal(bls, plan, receiver);
    for (const one of seats.seats) {
      sealShares(tools, own.polynomials, { receiver: one, dealHash: nodeCrypto.sha256(own.deal) });
    }
  });
  const dealt = seats.seats.map((seat) => {
    const one = prepareDeal(bls, plan, seat);
    const dealHash = nodeCrypto.sha256(one.deal);
    const member = members.find(({ signer }) => signer.address.every((byte, i) => byte === seat.address[i]));
    const digest = hashKeyStatement(nodeCrypto, NETWORK, subjectOf(plan), { kind: 'deal', dealHash });
    const signature = member?.signer.signDigest(digest) as Uint8Array;
    return { ...one, dealHash, digest, signature, box: sealShares(tools, one.polynomials, { receiver, dealHash }) };
  });
  const checking = await measureBusy(undefined, () => {
    const checked = dealt.map(({ deal, digest, signature, seat, box, dealHash }) => {
      if (!nodeCrypto.verifyAddress(digest, signature, seat.signingKey)) throw new Error('a deal is not signed');
      const found = checkDeal(bls, plan, dealFormat.decode(deal));
      const shares = openShares(nobleSealedBox, box, { receiver, dealHash, secret });
      if (typeof found === 'string' || shares === undefined || !areShares(bls, found, { receiver, shares })) {
        throw new Error('a deal does not hold');
      }
      return { found, shares };
    });
    const deals = checked.map(({ found }) => found);
    const group = combineDeals(bls, plan, deals);
    const [share] = combineShares(plan, deals, { receiver, shares: checked.map(({ shares }) => shares) });
    const expected = dealt.reduce(
      (sum, { polynomials }) => sum + (computeShares(polynomials, receiver)[0] as bigint),
      0n,
    );
    if (group === undefined || share === undefined || expected === 0n) throw new Error('no key');
  });
  return [
    {
      id: `beacon-key-cpu-${count}`,
      what: `making a key among ${count} validators, CPU of each`,
      value: dealing.ms + checking.ms,
      unit: 'ms',
      aim: { at: 'most', value: count === 64 ? 2_000 : count === 16 ? 250 : 100 },
      why: 'one thread takes 0.16 ms for each commitment of each dealer (decoding and its step of the share check), and 4 ms for each box',
      next: 'open boxes by OpenSSL; one check of all shares by random weights, and single checks only if it fails; a worker',
      note: `threshold ${seats.threshold}; dealing and sealing ${dealing.ms.toFixed(0)}, checking all deals ${checking.ms.toFixed(0)}; points by mcl and blst, boxes by noble`,
    },
  ];
}

/** A whole key generation under a virtual clock. Points and boxes are fakes of the real sizes. */
function measureTraffic(count: number): Row[] {
  const primitives = { crypto: rememberCrypto(nodeCrypto), bls: fakeBls, box: fakeSealedBox };
  const random = createSeededRandom(count);
  const net = createKeyNetwork({ members: membersOf(count), network: NETWORK, primitives, random, phaseMs: PHASE_MS });
  const isDone = (): boolean => net.nodes.every(({ activatedMs }) => activatedMs !== undefined);
  if (!net.runUntil(isDone, 20 * PHASE_MS)) throw new Error('no key in time');
  const latest = Math.max(...net.nodes.map(({ activatedMs = 0 }) => activatedMs));
  const sent = median(net.nodes.map(({ sent: { bytes } }) => bytes));
  const messages = median(net.nodes.map((node) => node.sent.messages));
  return [
    {
      id: `beacon-key-bytes-${count}`,
      what: `making a key among ${count} validators, sent by each`,
      value: sent / 1024,
      unit: 'KiB',
      note: `median; ${messages} messages; done after ${(latest / PHASE_MS).toFixed(1)} phases`,
    },
  ];
}

async function measureEpoch(fast: Bls): Promise<Row[]> {
  const count = 64;
  const tools = { crypto: nodeCrypto, box: nobleSealedBox };
  const seats = seatMembers(tools, NETWORK, membersOf(count));
  const { group, sharesOf } = createKnownGroup(fast, seats);
  const generations = [{ generation: 1, key: keyOf(group), firstEpoch: 1n }];
  const [signing, combining, native, noble]: number[][] = [[], [], [], []];
  let bytes = 0;
  for (let epoch = 1n; epoch <= BigInt(EPOCHS); epoch++) {
    const sign = (at: number) => signPartials(fast, NETWORK, { generation: 1, era: 1, epoch, shares: sharesOf(at) });
    const signed = await measureBusy(undefined, () => seats.seats.map((_, at) => sign(at)));
    signing?.push(signed.ms / count);
    const parts = signed.result.map((partials, at) => ({
      from: (seats.seats[at] as CommitteeMember).address,
      partials,
    }));
    bytes = partialsFormat.encode(sign(0)).length;
    const collector = createEpochCollector({ bls: fast, network: NETWORK }, { group, epoch });
    const { ms } = await measureBusy(undefined, () => {
      for (const { from, partials } of parts) if (collector.signature === undefined) collector.add(from, partials);
    });
    combining?.push(ms);
    const certificate = { generation: 1, epoch, signature: collector.signature as Uint8Array };
    for (const [bls, list] of [
      [fast, native],
      [nobleBls, noble],
    ] as const) {
      const verify = () =>
        verifyThresholdCertificate({ crypto: nodeCrypto, bls }, NETWORK, { certificate, generations }).ok;
      const { result, ms: spent } = await measureBusy(undefined, verify);
      if (!result) throw new Error('a certificate does not hold');
      list?.push(spent);
    }
  }
  const size = thresholdCertificateFormat.encode({ generation: 1, epoch: 1n, signature: new Uint8Array(96) }).length;
  return [
    {
      id: 'beacon-sign',
      what: 'parts of an epoch for one ticket',
      value: median(signing ?? []),
      unit: 'ms',
      note: `${bytes} bytes to each other validator`,
    },
    {
      id: 'beacon-combine-64',
      what: 'combining the parts of an epoch, 64 validators',
      value: median(combining ?? []),
      unit: 'ms',
      note: `${seats.threshold} parts, one pairing`,
    },
    {
      id: 'beacon-verify',
      what: 'verifying the certificate of an epoch, in a daemon',
      value: median(native ?? []),
      unit: 'ms',
      aim: { at: 'most', value: 2 },
      note: `${size} bytes, whatever the number of validators`,
    },
    {
      id: 'beacon-verify-noble',
      what: 'verifying the certificate of an epoch, by the code that browsers run',
      value: median(noble ?? []),
      unit: 'ms',
      aim: { at: 'most', value: 50 },
      note: 'noble, measured in Node',
    },
  ];
}

/** From the begin of an epoch to its value, where some validators are away. */
function measureLateness(): Row[] {
  const primitives = { crypto: nodeCrypto, bls: fakeBls, box: fakeSealedBox };
  return SIZES.flatMap((count) => {
    const seats = seatMembers(primitives, NETWORK, membersOf(count));
    const most = seats.totalTickets - seats.threshold;
    return [...new Set([0, 1, most])].map((away): Row => {
      const random = createSeededRandom(away);
      const net = createEpochNetwork({
        ...{ network: NETWORK, primitives, seats, random, periodMs: PERIOD_MS, delayMs: DELAY_MS },
      });
      for (const node of net.nodes.slice(count - away)) node.machine = undefined;
      net.runUntil((EPOCHS + 1) * PERIOD_MS - 1);
      const late = net.nodes.slice(0, count - away).flatMap(({ certified }) => {
        if (certified.size < EPOCHS) throw new Error('an epoch has no value');
        return [...certified].map(([epoch, { atMs }]) => atMs - Number(epoch) * PERIOD_MS);
      });
      return {
        id: `beacon-late-${count}-${away}`,
        what: `begin of an epoch to its value, ${count} validators, ${away} away`,
        value: median(late),
        unit: 'ms',
        note: `virtual time: messages take up to ${DELAY_MS} ms, computing takes none; at most ${Math.max(...late).toFixed(0)}`,
      };
    });
  });
}
