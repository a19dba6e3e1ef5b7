import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/beacon.json' with { type: 'json' };
import { compareBytes, concatBytes, fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto } from '../crypto/noble.ts';
import { isQuorum, type QuorumMember, verifyQuorum } from '../crypto/quorum.ts';
import { computeVrfOutput, computeVrfPublicKey, proveVrf } from '../crypto/vrf.ts';
import {
  type BeaconCertificate,
  computeBeaconValue,
  computeGenesisBeacon,
  encodeBeaconCertificate,
  encodeVrfInput,
  hashBeaconVote,
  parseBeaconCertificate,
  verifyBeaconCertificate,
  verifyContributions,
} from './beacon.ts';
import { type BeaconMessage, encodeBeaconMessage, parseBeaconMessage } from './beacon-message.ts';
import { hashValidatorSet, sortMembers } from './validator-set.ts';

const network = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };
const previous = computeGenesisBeacon(nobleCrypto, network);
const members = [1, 2, 3, 4]
  .map((seed) => ({
    address: createNobleLedgerSigner(new Uint8Array(32).fill(seed)).address,
    signer: createNobleLedgerSigner(new Uint8Array(32).fill(0x10 + seed)),
    secret: new Uint8Array(32).fill(seed),
  }))
  .sort((a, b) => compareBytes(a.address, b.address));
const validators: QuorumMember[] = members.map(({ address, signer, secret }, index) => ({
  address,
  signingKey: signer.address,
  stake: 100n,
  certHash: new Uint8Array(32).fill(index),
  vrfKey: computeVrfPublicKey(secret),
  endpoint: `127.0.0.1:${4500 + index}`,
}));

const set = hashValidatorSet(nobleCrypto, network, validators);
const next = hashValidatorSet(nobleCrypto, network, validators.slice(1));

function certify(by: readonly number[], signedBy: readonly number[] = by): BeaconCertificate {
  const contributions = by.map((i) => {
    const validator = members[i]!.address;
    const input = encodeVrfInput(network, { epoch: 1n, previous, set, validator });
    return { validator, proof: proveVrf(members[i]!.secret, input) };
  });
  const outputs = contributions.map(({ validator, proof }) => ({ validator, output: computeVrfOutput(proof)! }));
  const value = computeBeaconValue(nobleCrypto, network, { epoch: 1n, previous, outputs });
  const statement = { epoch: 1n, view: 0, previous, value, set, following: set, next, block: 17n };
  const digest = hashBeaconVote(nobleCrypto, network, 'commit', statement);
  const signatures = signedBy.map((i) => ({
    signer: members[i]!.address,
    signature: members[i]!.signer.signDigest(digest),
  }));
  return { ...statement, contributions, signatures };
}

const certificate = certify([0, 1, 3]);
const failed = (broken: BeaconCertificate, before: Uint8Array | undefined = previous): string[] =>
  verifyBeaconCertificate(nobleCrypto, network, { certificate: broken, previous: before, validators })
    .checks.filter((check) => check.status === 'fail')
    .map((check) => check.id);

