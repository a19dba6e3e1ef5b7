import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeReceipt, parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import {
  computeReportData,
  encodeAttestation,
  encodeKeyWord,
  encodeVouched,
  nonceOfOrder,
  openVouched,
  parseAttestation,
  stateReply,
} from '@ogong/protocol/tier/attestation';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { encodeEvidence } from './evidence-file.ts';
import { encodeSoftwareStatement } from './evidence-statement.ts';
import { addMachineChecks, checkReceiptMachine } from './machine-check.ts';
import { type MachinePolicy, parsePolicy } from './policy-file.ts';

const STRICT: MachinePolicy = parsePolicy(new TextEncoder().encode('{}'));
const MODEL = 'ogong/tee/test/synthetic';
const IMAGE = new Uint8Array(32).fill(6);
const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
const router = createNobleHybridSigner(new Uint8Array(64).fill(2));

const payer = createNobleLedgerSigner(new Uint8Array(32).fill(9));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };

const makeKey = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: rawOf(publicKey), privateKey };
};
const rawOf = (key: KeyObject): Uint8Array =>
  new Uint8Array((key.export({ format: 'der', type: 'spki' }) as Buffer).subarray(-32));
const root = makeKey();
const machine = makeKey();
const policy: MachinePolicy = { ...STRICT, images: [toHex(IMAGE)], softwareKeys: [toHex(root.publicKey)] };
const SEAL_KEY = new Uint8Array(32).fill(9);

/** Makes the evidence that the machine attaches to a reply. */
function attest({ ledger, order, record }: Receipt, nonce = nonceOfOrder(crypto, order.bytes)): Uint8Array {
  const providerId = hashHybridKey(crypto, record.publicKey);
  const keys = { ledger, providerId, attestedKey: machine.publicKey, sealKeyHash: SEAL_KEY };
  const reportData = computeReportData(crypto, keys, nonce);
  const statement = encodeSoftwareStatement(reportData, IMAGE);
  const signature = new Uint8Array(sign(null, statement, root.privateKey));
  const cpu = { kind: 'software', publicKey: root.publicKey, reportData, image: IMAGE, signature } as const;
  const evidence = encodeEvidence({ cpu });
  const own = encodeAttestation({
    ...{ attestedKey: machine.publicKey, sealKeyHash: SEAL_KEY, evidence },
    signature: new Uint8Array(sign(null, stateReply(crypto, record.bytes, evidence), machine.privateKey)),
  });
  return encodeVouched(provider.sign(encodeKeyWord({ ledger, attestedKey: machine.publicKey })), own);
}

const carry = (receipt: Receipt, attestation: Uint8Array): Receipt => ({
  ...receipt,
  evidence: new Map([['attestation', attestation]]),
});

function serve(): SyntheticReceipt {
  return createSyntheticReceipt({
    ...{ crypto, provider, router, payer, ledger, tokens: 40, parameters: { model: MODEL } },
    bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
    bendTicket: (ticket) => ({ ...ticket, modelId: MODEL }),
  });
}

async function verify({ reply, trust, nowMs }: SyntheticReceipt, receipt: Receipt, by?: MachinePolicy) {
  const { request, response } = reply;
  const modelRoots = { [MODEL]: reply.order.modelRoot };
  const verdict = await verifyReceipt(receipt, { crypto, request, response, trust: { ...trust, modelRoots }, nowMs });
  const whole = by
    ? addMachineChecks(verdict, await checkReceiptMachine(receipt, { crypto, policy: by, nowMs }), by)
    : verdict;
  const failed = whole.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  return { ...whole, failed };
}

