import 'reflect-metadata';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509Crl,
} from '@peculiar/x509';
import { own } from './byte-reader.ts';
import { EvidenceError } from './evidence-error.ts';

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;
const MAX_CERTIFICATES = 8;
const MAX_CERTIFICATE_BYTES = 16_384;

/** A chain as text, leaf first. @throws EvidenceError */
export function parseChain(pem: string, what: string): X509Certificate[] {
  const texts = pem.length <= MAX_CERTIFICATES * MAX_CERTIFICATE_BYTES ? (pem.match(PEM) ?? []) : [];
  if (texts.length === 0 || texts.length > MAX_CERTIFICATES)
    throw new EvidenceError(`${what} has no certificates, or more than ${MAX_CERTIFICATES}`);
  return texts.map((text) => parseCertificate(text, what));
}

/** @param certificate PEM, or DER. @throws EvidenceError */
export function parseCertificate(certificate: string | Uint8Array, what: string): X509Certificate {
  if (certificate.length > MAX_CERTIFICATE_BYTES) throw new EvidenceError(`${what} is larger than any certificate`);
  try {
    const parsed = new X509Certificate(typeof certificate === 'string' ? certificate : own(certificate));
    // The library reads them late, and would throw an error of its own then.
    void parsed.extensions;
    return parsed;
  } catch {
    throw new EvidenceError(`${what} holds no certificate that can be read`);
  }
}

/** @throws EvidenceError */
export function parseCrl(bytes: Uint8Array, what: string): X509Crl {
  try {
    return new X509Crl(own(bytes));
  } catch {
    throw new EvidenceError(`${what} is no list of revoked certificates`);
  }
}

/**
 * Why a chain does not lead from its first certificate to the root, or undefined. Each is valid at `nowMs`, and signed by the next one
 * under its name, which may sign certificates, and so many below it.
 * @param root SHA-256 of the root's DER, in hex: the last certificate has to be this one.
 */