describe('beacon certificate', () => {
  it('matches the vector', () => {
    expect(toHex(previous)).toBe(vectors.genesis);
    expect(toHex(certificate.value)).toBe(vectors.value);
    expect(toHex(hashBeaconVote(nobleCrypto, network, 'commit', certificate))).toBe(vectors.commitDigest);
    expect(toHex(encodeBeaconCertificate(certificate))).toBe(vectors.certificate);
  });

  it('verifies, and skips the checks that it cannot make', () => {
    expect(failed(certificate)).toEqual([]);
    const blind = verifyBeaconCertificate(nobleCrypto, network, { certificate, validators });
    expect(blind.ok).toBe(true);
    expect(blind.checks[0]).toMatchObject({ id: 'beacon-chain', status: 'skip' });
  });

  it('refuses the proof of a validator that copied a key and its proof', () => {
    const [own, theirs] = [members[0]!, members[1]!];
    const copied = validators.map((one, i) => (i === 0 ? { ...one, vrfKey: validators[1]!.vrfKey } : one));
    const lie = (proof: Uint8Array) => {
      const contributions = certificate.contributions.map((one, i) => (i === 0 ? { ...one, proof } : one));
      return verifyContributions(nobleCrypto, network, { epoch: 1n, previous, set, contributions, validators: copied });
    };
    expect(lie(certificate.contributions[1]!.proof).checks).toMatchObject([
      { id: 'beacon-contributions', status: 'fail' },
    ]);
    // Only the owner of the key could make this proof; it names the copier.
    const input = encodeVrfInput(network, { epoch: 1n, previous, set, validator: own.address });
    const { value } = lie(proveVrf(theirs.secret, input));
    expect(value).toBeDefined();
    expect(value).not.toEqual(certificate.value);
  });

  it('counts the signatures of the validators that a reader knows if it does not know the set', () => {
    const read = (known: readonly QuorumMember[]) => {
      const { ok, checks } = verifyBeaconCertificate(nobleCrypto, network, {
        certificate,
        previous,
        validators: known,
      });
      return [ok, ...checks.filter(({ status }) => status !== 'pass').map(({ id }) => id)];
    };
    expect(read(validators)).toEqual([true]);
    const [first, second, third, fourth] = validators as [QuorumMember, QuorumMember, QuorumMember, QuorumMember];
    // The third, which did not sign, has left; another validator has bonded more.
    expect(read([first, second, { ...fourth, stake: 101n }])).toEqual([true, 'beacon-set', 'beacon-contributions']);
    expect(read([first, second, third])).toEqual([false, 'beacon-set', 'beacon-contributions', 'beacon-quorum']);
  });

  it('fails one check per lie', () => {
    expect(failed(certificate, new Uint8Array(32))).toEqual(['beacon-chain']);
    expect(failed(certify([0, 1], [0, 1, 2]))).toEqual(['beacon-contributors']);
    expect(failed(certify([0, 1, 2], [0, 1]))).toEqual(['beacon-quorum']);
    expect(failed({ ...certificate, value: new Uint8Array(32) })).toEqual(['beacon-value', 'beacon-quorum']);
    expect(failed({ ...certificate, view: 1 })).toEqual(['beacon-quorum']);
    const [first, second, third] = certificate.contributions;
    const swapped = { validator: first!.validator, proof: second!.proof };
    expect(failed({ ...certificate, contributions: [swapped, second!, third!] })).toEqual(['beacon-contributions']);
    expect(failed({ ...certificate, contributions: [first!, first!, third!] })).toEqual(['beacon-contributions']);
    const stranger = { validator: new Uint8Array(20).fill(0xff), proof: first!.proof };
    expect(failed({ ...certificate, contributions: [first!, second!, stranger] })).toEqual(['beacon-contributions']);
  });

  it('does not accept a prepare vote as a commit vote, nor one chain for another', () => {
    const statement = { ...certificate };
    const commit = hashBeaconVote(nobleCrypto, network, 'commit', statement);
    expect(hashBeaconVote(nobleCrypto, network, 'prepare', statement)).not.toEqual(commit);
    expect(hashBeaconVote(nobleCrypto, { ...network, chainId: 1n }, 'commit', statement)).not.toEqual(commit);
  });

  it('round-trips, and refuses truncation, trailing bytes and unsorted lists', () => {
    const bytes = encodeBeaconCertificate(certificate);
    expect(parseBeaconCertificate(bytes)).toEqual(certificate);
    expect(() => parseBeaconCertificate(concatBytes(bytes, Uint8Array.of(0)))).toThrow(ProtocolError);
    for (let length = 0; length < bytes.length; length += 17) {
      expect(() => parseBeaconCertificate(bytes.subarray(0, length))).toThrow(ProtocolError);
    }
    const unsorted = { ...certificate, signatures: [...certificate.signatures].reverse() };
    expect(() => encodeBeaconCertificate(unsorted)).toThrow(ProtocolError);
    const zero = bytes.slice();
    zero.fill(0, 28, 36);
    expect(() => parseBeaconCertificate(zero)).toThrow(ProtocolError);
  });
});

