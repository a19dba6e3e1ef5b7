import { generateKeyPairSync, sign } from 'node:crypto';
import { encodeEvidence } from '@ogong/attestation/evidence-file';
import { ChainError } from '@ogong/chain/errors';
import { openStore } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Announcement, encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import {
  encodeMachineProof,
  hashMachineEjection,
  type MachineEjection,
  parseMachineProof,
} from '@ogong/protocol/machine/machine-ejection';
import { computeMachineNonce, hashMachineEntry, MACHINE_ENTRY_S } from '@ogong/protocol/machine/machine-entry';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import {
  computeReportData,
  encodeAttestation,
  encodeKeyWord,
  encodeVouched,
  nonceOfOrder,
  stateReply,
} from '@ogong/protocol/tier/attestation';
import {
  createSoftwareMachine,
  softwareMachine,
  softwarePolicy,
  strictPolicy,
  TEE_MODEL_ID,
} from '@ogong/testing/provider/software-machine';
import { createTestValidator, ledger, payer, provider, providerId } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid, createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { putAnnouncement } from '../store/announcement-store.ts';
import { findProof, keepProof, listProofs, markLanded } from '../store/machine-proof-store.ts';
import { findMachineEvidence } from '../store/machine-store.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { certifyMachine } from './certify-machine.ts';
import { answerEjection, noteProof, stepEjections } from './eject-machine.ts';
import type { AnsweringMachine, MachineRequest, MachinesState } from './machine-state.ts';
import { stepMachines } from './step-machines.ts';

const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0x44) };
const settlement = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0x55) };
const NOW = 1_800_000_000n;
const machine = createSoftwareMachine(ledger, providerId);
const beaconOf = (epoch: bigint): Uint8Array => new Uint8Array(32).fill(Number(epoch));

async function show(nonce: Uint8Array): Promise<AnsweringMachine> {
  const { attestedKey, sealKey, evidence } = await machine.show(nonce);
  return { providerId, attestedKey, sealKeyHash: hashSealKey(crypto, sealKey.sealKey), evidence };
}

