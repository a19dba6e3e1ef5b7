import 'reflect-metadata';
import { createHash, generateKeyPairSync, sign, type webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { concatBytes } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeMachineProof, type MachineProof } from '@ogong/protocol/settlement/machine-ejection';
import {
  encodeAttestation,
  encodeKeyWord,
  encodeVouched,
  nonceOfOrder,
  openVouched,
  parseAttestation,
  stateReply,
} from '@ogong/protocol/tier/attestation';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeSoftwareStatement, type MachineEvidence } from './evidence.ts';
import { encodeEvidence } from './evidence-file.ts';
import { judgeMachineProof, REVOKED_GRACE_MS } from './machine-proof.ts';

const MODEL = 'ogong/tee/test/synthetic';
const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
const stranger = createNobleHybridSigner(new Uint8Array(64).fill(7));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const { receipt, reply } = createSyntheticReceipt({
  ...{ crypto, provider, ledger, tokens: 5, parameters: { model: MODEL } },
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
  bendTicket: (ticket) => ({ ...ticket, modelId: MODEL }),
});
const expiresAtMs = Number(reply.order.expiresAtMs);

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const attestedKey = new Uint8Array((publicKey.export({ format: 'der', type: 'spki' }) as Buffer).subarray(-32));
const root = generateKeyPairSync('ed25519');
const rootKey = new Uint8Array((root.publicKey.export({ format: 'der', type: 'spki' }) as Buffer).subarray(-32));

/** About the order; whose keys are in it is for other checks. */
const REPORT_DATA = concatBytes(new Uint8Array(32), nonceOfOrder(crypto, receipt.order.bytes));

function showSoftware(bend: (signature: Uint8Array) => Uint8Array = (same) => same): MachineEvidence {
  const [reportData, image] = [REPORT_DATA, new Uint8Array(32).fill(6)];
  const signature = bend(new Uint8Array(sign(null, encodeSoftwareStatement(reportData, image), root.privateKey)));
  return { cpu: { kind: 'software', publicKey: rootKey, reportData, image, signature } };
}

/** What a provider that lies, or one that does not, has shown of its machine in one reply. */
function prove(
  evidence: MachineEvidence | Uint8Array,
  vouchedBy = provider,
  revokedList: Uint8Array = new Uint8Array(),
) {
  const shown = evidence instanceof Uint8Array ? evidence : encodeEvidence(evidence);
  const signature = new Uint8Array(sign(null, stateReply(crypto, receipt.record.bytes, shown), privateKey));
  const own = encodeAttestation({ attestedKey, sealKeyHash: new Uint8Array(32), evidence: shown, signature });
  const attestation = encodeVouched(vouchedBy.sign(encodeKeyWord({ ledger, attestedKey })), own);
  const { order, record } = receipt;
  return { order: order.bytes, record: record.bytes, providerKey: record.publicKey, attestation, revokedList };
}

type Revoked = NonNullable<Parameters<typeof judgeMachineProof>[1]['wasMachineRevoked']>;
async function judge(proof: MachineProof, wasMachineRevoked?: Revoked) {
  const { checks, ...judged } = await judgeMachineProof(encodeMachineProof(proof), {
    crypto,
    ledger,
    wasMachineRevoked,
  });
  return { ...judged, offence: checks.find(({ id }) => id === 'offence')?.detail, checks };
}
const wrongIn = ({ checks }: Awaited<ReturnType<typeof judge>>): string[] =>
  checks.filter(({ status }) => status !== 'pass').map(({ id }) => id);

const zeros = () => new Uint8Array(64);

