import 'reflect-metadata';
import { createHash, generateKeyPairSync, sign, type webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { concatBytes } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeMachineProof, type MachineProof } from '@ogong/protocol/machine/machine-ejection';
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
import { AMD_ROOTS, findReportForgery, parseSnpReport } from './amd-snp.ts';
import { parseCertificate } from './certificates.ts';
import type { MachineEvidence } from './evidence.ts';
import { encodeEvidence } from './evidence-file.ts';
import { encodeSoftwareStatement } from './evidence-statement.ts';
import { findQuoteForgery } from './intel.ts';
import { parseQuote } from './intel-quote.ts';
import { judgeMachineProof, REVOKED_GRACE_MS, VENDOR_GRACE_MS } from './machine-proof.ts';

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

/** About the order; other checks compare its keys. */
const REPORT_DATA = concatBytes(new Uint8Array(32), nonceOfOrder(crypto, receipt.order.bytes));

function showSoftware(bend: (signature: Uint8Array) => Uint8Array = (same) => same): MachineEvidence {
  const [reportData, image] = [REPORT_DATA, new Uint8Array(32).fill(6)];
  const signature = bend(new Uint8Array(sign(null, encodeSoftwareStatement(reportData, image), root.privateKey)));
  return { cpu: { kind: 'software', publicKey: rootKey, reportData, image, signature } };
}

/** Makes the proof of a provider's machine from one reply; the provider may lie. */
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
    [
      'of what is forged with a list that changes its hash',
      () => prove(showSoftware(zeros), provider, new Uint8Array([1])),
      ['proof-form'],
    ],
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
  const own = concatBytes(await by(enclave, signed), point, report, await by(leaf.keys, report));
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
  const chain = [leaf, issuer, top].map(({ certificate }) => certificate);
  const write = (bend: (quote: Uint8Array) => void = () => undefined, shown = chain): Uint8Array => {
    const pem = utf8(shown.map((certificate) => certificate.toString('pem')).join('\n'));
    const data = concatBytes(own, u(0, 2), u(5, 2), u(pem.length, 4), pem);
    const quote = concatBytes(signed, u(data.length, 4), data);
    bend(quote);
    return quote;
  };
  const show = (...written: Parameters<typeof write>): MachineEvidence => ({
    cpu: { kind: 'intel', quote: write(...written), collateral: {} },
  });
  const roots = [createHash('sha256').update(new Uint8Array(top.certificate.rawData)).digest('hex')];
  return { show, write, revoke, top, chain, roots };
}
type Chain = readonly X509Certificate[];