describe('beacon messages', () => {
  const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const view = fc.nat(2 ** 32 - 1);
  const optional = fc.constantFrom(undefined, certificate);
  const anyMessage: fc.Arbitrary<BeaconMessage> = fc.oneof(
    fc.record({
      kind: fc.constant('view' as const),
      epoch: fc.bigInt(0n, 9n),
      view,
      previous: fixed(32),
      set: fixed(32),
    }),
    fc.record({
      kind: fc.constant('contribution' as const),
      epoch: fc.constant(1n),
      view,
      proof: fixed(80),
      lock: optional,
    }),
    fc.record({
      kind: fc.constant('proposal' as const),
      epoch: fc.constant(1n),
      view,
      previous: fixed(32),
      set: fixed(32),
      next: fixed(32),
      block: fc.bigInt(0n, 2n ** 64n - 1n),
      contributions: fc.constantFrom([], certificate.contributions),
      justify: optional,
    }),
    fc.record({
      kind: fc.constant('vote' as const),
      phase: fc.constantFrom('prepare' as const, 'commit' as const),
      epoch: fc.bigInt(0n, 2n ** 64n - 1n),
      view,
      value: fixed(32),
      signature: fixed(65),
    }),
    fc.record({
      kind: fc.constant('prepared' as const),
      epoch: fc.constant(1n),
      view,
      prepared: fc.constant(certificate),
    }),
    fc.record({
      kind: fc.constant('certificate' as const),
      epoch: fc.constant(1n),
      certificate: fc.constant(certificate),
    }),
    fc.record({ kind: fc.constant('certificate-request' as const), epoch: fc.bigInt(0n, 9n) }),
    fc.record({ kind: fc.constant('set-request' as const), epoch: fc.bigInt(0n, 9n), set: fixed(32) }),
    fc.record({
      kind: fc.constant('set' as const),
      epoch: fc.bigInt(0n, 9n),
      members: fc.constantFrom([], sortMembers(validators)),
    }),
  );

  it('round-trip, with one spelling each', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, cut) => {
        const bytes = encodeBeaconMessage(message);
        expect(parseBeaconMessage(bytes)).toEqual(message);
        expect(() => parseBeaconMessage(bytes.subarray(0, cut % bytes.length))).toThrow(ProtocolError);
        expect(() => parseBeaconMessage(concatBytes(bytes, Uint8Array.of(0)))).toThrow(ProtocolError);
      }),
      { seed: 7 },
    );
  });

  it('refuse a certificate of an epoch that they do not name, and an unknown kind', () => {
    const wrong: BeaconMessage = { kind: 'certificate', epoch: 2n, certificate };
    expect(() => parseBeaconMessage(encodeBeaconMessage(wrong))).toThrow(ProtocolError);
    const unknown = encodeBeaconMessage({ kind: 'certificate-request', epoch: 1n });
    unknown[unknown.length - 9] = 99;
    expect(() => parseBeaconMessage(unknown)).toThrow(ProtocolError);
  });
});

describe('quorum', () => {
  const digest = fromHex('11'.repeat(32));
  const sign = (i: number, over = digest) => ({
    signer: members[i]!.address,
    signature: members[i]!.signer.signDigest(over),
  });

  it('is strictly more than two thirds', () => {
    expect(isQuorum(2n, 3n)).toBe(false);
    expect(isQuorum(67n, 100n)).toBe(true);
    expect(isQuorum(66n, 100n)).toBe(false);
    expect(isQuorum(0n, 0n)).toBe(false);
  });

  it('counts every registered signer once and sorts for the contract', () => {
    const verdict = verifyQuorum(nobleCrypto, { digest, signatures: [sign(2), sign(0), sign(2), sign(1)], validators });
    expect(verdict).toMatchObject({ ok: true, signedStake: 300n, totalStake: 400n });
    expect(verdict.signatures.map(({ signer }) => toHex(signer))).toEqual(
      [0, 1, 2].map((i) => toHex(members[i]!.address)),
    );
  });

  it('does not count strangers, other digests or borrowed names', () => {
    const stranger = createNobleLedgerSigner(new Uint8Array(32).fill(99));
    const signatures = [
      sign(0),
      sign(1, fromHex('22'.repeat(32))),
      { signer: stranger.address, signature: stranger.signDigest(digest) },
      { signer: members[2]!.address, signature: stranger.signDigest(digest) },
      { signer: members[3]!.signer.address, signature: new Uint8Array(65) },
    ];
    expect(verifyQuorum(nobleCrypto, { digest, signatures, validators })).toMatchObject({
      ok: false,
      signedStake: 100n,
    });
  });
});