describe('a receipt of tier tee', () => {
  const served = serve();
  const good = carry(served.receipt, attest(served.receipt));

  it('is good under a policy that takes its machine, after its JSON too', async () => {
    const verdict = await verify(served, parseReceipt(encodeReceipt(good)), policy);
    expect(verdict.failed).toEqual([]);
    expect(verdict.missing).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect(verdict.checks.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'attested-reply',
        'attested-key',
        'machine',
        'clock',
        'cpu-vendor',
        'report-data',
        'image',
        'draw-replay',
      ]),
    );
    expect(verdict.checks.find(({ id }) => id === 'machine')?.detail).toContain('no hardware is proven');
    expect(verdict.posture).toMatchObject({ tier: 'tee', method: 'attested-replay' });
  });

  it('is not good without a policy, by name', async () => {
    const { ok, failed, missing } = await verify(served, good);
    expect({ ok, failed, missing }).toEqual({ ok: false, failed: [], missing: ['machine'] });
  });

  it('is refused by every policy that does not name the software', async () => {
    expect((await verify(served, good, STRICT)).failed).toEqual(['machine', 'cpu-vendor']);
    expect((await verify(served, good, { ...policy, images: [] })).failed).toEqual(['machine', 'image']);
    const { images: _, ...anyImage } = policy;
    expect((await verify(served, good, anyImage)).failed).toEqual(['machine']);
    expect((await verify(served, good, { ...anyImage, allow: ['image'] })).ok).toBe(true);
  });

  it.each<[what: string, attestation: () => Uint8Array, failed: string[]]>([
    ['nothing', () => new Uint8Array(), ['attested-reply', 'machine']],
    [
      'evidence that answers another question',
      () => attest(served.receipt, new Uint8Array(32)),
      ['machine', 'report-data'],
    ],
    ['a signature by another key', () => bend({ signature: new Uint8Array(64).fill(1) }), ['attested-reply']],
    [
      'evidence that cannot be read',
      () => bend({ evidence: new Uint8Array([1]) }),
      ['attested-reply', 'machine', 'evidence-form'],
    ],
  ])('fails with %s', async (_what, attestation, failed) => {
    expect((await verify(served, carry(served.receipt, attestation()), policy)).failed).toEqual(failed);
  });

  const bend = (change: Partial<ReturnType<typeof parseAttestation>>) => {
    const good = attest(served.receipt);
    return encodeVouched(
      openVouched(good).keyWord as Uint8Array,
      encodeAttestation({ ...parseAttestation(good), ...change }),
    );
  };

  it('of before, in which the provider vouches for no key, lacks that by name', async () => {
    const { attestation } = openVouched(attest(served.receipt));
    const { failed, missing } = await verify(served, carry(served.receipt, attestation), policy);
    expect({ failed, missing }).toEqual({ failed: [], missing: ['attested-key'] });
  });

  it('fails where another provider vouches for the key', async () => {
    const { attestation } = openVouched(attest(served.receipt));
    const word = router.sign(encodeKeyWord({ ledger, attestedKey: machine.publicKey }));
    const { failed } = await verify(served, carry(served.receipt, encodeVouched(word, attestation)), policy);
    expect(failed).toEqual(['attested-key']);
  });

  it('fails in every byte that the machine or its key signed', { timeout: 600_000 }, async () => {
    const bytes = attest(served.receipt);
    // Each takes milliseconds: all of them are looked at by night.
    const step = process.env.OGONG_LONG === '1' ? 1 : 53;
    for (let at = 0; at < bytes.length; at += step) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ 1;
      expect((await verify(served, carry(served.receipt, flipped), policy)).ok, `byte ${at}`).toBe(false);
    }
  });

  it('fails where the clock was set back behind what the validator signed', async () => {
    const early = { ...served, nowMs: Number(good.admission.timeMs) - 120_000 };
    expect((await verify(early, good, policy)).failed).toEqual(expect.arrayContaining(['machine', 'clock']));
  });
});

describe('a policy', () => {
  const read = (value: unknown) => parsePolicy(new TextEncoder().encode(JSON.stringify(value)));

  it('is strict in what it leaves out', () => {
    expect(read({})).toEqual({
      acceptedTcb: ['UpToDate'],
      minimumSnpTcb: { bootLoader: 0, tee: 0, snp: 0, microcode: 0 },
      ...{ softwareKeys: [], allow: [] },
    });
    expect(read({ images: ['0xAB'], allow: ['boot'] })).toEqual({ ...STRICT, images: ['ab'], allow: ['boot'] });
  });

  it.each([
    [[]],
    [null],
    [{ imagess: [] }],
    [{ images: 'ab' }],
    [{ images: [1] }],
    [{ minimumSnpTcb: { bootLoader: 1 } }],
    [{ minimumSnpTcb: { bootLoader: 1, tee: 1, snp: 256, microcode: 1 } }],
  ])('refuses %j', (value) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ name: 'EvidenceError' }));
  });
});
