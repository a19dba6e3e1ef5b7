import { computeGpuNonce } from '@ogong/attestation/evidence-statement';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { createSoftwareGpu } from '@ogong/host/attester/gpu-attester';
import { createSoftwareAttester } from '@ogong/host/attester/software-attester';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Finished, Milestone } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeAttestation, encodeVouched, openVouched, parseAttestation } from '@ogong/protocol/tier/attestation';
import { checkAttestedRecord } from '@ogong/testing/provider/attested-record';
import { createNetwork, ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls, type Relay } from '@ogong/testing/provider/relayed-calls';
import {
  silentAttest,
  softwareMachine,
  softwarePolicy,
  strictPolicy,
  TEE_MODEL_ID,
} from '@ogong/testing/provider/software-machine';
import { afterEach, describe, expect, it } from 'vitest';
import { MACHINE_ASKED_AGAIN_MS } from './known-machines.ts';

const MARKER = 'a marker that nobody may see';
const attester = softwareMachine;
const shownBy = ({ evidence }: Pick<Finished, 'evidence'>): Uint8Array => evidence.attestation as Uint8Array;
const policy = softwarePolicy;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open({ relay = {}, machinePolicy, attest = attester.attest, clock, findMachineProblem }: Opened = {}) {
  const network = await createNetwork({ modelId: TEE_MODEL_ID, attester: { kind: 'software', attest } });
  closing.push(network.close);
  const options = {
    ...{ relay, ...(clock && { clock }), ...(machinePolicy && { machinePolicy }) },
    ...(findMachineProblem && { findMachineProblem }),
  };
  const calls = await openRelayedCalls(network, options);
  closing.push(calls.close);
  let nonce = 0;
  const call = () => calls.call({ body: { messages: [{ role: 'user', content: MARKER }] }, nonce: ++nonce });
  return { ...calls, network, call, callAs: calls.call };
}
interface Opened {
  readonly relay?: Relay;
  readonly machinePolicy?: MachinePolicy;
  readonly attest?: typeof attester.attest;
  readonly clock?: { nowMs(): number };
  readonly findMachineProblem?: ChainView['findMachineProblem'];
}

