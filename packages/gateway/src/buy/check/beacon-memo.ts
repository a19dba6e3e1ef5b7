import { toHex } from '@ogong/protocol/base/bytes';
import type { BeaconVerdict } from '@ogong/protocol/beacon/beacon';
import { encodeEpochCertificate, verifyEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';

const CAPACITY = 64;

/**
 * The check of a beacon certificate, done once per certificate and validator set. All replies of an epoch carry the same
 * certificate, and its signatures cost more than the rest of a short receipt.
 */
export function createBeaconMemo(verify = verifyEpochCertificate): typeof verifyEpochCertificate {
  const verdicts = new Map<string, BeaconVerdict>();
  return (crypto, network, claim) => {
    const { certificate, previous, validators, generations = [] } = claim;
    const members = validators.map(({ address, stake, vrfKey }) => [toHex(address), `${stake}`, toHex(vrfKey)]);
    const key = JSON.stringify([
      `${network.chainId}`,
      toHex(network.settlement),
      previous ? toHex(previous) : '',
      toHex(crypto.sha256(encodeEpochCertificate(certificate))),
      members,
      generations.map((one) => [one.generation, toHex(one.key), `${one.firstEpoch}`, `${one.lastEpoch}`]),
    ]);
    const verdict = verdicts.get(key) ?? verify(crypto, network, claim);
    verdicts.delete(key);
    verdicts.set(key, verdict);
    if (verdicts.size > CAPACITY) verdicts.delete(verdicts.keys().next().value as string);
    return verdict;
  };
}