describe('a proof about a machine', () => {
  it('holds where the provider vouched for what is forged', async () => {
    const judged = await judge(prove(showSoftware(zeros)));
    expect(judged).toMatchObject({ isProven: true, offence: expect.stringContaining('did not sign the statement') });
    expect(judged.providerId).toEqual(crypto.sha256(provider.publicKey));
  });

  it.each<[what: string, proof: () => MachineProof, wrong: string[]]>([
    ['whose evidence nobody forged', () => prove(showSoftware()), ['offence']],
    ['whose evidence cannot be read', () => prove(new Uint8Array([0x7b])), ['proof-form']],
    ['whose key somebody else vouches for', () => prove(showSoftware(zeros), stranger), ['attested-key']],
    [
      'whose key nobody vouches for',
      () => {
        const proof = prove(showSoftware(zeros));
        return { ...proof, attestation: openVouched(proof.attestation).attestation };
      },
      ['attested-key'],
    ],
    [
      'with evidence that the machine did not sign for',
      () => {
        const proof = prove(showSoftware());
        const { keyWord, attestation } = openVouched(proof.attestation);
        const forged = encodeEvidence(showSoftware(zeros));
        const bent = encodeAttestation({ ...parseAttestation(attestation), evidence: forged });
        return { ...proof, attestation: encodeVouched(keyWord as Uint8Array, bent) };
      },
      ['attested-reply'],
    ],
    [
      'in the name of another provider',
      () => ({ ...prove(showSoftware(zeros)), providerKey: stranger.publicKey }),
      ['attested-key'],
    ],
  ])('does not hold %s', async (_what, proof, wrong) => {
    const judged = await judge(proof());
    expect(judged.isProven).toBe(false);
    expect(wrongIn(judged)).toEqual(wrong);
  });

  it('holds where the registry had the machine out for a week before the order, and not a moment later', async () => {
    const revokedAt =
      (sinceMs: number): Revoked =>
      async (_, { fromMs, untilMs }) => {
        expect(untilMs).toBe(expiresAtMs);
        return sinceMs <= fromMs;
      };
    const begins = expiresAtMs - 600_000;
    const held = await judge(prove(showSoftware()), revokedAt(begins - REVOKED_GRACE_MS));
    expect(held).toMatchObject({ isProven: true, offence: 'a quorum had its machine revoked' });
    expect((await judge(prove(showSoftware()), revokedAt(begins - REVOKED_GRACE_MS + 1))).isProven).toBe(false);
    // The reply's name leaves the time of its order open.
    const proof = prove(showSoftware());
    const order = proof.order.slice();
    order[order.length - 1] = (order.at(-1) as number) ^ 1;
    expect(wrongIn(await judge({ ...proof, order }, async () => true))).toEqual(['attested-order']);
    const down: Revoked = async () => Promise.reject(new Error('no chain'));
    await expect(judge(prove(showSoftware()), down)).rejects.toThrow('no chain');
  });
});

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const makeKeys = () =>
  globalThis.crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
const u = (value: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (value >>> (8 * i)) & 0xff;
  return bytes;
};

interface Issued {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: X509Certificate;
}

