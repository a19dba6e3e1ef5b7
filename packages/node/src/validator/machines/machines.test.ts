import { ChainError } from '@ogong/chain/errors';
import { openStore } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Announcement, encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { computeMachineNonce, hashMachineEntry, MAX_MACHINE_ENTRY_S } from '@ogong/protocol/settlement/machine-entry';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import {
  createSoftwareMachine,
  softwarePolicy,
  strictPolicy,
  TEE_MODEL_ID,
} from '@ogong/testing/provider/software-machine';
import { ledger, providerId } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { putAnnouncement } from '../store/announcement-store.ts';
import { findMachineEvidence } from '../store/machine-store.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { certifyMachine } from './certify-machine.ts';
import type { AnsweringMachine, AskedMachine, MachinesState } from './machine-state.ts';
import { stepMachines } from './step-machines.ts';

const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0x44) };
const NOW = 1_800_000_000n;
const machine = createSoftwareMachine(ledger, providerId);
const beaconOf = (epoch: bigint): Uint8Array => new Uint8Array(32).fill(Number(epoch));

async function show(nonce: Uint8Array): Promise<AnsweringMachine> {
  const { attestedKey, sealKey, evidence } = await machine.show(nonce);
  return { providerId, attestedKey, sealKeyHash: hashSealKey(crypto, sealKey.sealKey), evidence };
}

async function ask(epoch = 5n, until = NOW + 86_400n): Promise<AskedMachine> {
  const nonce = computeMachineNonce(crypto, { epoch, beacon: beaconOf(epoch), providerId });
  return { ...(await show(nonce)), epoch, until };
}

/** Four validators with one chain. The provider announces a model of tier tee to all of them. */
function createFour() {
  const keys = [0, 1, 2, 3].map((i) => createTestLedgerSigner(seedOf(`machines ${i}`)));
  const members = keys.map(({ address }): QuorumMember => {
    const unused = { endpoint: '', certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) };
    return { address, signingKey: address, stake: 1n, ...unused };
  });
  const heard: string[] = [];
  const chain = { now: NOW, isEjected: false, isRevoked: false, entry: undefined as Entered | undefined };
  const shown = { show, isDown: false };
  type Entered = { until: bigint; isGood: boolean; signingKey: string; signatures: number };
  const client = {
    now: async () => chain.now,
    isEjected: async () => chain.isEjected,
    machineRevocation: async () => ({ isRevoked: chain.isRevoked, count: 0 }),
    machineOf: async () => chain.entry,
    votesOf: async (accounts: readonly Uint8Array[]) => ({
      ...{ each: accounts.map(() => 1n), total: 4n },
      signingKeys: accounts.map((account) => `0x${toHex(account)}`),
    }),
    async registerMachine(entry: Parameters<typeof hashMachineEntry>[2], quorum: readonly Uint8Array[]) {
      if (entry.until <= (chain.entry?.until ?? 0n))
        throw new ChainError('reverted', 'NotLater', { revert: { name: 'NotLater', args: [] } });
      const digest = hashMachineEntry(crypto, domain, entry);
      const signers = quorum.map((one) => crypto.recoverAddress(digest, one));
      const known = signers.filter((one) => one && members.some(({ address }) => equalBytes(address, one)));
      chain.entry = {
        ...{ until: entry.until, isGood: true, signatures: known.length },
        signingKey: `0x${toHex(entry.signingKey)}`,
      };
      return { transactionHash: '0xff' };
    },
  };
  const all: MachinesState[] = keys.map((key) => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    announce(store);
    return {
      ...{ crypto, domain, ledger, policy: softwarePolicy, store },
      clock: { nowMs: () => Number(NOW) * 1_000 },
      signer: createKeySigner(crypto, key),
      group: { write: async (write) => store.transact(() => write(store)) } as MachinesState['group'],
      chain: { client: async () => client as never, validators: () => members },
      latestEpoch: () => 5n,
      findBeacon: async (epoch) => beaconOf(epoch),
      async askProvider(_, nonce) {
        if (shown.isDown) throw new Error('unreachable');
        return shown.show(nonce);
      },
      async askPeer(peer, asked) {
        const at = members.findIndex(({ address }) => equalBytes(address, peer.address));
        return (await certifyMachine(all[at] as MachinesState, asked)).signature;
      },
      randomBytes: (length) => new Uint8Array(length).fill(heard.length + 1),
      random: () => 0.5,
      lapsed: new Map(),
      onEntered: () => heard.push('entered'),
      onLapsed: (_, why) => heard.push(why),
      onError: (error) => heard.push((error as Error).message),
    };
  });
  const stepAll = async (share = 0): Promise<void> => {
    for (const state of all) await stepMachines(state, share);
  };
  return { all: all as [MachinesState, ...MachinesState[]], chain, heard, shown, stepAll };
}

