import { compareBytes } from '@ogong/protocol/base/bytes';
import {
  type BeaconCertificate,
  computeBeaconValue,
  encodeBeaconCertificate,
  encodeVrfInput,
  hashBeaconVote,
} from '@ogong/protocol/beacon/beacon';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeVrfOutput, computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { describe, expect, it } from 'vitest';
import type { LinkPool } from '../link/link-pool.ts';
import { createBeaconView } from './beacon-view.ts';

const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(9) };
const members = [1, 2, 3, 4]
  .map((n) => {
    const signer = createNobleLedgerSigner(new Uint8Array(32).fill(n));
    const vrfSeed = new Uint8Array(32).fill(n + 10);
    const validator: QuorumMember = {
      address: signer.address,
      signingKey: signer.address,
      stake: 100n,
      certHash: new Uint8Array(32).fill(n),
      vrfKey: computeVrfPublicKey(vrfSeed),
      endpoint: `127.0.0.1:${n}`,
    };
    return { signer, vrfSeed, validator };
  })
  .sort((a, b) => compareBytes(a.signer.address, b.signer.address));
const validators = members.map(({ validator }) => validator);

const set = hashValidatorSet(crypto, network, validators);
const chain = { network, validators: () => [], generations: () => [], readBeaconKeys: async () => undefined };

function certify(epoch: bigint, previous: Uint8Array, signers = members.slice(0, 3)): BeaconCertificate {
  const contributions = members.slice(0, 3).map(({ signer, vrfSeed }) => {
    const input = encodeVrfInput(network, { epoch, previous, set, validator: signer.address });
    return { validator: signer.address, proof: proveVrf(vrfSeed, input) };
  });
  const outputs = contributions.map(({ validator, proof }) => ({
    validator,
    output: computeVrfOutput(proof) as Uint8Array,
  }));
  const value = computeBeaconValue(crypto, network, { epoch, previous, outputs });
  const statement = { epoch, view: 0, previous, value, set, following: set, next: set, block: 0n };
  const digest = hashBeaconVote(crypto, network, 'commit', statement);
  const signatures = signers.map(({ signer }) => ({ signer: signer.address, signature: signer.signDigest(digest) }));
  return { ...statement, contributions, signatures };
}

/** Every validator answers from its own list of certificates; `undefined` is a dead one. */
function createView(served: readonly (readonly BeaconCertificate[] | undefined)[]) {
  const asked: string[] = [];
  const links = {
    to: (_service: unknown, { endpoint }: { endpoint: string }) => ({
      async getBeacon({ epoch }: { epoch: bigint }) {
        asked.push(endpoint);
        const list = served[validators.findIndex((validator) => validator.endpoint === endpoint)];
        if (list === undefined) throw new Error('unreachable');
        const found = epoch === 0n ? list.at(-1) : list.find((certificate) => certificate.epoch === epoch);
        return { certificate: found ? encodeBeaconCertificate(found) : new Uint8Array(0) };
      },
    }),
    close() {},
  } as unknown as LinkPool;
  const view = createBeaconView({ keep: 3 }, { crypto, links, chain: { ...chain, validators: () => validators } });
  return { view, asked };
}

describe('beacon view', () => {
  const genesis = createView([]).view.latest().value;
  const first = certify(1n, genesis);
  const second = certify(2n, first.value);

  it('accepts a certificate from its caller without a request, and asks if it is invalid', async () => {
    const { view, asked } = createView([[first, second], undefined, undefined, undefined]);
    expect((await view.get(1n, encodeBeaconCertificate(first))).value).toEqual(first.value);
    expect(asked).toEqual([]);
    const forged = encodeBeaconCertificate({ ...second, signatures: second.signatures.slice(1) });
    for (const bad of [forged, encodeBeaconCertificate(first), new Uint8Array(7)]) {
      const { view: other, asked: others } = createView([[first, second], undefined, undefined, undefined]);
      await other.get(1n, encodeBeaconCertificate(first));
      expect((await other.get(2n, bad)).value).toEqual(second.value);
      expect(others.length).toBeGreaterThan(0);
    }
  });

  it('starts at genesis and takes the newest certificate from any peer that answers', async () => {
    const { view, asked } = createView([[first, second], undefined, undefined, undefined]);
    expect(view.latest().epoch).toBe(0n);
    await view.refresh();
    expect(view.latest()).toMatchObject({ epoch: 2n, value: second.value, previous: first.value });
    expect(asked.length).toBeGreaterThan(1);
  });

  it('fetches an epoch that it does not know, and remembers it', async () => {
    const { view, asked } = createView([
      [first, second],
      [first, second],
      [first, second],
      [first, second],
    ]);
    expect((await view.get(1n)).value).toEqual(first.value);
    const calls = asked.length;
    expect((await view.get(1n)).value).toEqual(first.value);
    expect(asked.length).toBe(calls);
    await expect(view.get(9n)).rejects.toMatchObject({ code: 'unknown-epoch' });
  });

  it('refuses a certificate without a quorum and asks the next validator', async () => {
    const weak = certify(1n, genesis, members.slice(0, 2));
    const { view } = createView([[weak], [weak], [first], [weak]]);
    await view.refresh();
    expect(view.latest().value).toEqual(first.value);
    await expect(createView([[weak], [weak], [weak], [weak]]).view.refresh()).rejects.toMatchObject({
      code: 'not-certified',
    });
  });

  it('refuses one that does not follow the value that it knows', async () => {
    const fork = certify(2n, new Uint8Array(32).fill(1));
    const { view } = createView([[first], [first], [first], [first]]);
    await view.refresh();
    const forked = createView([
      [first, fork],
      [first, fork],
      [first, fork],
      [first, fork],
    ]);
    await forked.view.get(1n);
    await expect(forked.view.refresh()).rejects.toMatchObject({ code: 'not-certified' });
    expect(forked.view.latest().epoch).toBe(1n);
  });

  it('keeps a bounded history, genesis and the newest always', async () => {
    const chain = [first, second];
    for (let epoch = 3n; epoch <= 6n; epoch++) chain.push(certify(epoch, (chain.at(-1) as BeaconCertificate).value));
    const { view } = createView([chain, chain, chain, chain]);
    for (let epoch = 1n; epoch <= 6n; epoch++) await view.get(epoch);
    expect([0n, 1n, 4n, 5n, 6n].map((epoch) => view.find(epoch) !== undefined)).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
  });

  it('says so when nobody is registered or reachable', async () => {
    await expect(createView([undefined, undefined, undefined, undefined]).view.refresh()).rejects.toMatchObject({
      code: 'unreachable',
    });
    const { links } = { links: { to: () => ({}), close() {} } as unknown as LinkPool };
    const empty = createBeaconView({}, { crypto, links, chain });
    await expect(empty.refresh()).rejects.toMatchObject({ code: 'no-validators' });
  });
});
