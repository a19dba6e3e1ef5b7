import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { encodeFakeOutsider, fakeBls } from '@ogong/testing/protocol/fake-bls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/threshold-beacon.json' with { type: 'json' };
import { fromHex, ProtocolError, toHex } from '../../base/bytes.ts';
import type { Bls } from '../../crypto/bls.ts';
import { evaluatePolynomial } from '../../crypto/bls-scalar.ts';
import { nobleCrypto } from '../../crypto/noble.ts';
import { createNobleBls, nobleBls } from '../../crypto/noble-bls.ts';
import { SEALED_BOX_KEY_BYTES } from '../../crypto/sealed-box.ts';
import { type Committee, formCommittee, listTickets } from './members.ts';
import {
  createEpochCollector,
  keyOf,
  type Partials,
  partialsFormat,
  signPartials,
  type ThresholdGroup,
} from './partials.ts';
import {
  computeThresholdValue,
  encodeEpochMessage,
  thresholdCertificateFormat,
  verifyThresholdCertificate,
} from './threshold-value.ts';

const network = { chainId: BigInt(vectors.chainId), settlement: fromHex(vectors.settlement) };
const epoch = 9n;
const boxKey = new Uint8Array(SEALED_BOX_KEY_BYTES);

/** @param stakes one for each validator, whose address is its number. */
function createGroup(stakes: readonly bigint[], bls: Bls = fakeBls) {
  const members = stakes.map((stake, i) => {
    const address = new Uint8Array(20).fill(i + 1);
    return { address, signingKey: address, stake, boxKey };
  });
  const seats: Committee = formCommittee(nobleCrypto, network, members);
  const polynomial = Array.from({ length: seats.threshold }, (_, i) => BigInt(1_000 + 17 * i));
  const commitments = bls.decodeKeys(polynomial.map((one) => bls.deriveKey(one)))!;
  const group: ThresholdGroup = { generation: 2, era: 5, seats, commitments };
  const shareOf = (ticket: number) => ({ ticket, scalar: evaluatePolynomial(polynomial, ticket) });
  const sign = (seat: number, of = epoch): Partials => {
    const shares = listTickets(seats.seats[seat]!).map(shareOf);
    return signPartials(bls, network, { generation: 2, era: 5, epoch: of, shares });
  };
  const whole = bls.sign(polynomial[0]!, encodeEpochMessage(network, { generation: 2, epoch }));
  return { group, sign, whole, from: (seat: number) => seats.seats[seat]!.address };
}

const equal = [25n, 25n, 25n, 25n];