/** Mistakes of an operator in the chain of certificates. */
const MISTAKES: readonly [what: string, mistake: (chain: Chain) => Chain][] = [
  ['the root left out', (chain) => chain.slice(0, -1)],
  ['the root twice', (chain) => [...chain, ...chain.slice(-1)]],
  ['the first one twice', (chain) => [...chain.slice(0, 1), ...chain]],
  ['the issuer left out', (chain) => chain.toSpliced(1, 1)],
  ['the first one left out', (chain) => chain.slice(1)],
  ['issuer and root swapped', ([leaf, issuer, root]) => [leaf, root, issuer] as Chain],
  ['the first two swapped', ([leaf, issuer, root]) => [issuer, leaf, root] as Chain],
  ['all the other way around', (chain) => chain.toReversed()],
];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a proof about a platform of Intel', () => {
  let own: Awaited<ReturnType<typeof makeQuote>>;
  beforeAll(async () => {
    own = await makeQuote('A root that is not known');
  });
  const longBefore = expiresAtMs - 600_000 - VENDOR_GRACE_MS;

  it('is none where its root is not known, or its certificates have run out: a vendor may have a new one', async () => {
    expect(wrongIn(await judge(prove(own.show())))).toEqual(['offence']);
  });

  it('is none where another root bears the name of the vendor, who may have issued it anew', async () => {
    const other = await makeQuote('Intel SGX Root CA');
    expect(wrongIn(await judge(prove(other.show())))).toEqual(['offence']);
  });

  const bendAt = (at: number) => (quote: Uint8Array) => {
    quote[at] = (quote[at] as number) ^ 1;
  };

  it.each([
    ['the body', 100],
    ['the signature of the quote', 440],
  ])('holds where %s is another one, whosever the certificates are', async (_what, at) => {
    const offence = expect.stringContaining('did not sign the quote');
    expect(await judge(prove(own.show(bendAt(at))))).toMatchObject({ isProven: true, offence });
  });

  const forgeryUnder = ({ roots, write }: typeof own, ...shown: Parameters<typeof write>) =>
    findQuoteForgery(parseQuote(write(...shown)), roots);

  it('holds under a root of the vendor where platform or issuer did not sign what is under their names', async () => {
    expect(await forgeryUnder(own)).toBeUndefined();
    expect(await forgeryUnder(own, bendAt(600))).toContain('did not sign for the key of the quote');
    const other = await makeQuote('A root that is not known');
    expect(await forgeryUnder(own, undefined, other.chain.toSpliced(2, 1, own.chain[2] as X509Certificate))).toBe(
      'Platform CA is not signed by A root that is not known',
    );
    expect(await forgeryUnder(other, undefined, own.chain)).toBeUndefined();
  });

  it.each(MISTAKES)('is none with %s', async (_what, mistake) => {
    expect(await forgeryUnder(own, undefined, [...mistake(own.chain)])).toBeUndefined();
    expect(await forgeryUnder(own, bendAt(600), [...mistake(own.chain)])).toBeUndefined();
  });

  it("holds by the issuer's list of 37 days before the order, of whatever time it is now, and by no other list", async () => {
    const by = async (list: Uint8Array) => (await judge(prove(own.show(), provider, list))).isProven;
    expect(await by(await own.revoke(longBefore - 1_000))).toBe(true);
    expect(await by(await own.revoke(longBefore + 1_000))).toBe(false);
    expect(await by(await own.revoke(longBefore - 1_000, '0badcafe'))).toBe(false);
    expect(await by(await own.revoke(longBefore - 1_000, undefined, own.top))).toBe(false);
    expect(wrongIn(await judge(prove(own.show(), provider, new Uint8Array([1]))))).toEqual(['proof-form']);
    // A week is over, and the list that the provider holds, and validators take, is good for three more.
    expect(await by(await own.revoke(expiresAtMs - 600_000 - REVOKED_GRACE_MS - 1_000))).toBe(false);
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

  const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

  it.each(MISTAKES)('TDX with %s is not ejected', async (_what, mistake) => {
    const quote = file('dcap-qvl/tdx_quote');
    const text = Buffer.from(quote).toString('latin1');
    const texts = text.match(PEM) ?? [];
    expect(texts).toHaveLength(3);
    const chain = texts.map((one) => parseCertificate(one, 'the quote'));
    const parsed = parseQuote(quote);
    const certificates = mistake(chain)
      .map((one) => one.toString('pem'))
      .join('\n');
    expect(await findQuoteForgery({ ...parsed, certificates })).toBeUndefined();
    const enclaveReport = parsed.enclaveReport.slice();
    enclaveReport[0] = (enclaveReport[0] as number) ^ 1;
    expect(await findQuoteForgery({ ...parsed, enclaveReport })).toContain('did not sign for the key');
  });

  const readReport = () =>
    new Uint8Array(Buffer.from(new TextDecoder().decode(file('sev-virtee/report_milan.hex')).trim(), 'hex'));
  const certificate = (path: string): X509Certificate =>
    parseCertificate(path.endsWith('.pem') ? new TextDecoder().decode(file(path)) : file(path), path);
  const readMilan = (): X509Certificate[] =>
    ['vcek_milan.der', 'milan_ask.pem', 'milan_ark.pem'].map((name) => certificate(`sev-virtee/${name}`));
  const bentReport = (at: number) => {
    const bent = readReport();
    bent[at] = (bent[at] as number) ^ 1;
    return parseSnpReport(bent);
  };

  it.each([
    ...MISTAKES,
    ['the key of another chip', ([, ...rest]: Chain) => [certificate('dstack/sev_snp_vcek.pem'), ...rest]],
    ['the key of another processor', ([, ...rest]: Chain) => [certificate('sev-virtee/vcek_turin.der'), ...rest]],
    [
      'issuer and root of another processor',
      ([leaf]: Chain) => [
        ...[leaf as X509Certificate, certificate('sev-virtee/genoa_ask.pem'), certificate('sev-virtee/genoa_ark.pem')],
      ],
    ],
  ] as typeof MISTAKES)('SEV-SNP with %s is not ejected', async (_what, mistake) => {
    expect(await findReportForgery(parseSnpReport(readReport()), mistake(readMilan()))).toBeUndefined();
  });

  it('SEV-SNP is ejected for a report that the key of its chip and versions did not sign, or a key that AMD did not', async () => {
    const [report, milan] = [readReport(), readMilan()];
    expect(await findReportForgery(parseSnpReport(report), milan)).toBeUndefined();
    expect(await findReportForgery(bentReport(0x50), milan)).toBe("the chip's key did not sign the report");
    // Of other versions, of another chip, signed by a key that a cloud was lent, masked.
    for (const at of [0x180, 0x1a0]) expect(await findReportForgery(bentReport(at), milan)).toBeUndefined();
    for (const signer of [2, 4]) {
      const lent = report.slice();
      lent[0x48] = (lent[0x48] as number) | signer;
      expect(await findReportForgery(parseSnpReport(lent), milan)).toBeUndefined();
    }
    const own = new Uint8Array((milan[0] as X509Certificate).rawData);
    own[own.length - 1] = (own.at(-1) as number) ^ 1;
    const forged = [parseCertificate(own, 'forged'), ...milan.slice(1)];
    expect(await findReportForgery(parseSnpReport(report), forged)).toContain('is not signed by SEV-Milan');
    expect(await findReportForgery(parseSnpReport(report), forged, AMD_ROOTS.slice(1))).toBeUndefined();
  });
});