async function ask(epoch = 5n, until = NOW + 86_400n): Promise<MachineRequest> {
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
  const chain = {
    ...{ now: NOW, isEjected: false, isRevoked: false, ejectedAt: 0n, ejections: 0, reinstatedAt: 0n },
    entry: undefined as Entered | undefined,
  };
  const shown = { show, isDown: false };
  type Entered = { until: bigint; isGood: boolean; signingKey: string; signatures: number; evidence: string };
  const client = {
    now: async () => chain.now,
    isEjected: async () => chain.isEjected,
    machineRevocation: async () => ({ isRevoked: chain.isRevoked, count: 0 }),
    machineOf: async () => chain.entry,
    votesOf: async (accounts: readonly Uint8Array[]) => ({
      ...{ each: accounts.map(() => 1n), total: 4n },
      signingKeys: accounts.map((account) => `0x${toHex(account)}`),
    }),
    ejectionOf: async () => ({ since: chain.ejectedAt, count: chain.ejections }),
    wasMachineRevoked: async () => chain.isRevoked,
    reinstatedAt: async () => chain.reinstatedAt,
    async ejectForMachine(ejected: Omit<MachineEjection, 'ejection'>, quorum: readonly Uint8Array[]) {
      const digest = hashMachineEjection(crypto, settlement, { ...ejected, ejection: chain.ejections + 1 });
      const signers = new Set(quorum.map((one) => toHex(crypto.recoverAddress(digest, one) ?? new Uint8Array())));
      if (members.filter(({ address }) => signers.has(toHex(address))).length < 3) throw new Error('no quorum');
      Object.assign(chain, { ejectedAt: chain.now, ejections: chain.ejections + 1 });
      return { transactionHash: '0xee' };
    },
    async registerMachine(entry: Parameters<typeof hashMachineEntry>[2], quorum: readonly Uint8Array[]) {
      if (entry.until <= (chain.entry?.until ?? 0n))
        throw new ChainError('reverted', 'NotLater', { revert: { name: 'NotLater', args: [] } });
      const digest = hashMachineEntry(crypto, domain, entry);
      const signers = quorum.map((one) => crypto.recoverAddress(digest, one));
      const known = signers.filter((one) => one && members.some(({ address }) => equalBytes(address, one)));
      chain.entry = {
        ...{ until: entry.until, isGood: true, signatures: known.length },
        signingKey: `0x${toHex(entry.signingKey)}`,
        evidence: `0x${toHex(entry.evidence)}`,
      };
      return { transactionHash: '0xff' };
    },
  };
  const all: MachinesState[] = keys.map((key) => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    announce(store);
    return {
      ...{ crypto, domain, settlement, ledger, policy: softwarePolicy, store },
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
      async askEjection(peer, proof) {
        const at = members.findIndex(({ address }) => equalBytes(address, peer.address));
        return answerEjection(all[at] as MachinesState, proof);
      },
      onEjected: () => heard.push('ejected'),
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
    ...{ modality: 'text', numericClass: '', capacity: 1, freeCapacity: 1 },
  };
  const announcement: Announcement = {
    ...{ providerId, payee: new Uint8Array(20), endpoint: '127.0.0.1:1', certHash: new Uint8Array(32) },
    ...{
      models: [model],
      segments: [],
      sequence: 1n,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 60_000,
      verifier: undefined,
    },
  };
  store.transact(() => putAnnouncement(store, announcement, encodeAnnouncement(announcement), { nowMs }));
}

describe('a machine that is to be entered', () => {
  it('is signed by every validator that finds its evidence good, which is stored for others', async () => {
    const { all, chain } = createFour();
    const asked = await ask();
    const { entry, signature } = await certifyMachine(all[0], asked);
    expect(crypto.recoverAddress(hashMachineEntry(crypto, domain, entry), signature)).toEqual(all[0].signer.address);
    expect(entry).toMatchObject({ providerId, signingKey: asked.attestedKey, epoch: 5n, until: NOW + 86_400n });
    expect(findMachineEvidence(all[0].store, entry.evidence)?.evidence).toEqual(asked.evidence);
    // The newest of a provider is kept.
    const later = await certifyMachine({ ...all[0], latestEpoch: () => 6n }, await ask(6n));
    expect(findMachineEvidence(all[0].store, entry.evidence)).toBeUndefined();
    expect(findMachineEvidence(all[0].store, later.entry.evidence)).toBeDefined();
    // The evidence that the chain names stays after any request for another signature.
    chain.entry = {
      until: NOW,
      isGood: true,
      signingKey: '0x',
      signatures: 3,
      evidence: `0x${toHex(later.entry.evidence)}`,
    };
    const newest = await certifyMachine({ ...all[0], latestEpoch: () => 7n }, await ask(7n));
    for (const { evidence } of [later.entry, newest.entry])
      expect(findMachineEvidence(all[0].store, evidence)).toBeDefined();
  });

  it.each<
    [
      what: string,
      asked: () => Promise<MachineRequest>,
      bend: (net: ReturnType<typeof createFour>) => object,
      why: string,
    ]
  >([
    ['without a policy', ask, () => ({ policy: undefined }), 'no policy'],
    ['whose machine the policy does not take', ask, () => ({ policy: strictPolicy }), 'no hardware is proven'],
    ['of an old epoch', () => ask(2n), () => ({}), 'too old'],
    ['of an epoch to come', () => ask(6n), () => ({}), 'in the future'],
    ['of an epoch that it does not know', ask, () => ({ findBeacon: async () => undefined }), 'not known'],
    ['made for another nonce', async () => ({ ...(await ask(4n)), epoch: 5n }), () => ({}), 'another nonce'],
    ['of other keys', async () => ({ ...(await ask()), attestedKey: new Uint8Array(32) }), () => ({}), 'other keys'],
    [
      'of another provider',
      async () => ({ ...(await ask()), providerId: new Uint8Array(32) }),
      () => ({}),
      'other keys',
    ],
    ['for longer than a week', () => ask(5n, NOW + MACHINE_ENTRY_S + 61n), () => ({}), 'a week at most'],
    ['that has ended', () => ask(5n, NOW), () => ({}), 'a week at most'],
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
    expect(until).toBeLessThanOrEqual(NOW + MACHINE_ENTRY_S);
    await stepAll();
    expect(heard).toHaveLength(1);
    chain.now = NOW + MACHINE_ENTRY_S / 2n + 1n;
    await stepAll();
    expect(heard).toEqual(['entered', 'entered']);
    expect(chain.entry?.until).toBeGreaterThan(until);
    // A validator without a policy signs for none: two of four are no quorum.
    chain.now = NOW + MACHINE_ENTRY_S;
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
    // A machine that does not answer has shown nothing.
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

/** Evidence of a machine about a reply of its provider, as a validator refuses it. */
async function showReply({
  vouchedBy = provider,
  isForged = true,
  revokedList = new Uint8Array(),
} = {}): Promise<Uint8Array> {
  const validator = createTestValidator();
  const order = createTestOrder({
    ...{ payer, ledger, provider, validator: validator.signer.address, index: 0, model: TEE_MODEL_ID },
    ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
  });
  const { record } = validator.serve(order).submission;
  const forging: typeof softwareMachine.attest = async (data) => {
    const { cpu } = await softwareMachine.attest(data);
    return { cpu: { ...cpu, signature: new Uint8Array(64) } as typeof cpu };
  };
  // A provider as it is signs for nothing that would eject it.
  const attest = isForged ? forging : softwareMachine.attest;
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const attestedKey = new Uint8Array((publicKey.export({ format: 'der', type: 'spki' }) as Buffer).subarray(-32));
  const sealKeyHash = new Uint8Array(32);
  const keys = { ledger, providerId, attestedKey, sealKeyHash };
  const evidence = encodeEvidence(await attest(computeReportData(crypto, keys, nonceOfOrder(crypto, order.order))));
  const signature = new Uint8Array(sign(null, stateReply(crypto, record.record, evidence), privateKey));
  const own = encodeAttestation({ attestedKey, sealKeyHash, evidence, signature });
  const attestation = encodeVouched(vouchedBy.sign(encodeKeyWord({ ledger, attestedKey })), own);
  const { providerKey } = record;
  return encodeMachineProof({ order: order.order, record: record.record, providerKey, attestation, revokedList });
}

it('a provider signs for nothing that would eject it', async () => {
  const attest: typeof softwareMachine.attest = async (data) => {
    const { cpu } = await softwareMachine.attest(data);
    return { cpu: { ...cpu, signature: new Uint8Array(64) } as typeof cpu };
  };
  const mistaken = createSoftwareMachine(ledger, providerId, { provider, attester: { ...softwareMachine, attest } });
  const { order, record } = parseMachineProof(await showReply());
  await expect(mistaken.attest({ order, record })).rejects.toThrow('would eject for this');
  const sound = createSoftwareMachine(ledger, providerId, { provider });
  await expect(sound.attest({ order, record })).resolves.toBeInstanceOf(Uint8Array);
});

describe('a provider whose own key vouched for a forged machine', () => {
  it('is ejected by a quorum whose members have each judged the proof, and once by it', async () => {
    const { all, chain, heard } = createFour();
    const proof = await showReply();
    await noteProof(all[0], proof);
    await stepEjections(all[0]);
    expect([chain.ejections, heard]).toEqual([1, ['ejected']]);
    for (const { store } of all) expect(findProof(store, crypto.sha256(proof))?.proof).toEqual(proof);
    await stepEjections(all[0]);
    expect(chain.ejections).toBe(1);
    expect(all.map(({ store }) => findProof(store, crypto.sha256(proof))?.state)).toEqual([
      ...['landed', 'asked', 'asked', 'asked'],
    ]);
  });

  it('is ejected again after a reinstatement for what it showed afterwards alone', async () => {
    const { all, chain } = createFour();
    const proof = await showReply();
    const beganS = parseRecordV2(parseMachineProof(proof).record).startNs / 1_000_000_000n;
    // Another reply of the same time: other bytes.
    const other = await showReply();
    expect(other).not.toEqual(proof);
    Object.assign(chain, { ejections: 1, reinstatedAt: beganS - 600n });
    for (const shown of [proof, other]) {
      await expect(noteProof(all[0], shown)).rejects.toThrow('before the reinstatement');
      await expect(answerEjection(all[1] as MachinesState, shown)).rejects.toThrow('before the reinstatement');
    }
    await stepEjections(all[0]);
    expect(chain.ejections).toBe(1);
    chain.reinstatedAt = beganS - 601n;
    await noteProof(all[0], proof);
    await stepEjections(all[0]);
    expect(chain.ejections).toBe(2);
  });

  it('is ejected by two of four never, whatever one of them says', async () => {
    const { all, chain, heard } = createFour();
    const peers = all.slice(2).map(({ signer }) => signer.address);
    const { askEjection } = all[0];
    Object.assign(all[0], {
      async askEjection(peer: QuorumMember, proof: Uint8Array) {
        if (peers.some((one) => equalBytes(one, peer.address))) throw new Error('silent');
        return askEjection(peer, proof);
      },
    });
    await noteProof(all[0], await showReply());
    await stepEjections(all[0]);
    expect([chain.ejections, heard]).toEqual([0, ['silent', 'silent']]);
  });

  it.each<[what: string, proof: () => Promise<Uint8Array>, isRevoked: boolean, why: string]>([
    ['is honest', () => showReply({ isForged: false }), false, 'neither forged'],
    ['did not vouch for the key', () => showReply({ vouchedBy: createTestHybrid('stranger') }), false, 'attested-key'],
    ['is forged beside a list', () => showReply({ revokedList: new Uint8Array([1]) }), false, 'proof-form'],
    ['shows nothing that can be read', async () => new Uint8Array([1]), false, 'proof-form'],
  ])('is not ejected where it %s: nobody signs', async (_what, proof, isRevoked, why) => {
    const { all, chain } = createFour();
    chain.isRevoked = isRevoked;
    const shown = await proof();
    for (const state of all) {
      await expect(noteProof(state, shown)).rejects.toThrow(why);
      await expect(answerEjection(state, shown)).rejects.toThrow(why);
      await stepEjections(state);
    }
    expect(chain.ejections).toBe(0);
  });

  it('is ejected if a quorum had its machine revoked long before, though its signatures hold', async () => {
    const { all, chain } = createFour();
    chain.isRevoked = true;
    await noteProof(all[3] as MachinesState, await showReply({ isForged: false }));
    await stepEjections(all[3] as MachinesState);
    expect(chain.ejections).toBe(1);
  });
});

describe('proofs that are kept', () => {
  const kept = (id: number, more: Partial<Parameters<typeof keepProof>[1]> = {}) => {
    const hash = crypto.sha256(new Uint8Array([id, id >> 8, ...[more.notedMs ?? 0].map((ms) => ms & 0xff)]));
    const providerId = new Uint8Array(32).fill(id & 0xff);
    providerId[0] = id >> 8;
    return { hash, providerId, ejection: 1, proof: hash, state: 'asked' as const, notedMs: 0, ...more };
  };
  const open = () => openStore(':memory:', { schema: VALIDATOR_SCHEMA });

  it('are the first of each ejection of a provider, and an open one makes room for the next ejection alone', () => {
    const store = open();
    const first = kept(1, { state: 'open' });
    keepProof(store, first);
    keepProof(store, kept(1, { notedMs: 5 }));
    keepProof(store, kept(1, { notedMs: 6, state: 'open' }));
    expect(listProofs(store)).toEqual([first]);
    const next = kept(1, { notedMs: 7, ejection: 2 });
    keepProof(store, next);
    expect(listProofs(store)).toEqual([next]);
    keepProof(store, kept(1, { notedMs: 8, ejection: 2, state: 'open' }));
    expect(listProofs(store)).toEqual([{ ...next, state: 'open' }]);
  });

  it('are not pushed out by what strangers have signed for, nor open ones by others', () => {
    const store = open();
    const landed = kept(1, { state: 'open' });
    keepProof(store, landed);
    markLanded(store, landed.hash);
    const found = Array.from({ length: 64 }, (_, i) => kept(2 + i, { state: 'open' }));
    for (const one of found) keepProof(store, one);
    for (let i = 0; i < 100; i++) keepProof(store, kept(100 + i, { notedMs: 10 + i }));
    keepProof(store, kept(300, { state: 'open', notedMs: 500 }));
    expect(findProof(store, landed.hash)?.state).toBe('landed');
    const states = listProofs(store).map(({ state }) => state);
    expect(states.filter((state) => state === 'asked')).toHaveLength(64);
    expect(listProofs(store).filter(({ state }) => state === 'open').length).toBe(64);
    for (const { hash } of found) expect(findProof(store, hash)?.state).toBe('open');
    // One that landed makes room.
    markLanded(store, found[0]?.hash as Uint8Array);
    keepProof(store, kept(300, { state: 'open', notedMs: 500 }));
    expect(findProof(store, kept(300, { notedMs: 500 }).hash)?.state).toBe('open');
  });
});