describe('partial signatures', () => {
  it('give one signature once a threshold has signed, for any signers', () => {
    for (const who of [
      [0, 1, 2],
      [3, 0, 2],
      [1, 2, 3],
    ]) {
      const { group, sign, whole, from } = createGroup(equal);
      const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
      for (const seat of who.slice(0, 2)) expect(collector.add(from(seat), sign(seat))).toBeUndefined();
      expect(collector.signature).toBeUndefined();
      collector.add(from(who[2]!), sign(who[2]!));
      expect(collector.signature).toEqual(whole);
      expect(fakeBls.verify(keyOf(group), encodeEpochMessage(network, { generation: 2, epoch }), whole)).toBe(true);
    }
  });

  it('of any set of validators with enough tickets give the same signature', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: 1_000n }), { minLength: 1, maxLength: 9 }),
        fc.infiniteStream(fc.nat()),
        (stakes, order) => {
          const { group, sign, whole, from } = createGroup(stakes);
          const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
          const keyed = stakes.map((_, seat) => ({ seat, key: order.next().value as number }));
          let tickets = 0;
          for (const { seat } of keyed.sort((a, b) => a.key - b.key)) {
            expect(collector.signature !== undefined).toBe(tickets >= group.seats.threshold);
            if (group.seats.seats[seat]!.tickets === 0) continue;
            collector.add(from(seat), sign(seat));
            tickets += group.seats.seats[seat]!.tickets;
          }
          expect(collector.signature).toEqual(whole);
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  });

  it('of a wrong share are found, and their sender is ignored from then on', () => {
    const { group, sign, whole, from } = createGroup(equal);
    const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
    const lie = {
      ...sign(1),
      partials: sign(1).partials.map((one) => ({ ...one, signature: sign(0).partials[0]!.signature })),
    };
    collector.add(from(0), sign(0));
    collector.add(from(1), lie);
    collector.add(from(2), sign(2));
    expect(collector.signature).toBeUndefined();
    expect(collector.liars).toEqual([from(1)]);
    expect(collector.add(from(1), sign(1))).toBe('bad-signature');
    collector.add(from(3), sign(3));
    expect(collector.signature).toEqual(whole);
  });

  it.each([
    ['outside the subgroup', encodeFakeOutsider(96)],
    ['no point at all', new Uint8Array(96)],
  ])('that are %s do not block a signature', (_, signature) => {
    const { group, sign, whole, from } = createGroup(equal);
    const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
    collector.add(from(1), { ...sign(1), partials: [{ ticket: sign(1).partials[0]!.ticket, signature }] });
    for (const seat of [0, 2, 3]) collector.add(from(seat), sign(seat));
    expect(collector.signature).toEqual(whole);
    expect(collector.liars).toEqual([from(1)]);
  });

  it('of another epoch, era or generation, of a stranger, and for tickets of others are refused', () => {
    const { group, sign, from } = createGroup(equal);
    const collector = createEpochCollector({ bls: fakeBls, network }, { group, epoch });
    expect(collector.add(from(0), sign(0, 10n))).toBe('other-group');
    expect(collector.add(from(0), { ...sign(0), era: 4 })).toBe('other-group');
    expect(collector.add(from(0), { ...sign(0), generation: 1 })).toBe('other-group');
    expect(collector.add(new Uint8Array(20), sign(0))).toBe('no-seat');
    expect(collector.add(from(1), sign(0))).toBe('foreign-ticket');
    expect(collector.add(from(0), sign(0))).toBeUndefined();
    expect(collector.add(from(0), sign(0))).toBe('known');
    // Parts that were signed for another epoch and relabelled.
    expect(collector.add(from(1), { ...sign(1, 10n), epoch })).toBeUndefined();
    collector.add(from(2), sign(2));
    expect(collector.liars).toEqual([from(1)]);
  });

  it('name a ticket once, in one order', () => {
    const { sign } = createGroup(equal);
    const one = sign(0).partials[0]!;
    expect(() => partialsFormat.encode({ ...sign(0), partials: [one, one] })).toThrow(ProtocolError);
    expect(() => partialsFormat.encode({ ...sign(0), partials: [] })).toThrow(ProtocolError);
    const part = fc.record({
      ticket: fc.integer({ min: 1, max: 1_000 }),
      signature: fc.uint8Array({ minLength: 96, maxLength: 96 }),
    });
    const any = fc.record({
      ...{ generation: fc.nat(), era: fc.nat(), epoch: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
      partials: fc
        .uniqueArray(part, { minLength: 1, maxLength: 3, selector: (item) => item.ticket })
        .map((list) => list.sort((a, b) => a.ticket - b.ticket)),
    });
    checkCodec(any, partialsFormat.encode, partialsFormat.decode);
  });
});

