import { compareBytes, createWriter, equalBytes } from '../base/bytes.ts';
import { assertAscending, encodeDomain } from '../base/canonical.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import {
  address,
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  type Format,
  hash,
  list,
  struct,
  u16,
  u32,
  u64,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeTotalStake, findValidator, isQuorum, type QuorumSignature, verifyQuorum } from '../crypto/quorum.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import { hashValidatorSet, MAX_VALIDATORS, type SetMember } from './validator-set.ts';

/**
 * A network with the bootstrap beacon (docs/spec/beacon.md). Each epoch's value hashes the VRF outputs of validators with more
 * than two thirds of the stake, chained to the value before. It is final once more than two thirds sign it. The proposer
 * chooses the quorum that contributes. That is a small bias, which the threshold signature of a later generation removes.
 * Nobody can predict a value before a quorum contributes, and nobody can have two values.
 */
export interface BeaconNetwork {
  readonly chainId: bigint;
  /** Settlement contract, 20 bytes. */
  readonly settlement: Uint8Array;
}

const contributionCodec = struct({
  validator: address,
  /** RFC 9381 proof over the epoch's VRF input. */
  proof: bytes(VRF_PROOF_BYTES),
});

export interface BeaconContribution extends CodecType<typeof contributionCodec> {}

/** Ascending by validator. */
export const contributionList: Codec<readonly BeaconContribution[]> = list<BeaconContribution>(contributionCodec, {
  count: u16,
  max: MAX_VALIDATORS,
  ascending: (a, b) => compareBytes(a.validator, b.validator),
});

const STATEMENT = {
  /** From 1; epoch 0 has the genesis value and no certificate. */
  epoch: within(u64, 1n, (1n << 64n) - 1n),
  /** The attempt within the epoch that found agreement, from 0. */
  view: u32,
  /** Value of epoch - 1. */
  previous: hash,
  value: hash,
  /** The validators of this epoch: hash of the set (validator-set.ts). */
  set: hash,
  /** The validators of the next epoch. */
  following: hash,
  /** The validators of the epoch after the next, which the registry listed at `block`. */
  next: hash,
  block: u64,
};
const statementCodec = struct(STATEMENT);

/** The subject of a vote and of a certificate. */
export interface BeaconStatement extends CodecType<typeof statementCodec> {}

export const beaconStatement: Codec<BeaconStatement> = statementCodec;

const certificateCodec = struct({
  ...STATEMENT,
  contributions: contributionList,
  /** Ascending by signer. */
  signatures: list<QuorumSignature>(struct({ signer: address, signature: bytes(65) }), {
    count: u16,
    max: MAX_VALIDATORS,
    ascending: (a, b) => compareBytes(a.signer, b.signer),
  }),
});

export interface BeaconCertificate extends CodecType<typeof certificateCodec> {}

export const certificateFormat: Format<BeaconCertificate> = createFormat(certificateCodec, {
  tag: 'ogong-beacon-certificate-v1',
});

export const encodeBeaconCertificate: (certificate: BeaconCertificate) => Uint8Array = certificateFormat.encode;
export const parseBeaconCertificate: (bytes: Uint8Array) => BeaconCertificate = certificateFormat.decode;

const VALUE_DOMAIN = encodeDomain('ogong-beacon-v1');
const GENESIS_DOMAIN = encodeDomain('ogong-beacon-genesis-v1');
const VRF_DOMAIN = encodeDomain('ogong-beacon-vrf-v1');
const VOTE_DOMAIN = {
  prepare: encodeDomain('ogong-beacon-prepare-v1'),
  commit: encodeDomain('ogong-beacon-commit-v1'),
};

export type BeaconPhase = keyof typeof VOTE_DOMAIN;

/** Computes the value of epoch 0: public, and different for every network. */
export function computeGenesisBeacon(crypto: Crypto, { chainId, settlement }: BeaconNetwork): Uint8Array {
  return crypto.sha256(createWriter().bytes(GENESIS_DOMAIN).u64(chainId).bytes(settlement, 20).finish());
}

export interface VrfSubject {
  readonly epoch: bigint;
  readonly previous: Uint8Array;
  /** Hash of the epoch's validators. */
  readonly set: Uint8Array;
  /** The proving validator, 20 bytes. */
  readonly validator: Uint8Array;
}

/**
 * Encodes the input of one validator's VRF in an epoch. It is known only once the epoch before has its value. It names the
 * validators of the epoch, so a set without agreement makes no value. It names the prover, so a copied key makes no proofs and
 * a copied proof is useless to others.
 */
export function encodeVrfInput({ chainId }: BeaconNetwork, subject: VrfSubject): Uint8Array {
  const { epoch, previous, set, validator } = subject;
  const writer = createWriter().bytes(VRF_DOMAIN).u64(chainId).u64(epoch);
  return writer.bytes(previous, 32).bytes(set, 32).bytes(validator, 20).finish();
}

export interface BeaconOutput {
  readonly validator: Uint8Array;
  /** VRF output, 64 bytes. */
  readonly output: Uint8Array;
}