export async function findChainProblem(
  chain: readonly X509Certificate[],
  root: readonly string[],
  nowMs: number,
): Promise<string | undefined> {
  const last = chain.at(-1);
  if (last === undefined) return 'the chain is empty';
  const thumbprint = toHex(new Uint8Array(await last.getThumbprint('SHA-256')));
  if (!root.includes(thumbprint)) return `${nameOf(last)} is not a root of the vendor`;
  for (const [at, certificate] of chain.entries()) {
    if (!isWithin(certificate.notBefore, certificate.notAfter, nowMs))
      return `${nameOf(certificate)} is not valid at this time`;
    const issuer = chain[at + 1] ?? certificate;
    if (certificate.issuer !== issuer.subject || !(await isSignedBy(certificate, issuer)))
      return `${nameOf(certificate)} is not signed by ${nameOf(issuer)}`;
    const problem = at === 0 ? undefined : findIssuerProblem(certificate, at - 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * Decides whether a chain leads to a root of the vendor or is forged, whatever the date. Under such a root,
 * a certificate is forged if the issuer of its name did not sign it, or may not sign it.
 * Undefined if it proves neither. An operator may have left a certificate out, repeated one, or changed the order. An unknown root
 * may be a new one of the vendor's.
 * @param roots as in `findChainProblem`
 */
export async function judgeChain(
  chain: readonly X509Certificate[],
  roots: readonly string[],
): Promise<'whole' | { readonly forged: string } | undefined> {
  const root = chain.at(-1);
  if (root === undefined || !roots.includes(toHex(new Uint8Array(await root.getThumbprint('SHA-256')))))
    return undefined;
  const isInOrder = chain
    .slice(0, -1)
    .every(({ issuer, subject }, at) => issuer === chain[at + 1]?.subject && issuer !== subject);
  if (!isInOrder) return undefined;
  for (const [at, certificate] of chain.entries()) {
    const issuer = chain[at + 1];
    if (issuer !== undefined && !(await isSignedBy(certificate, issuer)))
      return { forged: `${nameOf(certificate)} is not signed by ${nameOf(issuer)}` };
    const problem = at === 0 ? undefined : findIssuerProblem(certificate, at - 1);
    if (problem !== undefined) return { forged: problem };
  }
  return 'whole';
}

/**
 * Returns a time at which a certificate was already revoked by a list of its issuer, Unix time in ms. Undefined if the list does not
 * name the certificate. The list may be out of date: a revoked certificate stays revoked.
 */
export async function readRevokedSince(
  crl: X509Crl,
  issuer: X509Certificate,
  certificate: X509Certificate,
): Promise<number | undefined> {
  const isIssuers =
    crl.issuer === issuer.subject && (await crl.verify({ publicKey: issuer.publicKey }).catch(() => false));
  const serial = plainSerial(certificate.serialNumber);
  const isListed = isIssuers && crl.entries.some((entry) => plainSerial(entry.serialNumber) === serial);
  return isListed ? crl.thisUpdate.getTime() : undefined;
}

/**
 * Finds the reason why this certificate may not sign others. Otherwise the owner of a machine's key could make a certificate of its own.
 * @param below how many issuers stand between it and the first certificate.
 */
function findIssuerProblem(certificate: X509Certificate, below: number): string | undefined {
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  if (constraints?.ca !== true) return `${nameOf(certificate)} may not sign certificates`;
  if (constraints.pathLength !== undefined && constraints.pathLength < below)
    return `${nameOf(certificate)} may not have ${below} issuers below it`;
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  const isForSigning = usages === undefined || (usages & KeyUsageFlags.keyCertSign) !== 0;
  return isForSigning ? undefined : `the key of ${nameOf(certificate)} is not for certificates`;
}

/** Why a list of revoked certificates says nothing good about `certificate`, or undefined. */
export async function findRevocation(
  crl: X509Crl,
  issuer: X509Certificate,
  certificate: X509Certificate,
  nowMs: number,
): Promise<string | undefined> {
  const usages = issuer.getExtension(KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & KeyUsageFlags.cRLSign) === 0)
    return `the key of ${nameOf(issuer)} is not for lists of revoked certificates`;
  const isIssuers =
    crl.issuer === issuer.subject && (await crl.verify({ publicKey: issuer.publicKey }).catch(() => false));
  if (!isIssuers) return `the list of revoked certificates is not signed by ${nameOf(issuer)}`;
  if (crl.nextUpdate === undefined || !isWithin(crl.thisUpdate, crl.nextUpdate, nowMs))
    return `the list of revoked certificates of ${nameOf(issuer)} is not of this time`;
  const serial = plainSerial(certificate.serialNumber);
  const isRevoked = crl.entries.some((entry) => plainSerial(entry.serialNumber) === serial);
  return isRevoked ? `${nameOf(certificate)} is revoked` : undefined;
}

const plainSerial = (serial: string): string => serial.toLowerCase().replace(/^(00)+/, '');
const isWithin = (from: Date, to: Date, nowMs: number): boolean => from.getTime() <= nowMs && nowMs <= to.getTime();

async function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): Promise<boolean> {
  try {
    return await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true });
  } catch {
    return false;
  }
}

const nameOf = ({ subject }: X509Certificate): string => /CN=([^,]*)/.exec(subject)?.[1] ?? subject.slice(0, 80);

/** Whether a server's certificate is of this host (RFC 6125): by names of its extension alone, where `*` stands for a whole first label. */
export function bearsName(certificate: X509Certificate, host: string): boolean {
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const [, ...rest] = host.split('.');
  return names.some(({ type, value }) => {
    if (type === 'ip') return value.toLowerCase() === host;
    if (type !== 'dns') return false;
    const name = value.toLowerCase();
    return name === host || (rest.length > 1 && name === `*.${rest.join('.')}`);
  });
}

/** Verifies r || s over a message. Keys of another curve, and signatures of another length, do not hold. */
export async function verifyEcdsa(
  key: X509Certificate | Uint8Array,
  { curve, hash }: { readonly curve: 'P-256' | 'P-384'; readonly hash: 'SHA-256' | 'SHA-384' },
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const algorithm = { name: 'ECDSA', namedCurve: curve };
  try {
    const imported =
      key instanceof Uint8Array
        ? await crypto.subtle.importKey('raw', own(key), algorithm, false, ['verify'])
        : await key.publicKey.export(algorithm, ['verify']);
    return await crypto.subtle.verify({ name: 'ECDSA', hash }, imported, own(signature), own(message));
  } catch {
    return false;
  }
}

/** The value of an extension, without the octet string around it. */
export function readExtension(certificate: X509Certificate, oid: string): Uint8Array | undefined {
  const extension = certificate.getExtension(oid);
  return extension === null ? undefined : new Uint8Array(extension.value);
}

export const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && equalBytes(a, b);