/** A quote whose every signature holds, under a root that somebody made. */
async function makeQuote(rootName: string) {
  const issue = async (name: string, by?: Issued): Promise<Issued> => {
    const keys = await makeKeys();
    const certificate = await X509CertificateGenerator.create({
      ...{ subject: `CN=${name}`, issuer: by?.certificate.subject ?? `CN=${name}`, publicKey: keys.publicKey },
      ...{ signingKey: (by?.keys ?? keys).privateKey, signingAlgorithm: ALGORITHM },
      ...{ notBefore: new Date(0), notAfter: new Date(1) },
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return { keys, certificate };
  };
  const top = await issue(rootName);
  const issuer = await issue('Platform CA', top);
  const leaf = await issue('Platform', issuer);
  const enclave = await makeKeys();
  const by = async (keys: webcrypto.CryptoKeyPair, message: Uint8Array) =>
    new Uint8Array(await globalThis.crypto.subtle.sign(ALGORITHM, keys.privateKey, message as Uint8Array<ArrayBuffer>));
  const point = new Uint8Array(await globalThis.crypto.subtle.exportKey('raw', enclave.publicKey)).subarray(1);
  const vendor = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex');
  const header = concatBytes(u(3, 2), u(2, 2), u(0, 4), u(0, 4), vendor, new Uint8Array(20));
  const signed = concatBytes(header, new Uint8Array(320), REPORT_DATA);
  const report = new Uint8Array(384);
  report.set(createHash('sha256').update(point).digest(), 320);
  const pem = utf8([leaf, issuer, top].map(({ certificate }) => certificate.toString('pem')).join('\n'));
  const data = concatBytes(
    ...[await by(enclave, signed), point, report, await by(leaf.keys, report)],
    ...[u(0, 2), u(5, 2), u(pem.length, 4), pem],
  );
  const revoke = async (issuedAtMs: number, serialNumber = leaf.certificate.serialNumber, signer = issuer) =>
    new Uint8Array(
      (
        await X509CrlGenerator.create({
          ...{ issuer: issuer.certificate.subject, thisUpdate: new Date(issuedAtMs), nextUpdate: new Date(issuedAtMs) },
          entries: [{ serialNumber, revocationDate: new Date(0) }],
          ...{ signingAlgorithm: ALGORITHM, signingKey: signer.keys.privateKey },
        })
      ).rawData,
    );
  const show = (bend: (quote: Uint8Array) => void = () => undefined): MachineEvidence => {
    const quote = concatBytes(signed, u(data.length, 4), data);
    bend(quote);
    return { cpu: { kind: 'intel', quote, collateral: {} } };
  };
  return { show, revoke, top };
}
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a proof about a platform of Intel', () => {
  let own: Awaited<ReturnType<typeof makeQuote>>;
  beforeAll(async () => {
    own = await makeQuote('A root that is not known');
  });
  const weekBefore = expiresAtMs - 600_000 - REVOKED_GRACE_MS;

  it('is none where its root is not known, or its certificates have run out: a vendor may have a new one', async () => {
    expect(wrongIn(await judge(prove(own.show())))).toEqual(['offence']);
  });

  it('holds where somebody bears the name of the vendor', async () => {
    const forged = await makeQuote('Intel SGX Root CA');
    expect((await judge(prove(forged.show()))).offence).toContain('bears its name');
  });

  it.each([
    ['the body', 100, 'did not sign the quote'],
    ['the signature of the quote', 440, 'did not sign the quote'],
    ['the report of the quoting enclave', 600, 'did not sign for the key of the quote'],
  ])('holds where %s is another one', async (_what, at, offence) => {
    const bent = own.show((quote) => {
      quote[at] = (quote[at] as number) ^ 1;
    });
    expect(await judge(prove(bent))).toMatchObject({ isProven: true, offence: expect.stringContaining(offence) });
  });

  it("holds by the issuer's list of a week before the order, of whatever time it is now, and by no other list", async () => {
    const by = async (list: Uint8Array) => (await judge(prove(own.show(), provider, list))).isProven;
    expect(await by(await own.revoke(weekBefore - 1_000))).toBe(true);
    expect(await by(await own.revoke(weekBefore + 1_000))).toBe(false);
    expect(await by(await own.revoke(weekBefore - 1_000, '0badcafe'))).toBe(false);
    expect(await by(await own.revoke(weekBefore - 1_000, undefined, own.top))).toBe(false);
    expect(wrongIn(await judge(prove(own.show(), provider, new Uint8Array([1]))))).toEqual(['proof-form']);
  });
});

/** Quotes and reports of real machines: SOURCES.md beside them. */
const VECTORS = new URL('../../../../shared/vectors/tee/', import.meta.url);
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';

describe.skipIf(absence !== '')(`honest machines${absence && ` (${absence})`}`, () => {
  const file = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, VECTORS)));

  it.each([
    ['TDX whose words of Intel ran out', 'dcap-qvl/tdx_quote', 'dcap-qvl/tdx_quote_collateral.json'],
    ['SGX that needs a configuration', 'dcap-qvl/sgx_quote', 'dcap-qvl/sgx_quote_collateral.json'],
    ['TDX that is out of date', 'dcap-qvl/tdx_quote_outdated', 'dcap-qvl/tdx_quote_outdated_collateral.json'],
    ['TDX with the words about another platform', 'dcap-qvl/tdx_quote', 'dcap-qvl/sgx_quote_collateral.json'],
  ])('%s is never ejected, and one whose quote is changed is', async (_what, path, words) => {
    const quote = file(path);
    const collateral = JSON.parse(new TextDecoder().decode(file(words))) as unknown;
    const show = (bytes: Uint8Array): MachineEvidence => ({ cpu: { kind: 'intel', quote: bytes, collateral } });
    expect(wrongIn(await judge(prove(show(quote))))).toEqual(['attested-order', 'offence']);
    const pckCrl = Buffer.from((collateral as { pck_crl: string }).pck_crl, 'hex');
    expect((await judge(prove(show(quote), provider, new Uint8Array(pckCrl)))).isProven).toBe(false);
    const bent = quote.slice();
    bent[300] = (bent[300] as number) ^ 1;
    expect((await judge(prove(show(bent)))).isProven).toBe(true);
  });
});