describe('a call to a provider of tier tee', () => {
  it('is sealed to what the machine vouches for, and the reply carries evidence for its order', async () => {
    const { call, network, isSeen, orders } = await open({ machinePolicy: policy });
    const { finished, text, opening } = await call();
    expect(text.length).toBeGreaterThan(20);
    expect(opening).toBeDefined();
    expect(isSeen(MARKER)).toBe(false);
    expect(orders[0]?.sealed.length).toBeGreaterThan(0);
    const record = finished.record as NonNullable<typeof finished.record>;
    const order = orders[0]?.order?.order as Uint8Array;
    const held = { ledger, order, record, attestation: shownBy(finished), modelId: TEE_MODEL_ID };
    const reader = { crypto, policy, nowMs: Date.now() };
    const checks = await checkAttestedRecord(held, reader);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(checks.find(({ id }) => id === 'machine')?.detail).toContain('software: no hardware is proven');
    expect(network.validator.pushed[0]?.evidence).toEqual(finished.evidence);
    const failed = async (change: Partial<typeof held>, by = reader) =>
      (await checkAttestedRecord({ ...held, ...change }, by))
        .filter(({ status }) => status === 'fail')
        .map(({ id }) => id);
    // A receipt of another reply, other evidence, another key, production.
    await call();
    const other = { ...held, order: orders[1]?.order?.order as Uint8Array };
    expect(await failed(other)).toEqual(['machine', 'report-data']);
    const parsed = parseAttestation(shownBy(finished));
    const word = openVouched(shownBy(finished)).keyWord as Uint8Array;
    const bend = (change: Partial<typeof parsed>) => encodeVouched(word, encodeAttestation({ ...parsed, ...change }));
    expect(await failed({ attestation: bend({ evidence: new Uint8Array([0x7b]) }) })).toContain('attested-reply');
    expect(await failed({ attestation: bend({ attestedKey: new Uint8Array(32).fill(1) }) })).toEqual(
      expect.arrayContaining(['attested-key', 'attested-reply', 'report-data']),
    );
    expect(await failed({ attestation: bend({ sealKeyHash: new Uint8Array(32) }) })).toContain('report-data');
    expect(await failed({ attestation: bend({ signature: new Uint8Array(64) }) })).toEqual(['attested-reply']);
    expect(await failed({ attestation: new Uint8Array() })).toEqual(['attested-reply', 'machine']);
    expect(await failed({}, { ...reader, policy: strictPolicy })).toEqual(['machine', 'cpu-vendor']);
  });

  it('has no milestones, which a validator would read', async () => {
    const { network, callAs } = await open({ machinePolicy: policy });
    const passed: Milestone[] = [];
    await callAs({ body: { max_tokens: 130 } }, { onMilestone: (milestone) => passed.push(milestone) });
    expect(passed).toEqual([]);
    expect(network.validator.pushed.map(({ request, response }) => request.length + response.length)).toEqual([0]);
  });

  it('is made where the GPU is that of the machine, and not with the GPU of another one', async () => {
    const seed = (byte: number) => new Uint8Array(32).fill(byte);
    const own = createSoftwareGpu(seed(2));
    const other = createSoftwareGpu(seed(3));
    const withOwn = createSoftwareAttester(seed(1), 'a program', own);
    const keys = [withOwn.publicKey, own.publicKey, other.publicKey].map(toHex);
    const machinePolicy = { ...policy, images: [toHex(withOwn.image)], softwareKeys: keys, gpu: true };
    const { call } = await open({ machinePolicy, attest: withOwn.attest });
    expect((await call()).text.length).toBeGreaterThan(20);
    const attest: typeof withOwn.attest = async (data) => ({
      ...(await withOwn.attest(data)),
      gpu: await other.attest(await computeGpuNonce(data)),
    });
    const lying = await open({ machinePolicy, attest });
    await expect(lying.call()).rejects.toMatchObject({
      ...{
        code: 'provider_busy',
        message: expect.stringContaining("gpu-machine: the machine's report names another GPU"),
      },
    });
    expect(lying.seen).toEqual([]);
    const bare = await open({ machinePolicy });
    await expect(bare.call()).rejects.toMatchObject({ code: 'provider_busy' });
  });

  it('is not made without a policy, nor where the policy does not take the machine', async () => {
    for (const machinePolicy of [undefined, strictPolicy, { ...policy, images: ['00'.repeat(32)] }]) {
      const { call, seen } = await open(machinePolicy ? { machinePolicy } : {});
      await expect(call()).rejects.toMatchObject({ code: 'provider_busy' });
      expect(seen).toEqual([]);
    }
  });

  it('is not made where evidence is replayed, is of other keys, or cannot be made', async () => {
    const own = createNodeHybridSigner(new Uint8Array(64).fill(3));
    let first: Uint8Array | undefined;
    const bends: Relay['bendEvidence'][] = [
      (answer) => ({ ...answer, attestedKey: new Uint8Array(32).fill(1) }),
      (answer) => ({ ...answer, evidence: new Uint8Array([0x7b]) }),
      (answer) => ({ ...answer, sealKey: answer.sealKey && { ...answer.sealKey, providerKey: own.publicKey } }),
      (answer) => {
        const { sealKey: _, ...rest } = answer;
        return rest as typeof answer;
      },
    ];
    for (const bendEvidence of bends) {
      const { call, seen } = await open({ machinePolicy: policy, relay: { bendEvidence: bendEvidence as never } });
      await expect(call()).rejects.toMatchObject({ code: 'provider_busy' });
      expect(seen).toEqual([]);
    }
    const replay: Relay['bendEvidence'] = (answer) => {
      first ??= answer.evidence;
      return { ...answer, evidence: first };
    };
    const clock = createTestClock();
    const { call, seen } = await open({ machinePolicy: policy, relay: { bendEvidence: replay }, clock });
    await call();
    clock.pass(MACHINE_ASKED_AGAIN_MS);
    const before = seen.length;
    await expect(call()).rejects.toMatchObject({ message: expect.stringContaining('another nonce') });
    expect(seen.length).toBe(before);
    const broken = await open({
      machinePolicy: policy,
      attest: silentAttest,
    });
    await expect(broken.call()).rejects.toMatchObject({ code: 'provider_busy' });
  });

  it('is not made where the registry has no such machine, or another key of it', async () => {
    let known: Uint8Array | undefined;
    const findMachineProblem: ChainView['findMachineProblem'] = async (_, key = new Uint8Array()) => {
      known ??= key;
      return Buffer.compare(known, key) === 0 ? undefined : 'the registry has another key of its machine';
    };
    const { call } = await open({ machinePolicy: policy, findMachineProblem });
    await call();
    const restarted = await open({ machinePolicy: policy, findMachineProblem });
    await expect(restarted.call()).rejects.toMatchObject({
      ...{ code: 'provider_busy', message: expect.stringContaining('registry: the registry has another key') },
    });
    expect(restarted.seen).toEqual([]);
  });

  it('is no longer made once the evidence has lapsed', async () => {
    const other = createSoftwareAttester(new Uint8Array(32).fill(0x7e), 'another program');
    let present = attester;
    const attest: typeof attester.attest = (reportData) => present.attest(reportData);
    const clock = createTestClock();
    const { call } = await open({ machinePolicy: policy, attest, clock });
    await call();
    present = other;
    await call();
    clock.pass(MACHINE_ASKED_AGAIN_MS);
    await expect(call()).rejects.toMatchObject({ message: expect.stringContaining('machine is refused') });
    present = attester;
    await call();
  });
});

/** A gateway's clock that a test sets. */
function createTestClock() {
  let offsetMs = 0;
  return { nowMs: () => Date.now() + offsetMs, pass: (ms: number) => (offsetMs += ms) };
}

describe('a provider of tier tee', () => {
  it('is refused by a provider whose machine the registry has removed, from every sender', async () => {
    let problem: string | undefined = 'the machine is revoked';
    const network = await createNetwork({
      ...{ modelId: TEE_MODEL_ID, attester: { kind: 'software', attest: attester.attest } },
      findMachineProblem: async () => problem,
    });
    closing.push(network.close);
    const calls = await openRelayedCalls(network, { machinePolicy: policy });
    closing.push(calls.close);
    const call = (nonce: number) => calls.call({ body: { messages: [{ role: 'user', content: MARKER }] }, nonce });
    await expect(call(1)).rejects.toThrow('the machine is revoked');
    expect(network.validator.pushed).toEqual([]);
    problem = undefined;
    expect((await call(2)).text.length).toBeGreaterThan(20);
  });

  it('takes no request in plain', async () => {
    const { network } = await open();
    await expect(receive(network.client, network.order())).rejects.toThrow('sealed requests alone');
  });

  it('does not start without an attester', async () => {
    await expect(createNetwork({ modelId: TEE_MODEL_ID })).rejects.toMatchObject({ code: 'tier-refused' });
  });
});