function announce(store: ReturnType<typeof openStore>): void {
  const nowMs = Number(NOW) * 1_000;
  const model = {
    ...{ modelId: TEE_MODEL_ID, modelRoot: new Uint8Array(32), pricePer1kAtomic: 1n, contextSize: 256 },
    ...{ numericClass: '', capacity: 1, freeCapacity: 1 },
  };
  const announcement: Announcement = {
    ...{ providerId, payee: new Uint8Array(20), endpoint: '127.0.0.1:1', certHash: new Uint8Array(32) },
    ...{ models: [model], sequence: 1n, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000, verifier: undefined },
  };
  store.transact(() => putAnnouncement(store, announcement, encodeAnnouncement(announcement), { nowMs }));
}

describe('a machine that is to be entered', () => {
  it('is signed for by whoever finds its evidence good, which is kept for others', async () => {
    const { all } = createFour();
    const asked = await ask();
    const { entry, signature } = await certifyMachine(all[0], asked);
    expect(crypto.recoverAddress(hashMachineEntry(crypto, domain, entry), signature)).toEqual(all[0].signer.address);
    expect(entry).toMatchObject({ providerId, signingKey: asked.attestedKey, epoch: 5n, until: NOW + 86_400n });
    expect(findMachineEvidence(all[0].store, entry.evidence)?.evidence).toEqual(asked.evidence);
    // The newest of a provider is kept.
    const later = await certifyMachine({ ...all[0], latestEpoch: () => 6n }, await ask(6n));
    expect(findMachineEvidence(all[0].store, entry.evidence)).toBeUndefined();
    expect(findMachineEvidence(all[0].store, later.entry.evidence)).toBeDefined();
  });

  it.each<
    [
      what: string,
      asked: () => Promise<AskedMachine>,
      bend: (net: ReturnType<typeof createFour>) => object,
      why: string,
    ]
  >([
    ['without a policy', ask, () => ({ policy: undefined }), 'no policy'],
    ['whose machine the policy does not take', ask, () => ({ policy: strictPolicy }), 'no hardware is proven'],
    ['of an old epoch', () => ask(2n), () => ({}), 'too old'],
    ['of an epoch to come', () => ask(6n), () => ({}), 'to come'],
    ['of an epoch that it does not know', ask, () => ({ findBeacon: async () => undefined }), 'not known'],
    ['made for another nonce', async () => ({ ...(await ask(4n)), epoch: 5n }), () => ({}), 'another nonce'],
    ['of other keys', async () => ({ ...(await ask()), attestedKey: new Uint8Array(32) }), () => ({}), 'other keys'],
    [
      'of another provider',
      async () => ({ ...(await ask()), providerId: new Uint8Array(32) }),
      () => ({}),
      'other keys',
    ],
    ['for longer than a week', () => ask(5n, NOW + MAX_MACHINE_ENTRY_S + 1n), () => ({}), 'at most a week'],
    ['that has ended', () => ask(5n, NOW), () => ({}), 'at most a week'],
    [
      'with endless evidence',
      async () => ({ ...(await ask()), evidence: new Uint8Array(262_145) }),
      () => ({}),
      'too long',
    ],
    ['without evidence', async () => ({ ...(await ask()), evidence: new Uint8Array() }), () => ({}), 'JSON'],
    ['that did not pass', ask, () => ({ lapsed: new Map([[toHex(providerId), 'image']]) }), 'did not pass'],
    [
      'of a provider that is ejected',
      ask,
      ({ chain }) => Object.assign(chain, { isEjected: true }) && {},
      'is ejected',
    ],
    ['that is revoked', ask, ({ chain }) => Object.assign(chain, { isRevoked: true }) && {}, 'is revoked'],
  ])('%s is not', async (_what, asked, bend, why) => {
    const net = createFour();
    const state = { ...net.all[0], ...bend(net) };
    await expect(certifyMachine(state, await asked())).rejects.toThrow(why);
  });
});