describe('a threshold epoch', () => {
  const generations = [
    { generation: 1, key: fromHex(vectors.commitments[0]!), firstEpoch: 70n, lastEpoch: 80n },
    { generation: 2, key: fromHex(vectors.commitments[1]!), firstEpoch: 81n },
  ];
  const certificate = thresholdCertificateFormat.decode(fromHex(vectors.certificate));
  const verify = (changed: object, known = generations, bls = nobleBls) =>
    verifyThresholdCertificate({ crypto: nobleCrypto, bls }, network, {
      certificate: { ...certificate, ...changed },
      generations: known,
    });

  it('is combined from the vectors, with the real curve', () => {
    const members = vectors.seats.members.map(({ boxKeyHash: _, ...one }) => ({
      ...{ address: fromHex(one.address), signingKey: fromHex(one.signingKey), stake: BigInt(one.stake), boxKey },
    }));
    const seats = formCommittee(nobleCrypto, network, members);
    const commitments = nobleBls.decodeKeys(vectors.commitments.map((one) => fromHex(one)))!;
    const group = { generation: vectors.generation, era: vectors.era, seats, commitments };
    const collector = createEpochCollector({ bls: nobleBls, network }, { group, epoch: BigInt(vectors.epoch) });
    for (const { address, partials } of vectors.sent) {
      collector.add(fromHex(address), partialsFormat.decode(fromHex(partials)));
    }
    expect(toHex(collector.signature!)).toBe(vectors.signature);
    expect(collector.liars).toEqual([]);
    const value = computeThresholdValue(nobleCrypto, network, { epoch: 77n, signature: collector.signature! });
    expect(toHex(value)).toBe(vectors.value);
    expect(toHex(verify({}).value!)).toBe(vectors.value);
  });

  it('has no other certificate', () => {
    const failed = (verdict: ReturnType<typeof verify>) =>
      verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    expect(failed(verify({ epoch: 78n }))).toEqual(['beacon-signature']);
    expect(failed(verify({ epoch: 81n }))).toEqual(['beacon-generation', 'beacon-signature']);
    expect(failed(verify({ epoch: 69n }))).toContain('beacon-generation');
    expect(failed(verify({ generation: 2 }))).toEqual(['beacon-generation', 'beacon-signature']);
    expect(failed(verify({ generation: 3 }))).toEqual(['beacon-generation']);
    expect(
      failed(
        verify(
          {},
          generations.map((one) => ({ ...one, key: generations[1]!.key })),
        ),
      ),
    ).toEqual(['beacon-signature']);
    expect(failed(verify({}, generations, createNobleBls('BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_')))).toEqual([
      'beacon-signature',
    ]);
    expect(verify({ epoch: 78n }).value).toBeUndefined();
  });

  it('has a value of its own on every network', () => {
    const other = { ...network, settlement: new Uint8Array(20) };
    expect(encodeEpochMessage(other, { generation: 1, epoch: 77n })).not.toEqual(fromHex(vectors.message));
    expect(toHex(encodeEpochMessage(network, { generation: 1, epoch: 77n }))).toBe(vectors.message);
  });

  it('parses no certificate of generation or epoch zero', () => {
    expect(() => thresholdCertificateFormat.encode({ ...certificate, generation: 0 })).toThrow(ProtocolError);
    expect(() => thresholdCertificateFormat.encode({ ...certificate, epoch: 0n })).toThrow(ProtocolError);
    expect(() => thresholdCertificateFormat.decode(fromHex(`${vectors.certificate}00`))).toThrow(ProtocolError);
  });
});

describe('committees', () => {
  const member = (n: number, stake: bigint) => ({
    address: new Uint8Array(20).fill(n),
    signingKey: new Uint8Array(20),
    stake,
    boxKey,
  });

  it('are hashed with all relevant fields', () => {
    const { hash } = formCommittee(nobleCrypto, network, [member(1, 5n), member(2, 6n)]);
    const others = [
      [member(1, 5n), member(2, 7n)],
      [member(1, 5n), { ...member(2, 6n), signingKey: new Uint8Array(20).fill(1) }],
      [member(1, 5n), { ...member(2, 6n), boxKey: new Uint8Array(SEALED_BOX_KEY_BYTES).fill(1) }],
      [member(1, 5n), member(3, 6n)],
      [member(1, 5n)],
    ].map((members) => formCommittee(nobleCrypto, network, members).hash);
    others.push(formCommittee(nobleCrypto, { ...network, chainId: 1n }, [member(1, 5n), member(2, 6n)]).hash);
    for (const other of others) expect(other).not.toEqual(hash);
    expect(formCommittee(nobleCrypto, network, [member(2, 6n), member(1, 5n)]).hash).toEqual(hash);
  });

  it('have the members with the most stake, and none without stake', () => {
    const many = Array.from({ length: 130 }, (_, i) => member(i + 1, BigInt(i)));
    const { seats } = formCommittee(nobleCrypto, network, many);
    expect(seats.map(({ address }) => address[0])).toEqual(Array.from({ length: 128 }, (_, i) => i + 3));
    expect(() => formCommittee(nobleCrypto, network, [member(1, 0n)])).toThrow(ProtocolError);
    expect(() => formCommittee(nobleCrypto, network, [member(1, 5n), member(1, 5n)])).toThrow(ProtocolError);
    expect(() => formCommittee(nobleCrypto, network, [{ ...member(1, 5n), boxKey: new Uint8Array(3) }])).toThrow(
      ProtocolError,
    );
  });
});
