import { compareBytes, toHex } from '@ogong/protocol/base/bytes';
import {
  computeBeaconValue,
  computeGenesisBeacon,
  encodeBeaconCertificate,
  encodeVrfInput,
  hashBeaconVote,
} from '@ogong/protocol/beacon/beacon';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { computeVrfOutput, computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';

/** A certificate of epoch 1 and its parts: `vectors/beacon.json`. */
export function createBeaconVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const network = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };
  const members = [1, 2, 3, 4]
    .map((seed) => {
      const secret = new Uint8Array(32).fill(seed);
      const signer = createNobleLedgerSigner(new Uint8Array(32).fill(0x10 + seed));
      return { secret, signer, address: createNobleLedgerSigner(secret).address };
    })
    .sort((a, b) => compareBytes(a.address, b.address));
  const validators = members.map(({ address, signer, secret }, i) => ({
    ...{ address, signingKey: signer.address, stake: 100n, vrfKey: computeVrfPublicKey(secret) },
    ...{ certHash: new Uint8Array(32).fill(i), endpoint: '' },
  }));
  const set = hashValidatorSet(crypto, network, validators);
  const next = hashValidatorSet(crypto, network, validators.slice(1));
  const quorum = members.filter((_, i) => i !== 2);
  const [epoch, previous] = [1n, computeGenesisBeacon(crypto, network)];
  const proven = quorum.map(({ address: validator, secret }) => {
    const input = encodeVrfInput(network, { epoch, previous, set, validator });
    const proof = proveVrf(secret, input);
    return { validator, input, proof, output: computeVrfOutput(proof) as Uint8Array };
  });
  const value = computeBeaconValue(crypto, network, { epoch, previous, outputs: proven });
  const statement = { epoch, view: 0, previous, value, set, following: set, next, block: 17n };
  const digest = hashBeaconVote(crypto, network, 'commit', statement);
  const signatures = quorum.map(({ address, signer }) => ({ signer: address, signature: signer.signDigest(digest) }));
  const contributions = proven.map(({ validator, proof }) => ({ validator, proof }));
  return {
    chainId: String(network.chainId),
    settlement: toHex(network.settlement),
    keys: 'Private keys of the accounts and VRF seeds: 32 bytes of 01, 02, 03, 04. Private keys of the signing keys: 32 bytes of 11, 12, 13, 14. In ascending order of address the first, second and fourth contribute and sign.',
    set: 'each has a stake of 100; the set that is named next is without the first, at block 17',
    sets: { set: toHex(set), next: toHex(next) },
    epoch: String(epoch),
    genesis: toHex(previous),
    outputs: proven.map(({ validator, input, output }) => ({
      validator: toHex(validator),
      input: toHex(input),
      output: toHex(output),
    })),
    value: toHex(value),
    commitDigest: toHex(digest),
    certificate: toHex(encodeBeaconCertificate({ ...statement, contributions, signatures })),
  };
}