describe('validators', () => {
  it('enter an announced machine by a quorum, once, and again in the second half of its week', async () => {
    const { all, chain, heard, stepAll } = createFour();
    await stepAll();
    expect([chain.entry?.signatures, heard]).toEqual([3, ['entered']]);
    const { until } = chain.entry as { until: bigint };
    expect(until).toBeLessThanOrEqual(NOW + MAX_MACHINE_ENTRY_S);
    await stepAll();
    expect(heard).toHaveLength(1);
    chain.now = NOW + MAX_MACHINE_ENTRY_S / 2n;
    await stepAll();
    expect(heard).toEqual(['entered', 'entered']);
    expect(chain.entry?.until).toBeGreaterThan(until);
    // Whoever has no policy signs for none: two of four are no quorum.
    chain.now = NOW + MAX_MACHINE_ENTRY_S;
    for (const state of all.slice(1, 3)) Object.assign(state, { policy: undefined });
    await stepAll();
    expect(heard.filter((line) => line === 'entered')).toHaveLength(2);
  });

  it('ask at moments that nobody knows, and refuse a machine that does not pass until it does', async () => {
    const { all, heard, shown, stepAll } = createFour();
    await stepAll();
    const [first] = all;
    await stepMachines(first, 0.5);
    expect(first.lapsed.size).toBe(0);
    // It answers what it answered before.
    const old = await show(new Uint8Array(32));
    shown.show = async () => old;
    await stepMachines(first, 0.5);
    expect(first.lapsed.size).toBe(0);
    await stepMachines(first, 0.6);
    expect([...first.lapsed]).toEqual([[toHex(providerId), expect.stringContaining('another nonce')]]);
    expect(heard.at(-1)).toContain('another nonce');
    shown.show = show;
    await expect(certifyMachine(first, await ask())).rejects.toThrow('did not pass');
    await stepMachines(first, 0.6);
    expect(first.lapsed.size).toBe(0);
    await certifyMachine(first, await ask());
    // Who does not answer has shown nothing.
    shown.isDown = true;
    await stepMachines(first, 0.6);
    expect([first.lapsed.size, heard.at(-1)]).toEqual([0, 'unreachable']);
  });

  it('enter a machine that has started again when they next ask it', async () => {
    const { all, chain, heard, shown, stepAll } = createFour();
    await stepAll();
    const again = createSoftwareMachine(ledger, providerId);
    shown.show = async (nonce) => {
      const { attestedKey, sealKey, evidence } = await again.show(nonce);
      return { providerId, attestedKey, sealKeyHash: hashSealKey(crypto, sealKey.sealKey), evidence };
    };
    chain.now = NOW + 60n;
    await stepMachines(all[0], 1);
    expect(heard).toEqual(['entered', 'entered']);
    const { attestedKey } = await again.show(new Uint8Array(32));
    expect(chain.entry?.signingKey).toBe(`0x${toHex(attestedKey)}`);
  });
});