/** Computes the value from VRF outputs. @param outputs strictly ascending by validator. @throws ProtocolError otherwise. */
export function computeBeaconValue(
  crypto: Crypto,
  { chainId }: BeaconNetwork,
  { epoch, previous, outputs }: { epoch: bigint; previous: Uint8Array; outputs: readonly BeaconOutput[] },
): Uint8Array {
  assertAscending(outputs, (a, b) => compareBytes(a.validator, b.validator), 'contributions');
  const writer = createWriter().bytes(VALUE_DOMAIN).u64(chainId).u64(epoch).bytes(previous, 32);
  for (const { validator, output } of outputs) writer.bytes(validator, 20).bytes(output, 64);
  return crypto.sha256(writer.finish());
}

/** Hashes a validator's vote in a phase. A certificate carries signatures of the commit phase. */
export function hashBeaconVote(
  crypto: Crypto,
  { chainId }: BeaconNetwork,
  phase: BeaconPhase,
  { epoch, view, previous, value, set, following, next, block }: BeaconStatement,
): Uint8Array {
  const writer = createWriter().bytes(VOTE_DOMAIN[phase]).u64(chainId).u64(epoch).u32(view);
  writer.bytes(previous, 32).bytes(value, 32).bytes(set, 32).bytes(following, 32).bytes(next, 32).u64(block);
  return crypto.keccak256(writer.finish());
}

export interface ContributionsVerdict {
  readonly checks: readonly Check[];
  /** Present if all checks pass. */
  readonly value?: Uint8Array;
}

/** Checks every VRF proof and that the contributors hold more than two thirds of the stake. */
export function verifyContributions(
  crypto: Crypto,
  network: BeaconNetwork,
  {
    epoch,
    previous,
    set,
    contributions,
    validators,
  }: {
    epoch: bigint;
    previous: Uint8Array;
    set: Uint8Array;
    contributions: readonly BeaconContribution[];
    validators: readonly SetMember[];
  },
): ContributionsVerdict {
  const outputs: BeaconOutput[] = [];
  let stake = 0n;
  for (const [index, { validator: address, proof }] of contributions.entries()) {
    const before = contributions[index - 1];
    if (before !== undefined && compareBytes(before.validator, address) >= 0) {
      return { checks: [fail('beacon-contributions', `contribution ${index} is out of order or double`)] };
    }
    const validator = findValidator(validators, address);
    const input = encodeVrfInput(network, { epoch, previous, set, validator: address });
    const output = validator && crypto.verifyVrf(validator.vrfKey, input, proof);
    if (validator === undefined || output === undefined) {
      return { checks: [fail('beacon-contributions', `contribution ${index} is no proof of a registered validator`)] };
    }
    outputs.push({ validator: address, output });
    stake += validator.stake;
  }
  const checks: Check[] = [pass('beacon-contributions', `${outputs.length} proofs hold`)];
  const total = computeTotalStake(validators);
  if (!isQuorum(stake, total)) {
    return { checks: [...checks, fail('beacon-contributors', `stake ${stake} of ${total} contributed`)] };
  }
  checks.push(pass('beacon-contributors', `stake ${stake} of ${total} contributed`));
  return { checks, value: computeBeaconValue(crypto, network, { epoch, previous, outputs }) };
}

export interface BeaconVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/**
 * Verifies that a certificate makes its value the beacon of its epoch.
 * @param previous value of epoch - 1 if the caller knows it. Without it the chain is not checked, and the certificate rests on
 * its quorum alone.
 * @param validators those of the epoch, if the caller knows them. A reader with another list, of a later time for example,
 * counts the signatures of the validators that it knows. It then trusts these signatures for the contributions.
 */
export function verifyBeaconCertificate(
  crypto: Crypto,
  network: BeaconNetwork,
  {
    certificate,
    previous,
    validators,
  }: { certificate: BeaconCertificate; previous?: Uint8Array | undefined; validators: readonly SetMember[] },
): BeaconVerdict {
  const checks: Check[] = [];
  if (previous === undefined)
    checks.push(skip('beacon-chain', `the value before epoch ${certificate.epoch} is unknown`));
  else if (equalBytes(previous, certificate.previous)) checks.push(pass('beacon-chain', 'follows the value before'));
  else checks.push(fail('beacon-chain', `does not follow the value of epoch ${certificate.epoch - 1n}`));

  if (equalBytes(hashValidatorSet(crypto, network, validators), certificate.set)) {
    checks.push(pass('beacon-set', 'the validators are those of the epoch'));
    checks.push(...checkContributions(crypto, network, { certificate, validators }));
  } else {
    checks.push(
      skip('beacon-set', `the validators of epoch ${certificate.epoch} are others than those that are known`),
    );
    checks.push(skip('beacon-contributions', 'not all contributors are known'));
  }
  const digest = hashBeaconVote(crypto, network, 'commit', certificate);
  const quorum = verifyQuorum(crypto, { digest, signatures: certificate.signatures, validators });
  const detail = `stake ${quorum.signedStake} of ${quorum.totalStake} signed`;
  checks.push(quorum.ok ? pass('beacon-quorum', detail) : fail('beacon-quorum', detail));
  return { ok: isOk(checks), checks };
}

function checkContributions(
  crypto: Crypto,
  network: BeaconNetwork,
  { certificate, validators }: { certificate: BeaconCertificate; validators: readonly SetMember[] },
): Check[] {
  const { checks, value } = verifyContributions(crypto, network, { ...certificate, validators });
  if (value === undefined) return [...checks];
  const found = equalBytes(value, certificate.value)
    ? pass('beacon-value', 'is the hash of the contributions')
    : fail('beacon-value', 'is not the hash of the contributions');
  return [...checks, found];
}
