import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { createTestClock, network } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { createBeaconArchive } from './beacon-archive.ts';
import { createBeaconDriver } from './beacon-driver.ts';

/** Drivers whose messages are delivered at once, on a clock that the test moves. */
function createDrivers(count: number, gates: readonly { readonly lastEpoch: bigint }[] = []) {
  const clock = createTestClock();
  const keys = Array.from({ length: count }, (_, i) => ({
    signer: createKeySigner(
      crypto,
      createTestLedgerSigner(seedOf(`signer ${i}`)),
      createTestLedgerSigner(seedOf(`account ${i}`)).address,
    ),
    vrfSeed: seedOf(`vrf ${i}`),
  }));
  const validators: QuorumMember[] = keys.map(({ signer, vrfSeed }, i) => ({
    address: signer.address,
    signingKey: signer.signingKey,
    stake: 100n,
    certHash: new Uint8Array(32).fill(i),
    vrfKey: computeVrfPublicKey(vrfSeed),
    endpoint: '',
  }));
  const offline = new Set<number>();
  const nodes = keys.map(({ signer, vrfSeed }, index) => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    const disk = createGroupCommit(store, { maxDelayMs: 0 });
    const state = { isDiskFull: false, sent: 0 };
    const group: typeof disk = {
      ...disk,
      write: (work) => (state.isDiskFull ? Promise.reject(new Error('the disk is full')) : disk.write(work)),
    };
    const archive = createBeaconArchive(network, { crypto, store });
    const certified: bigint[] = [];
    const create = () =>
      createBeaconDriver(
        { network, epochMs: 1_000 },
        {
          crypto,
          signer,
          clock,
          archive,
          group,
          proveVrf: (input) => proveVrf(vrfSeed, input),
          sets: {
            reading: () => ({ members: validators, block: 0n }),
            findSet: (set) =>
              toHex(set) === toHex(hashValidatorSet(crypto, network, validators)) ? validators : undefined,
            isListed: () => true,
          },
          async send(to, message) {
            state.sent++;
            const target = keys.findIndex((key) => toHex(key.signer.address) === toHex(to));
            if (offline.has(target) || offline.has(index)) return;
            await nodes[target]?.driver.receive(signer.address, message);
          },
          onCertified: (epoch) => certified.push(epoch),
          gate: gates[index] && {
            isOpen: (epoch) => epoch <= (gates[index]?.lastEpoch ?? 0n),
            startOf: () => clock.nowMs(),
          },
        },
      );
    return { archive, certified, state, driver: create(), restart: create };
  });
  const settle = async () => {
    for (let i = 0; i < 40; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    nodes,
    offline,
    async pass(ms: number) {
      for (let i = 0; i < ms; i += 100) {
        clock.advance(100);
        await Promise.all(
          nodes.map(({ driver }, index) => (offline.has(index) ? undefined : driver.tick().catch(() => undefined))),
        );
        await settle();
      }
    },
  };
}

describe('beacon driver', () => {
  it('certifies epoch after epoch, the same for all, and archives each', async () => {
    const { nodes, pass } = createDrivers(4);
    await pass(5_000);
    const epochs = nodes.map(({ archive }) => archive.latest().epoch);
    expect(Math.min(...epochs.map(Number))).toBeGreaterThan(2);
    for (let epoch = 1n; epoch <= 2n; epoch++) {
      const values = new Set(nodes.map(({ archive }) => toHex(archive.find(epoch)?.value as Uint8Array)));
      expect(values.size).toBe(1);
    }
    expect(nodes[0]?.certified.slice(0, 2)).toEqual([1n, 2n]);
  });

  it('stands still without a quorum and continues from the archive after a restart', async () => {
    const { nodes, offline, pass } = createDrivers(4);
    await pass(2_500);
    offline.add(2).add(3);
    await pass(500);
    const stuck = nodes[0]?.archive.latest().epoch as bigint;
    await pass(4_000);
    expect(nodes[0]?.archive.latest().epoch).toBe(stuck);
    for (const node of nodes) node.driver = node.restart();
    offline.clear();
    await pass(6_000);
    expect(nodes[0]?.archive.latest().epoch).toBeGreaterThan(stuck);
  });

  it('is silent while votes cannot be written, and continues from the disk when they can', async () => {
    const { nodes, pass } = createDrivers(1);
    const [node] = nodes as [(typeof nodes)[number]];
    node.state.isDiskFull = true;
    await pass(2_000);
    expect([node.archive.latest().epoch, node.archive.vote()]).toEqual([0n, undefined]);
    await expect(node.driver.tick()).rejects.toThrow('disk is full');
    node.state.isDiskFull = false;
    await pass(3_000);
    expect(node.archive.latest().epoch).toBeGreaterThan(0n);
  });

  it('sends nothing that hangs on a vote that was not written', async () => {
    const { nodes, pass } = createDrivers(4);
    const [node] = nodes as [(typeof nodes)[number]];
    node.state.isDiskFull = true;
    await pass(3_000);
    // Contributions need no vote; the others reach their quorum without this one.
    expect(node.archive.vote()).toBeUndefined();
    expect(nodes[1]?.archive.latest().epoch).toBeGreaterThan(0n);
    node.state.isDiskFull = false;
    await pass(3_000);
    const epochs = nodes.map(({ archive }) => archive.latest().epoch);
    expect(new Set(epochs).size).toBe(1);
  });

  it('gives certificates to who lacks them also once another beacon has taken over, and makes none', async () => {
    const gates = [0, 1, 2, 3].map(() => ({ lastEpoch: 1_000n }));
    const { nodes, offline, pass } = createDrivers(4, gates);
    await pass(2_500);
    offline.add(2).add(3);
    const last = nodes[0]?.archive.latest().epoch as bigint;
    for (const gate of gates) gate.lastEpoch = last + 1n;
    // One of those who are left has the last certificate; alone it goes nowhere.
    offline.delete(2);
    await pass(3_000);
    const holders = nodes.filter(({ archive }) => archive.latest().epoch === last + 1n);
    expect(holders.length).toBe(3);
    offline.clear();
    await pass(3_000);
    expect(nodes.map(({ archive }) => archive.latest().epoch)).toEqual(Array(4).fill(last + 1n));
  });
});
