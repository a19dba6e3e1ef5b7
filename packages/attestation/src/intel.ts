import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check } from '@ogong/protocol/base/checks';
import type { X509Certificate } from '@peculiar/x509';
import { digest } from './byte-reader.ts';
import {
  findChainProblem,
  findRevocation,
  judgeChain,
  parseChain,
  parseCrl,
  readRevokedSince,
  verifyEcdsa,
} from './certificates.ts';
import {
  findTcbLevel,
  type IntelCollateral,
  isCurrent,
  judgeEnclave,
  judgeModule,
  parseSigned,
  readPlatform,
  type TcbStatus,
} from './intel-collateral.ts';
import type { Quote, SgxBody, TdBody } from './intel-quote.ts';

/** SHA-256 of the certificate "Intel SGX Root CA", which SGX and TDX share. */
export const INTEL_ROOTS: readonly string[] = ['44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'];

const P256 = { curve: 'P-256', hash: 'SHA-256' } as const;
const SGX_DEBUG = 0x02;
/** Any of the first eight bits makes a guest untrusted; debugging is the lowest. */
const TD_UNTRUSTED = 0xff;
/** Bit 29: the guest may move to another machine. */
const TD_MIGRATABLE = [3, 0x20] as const;

export interface IntelPolicy {
  /** Words of Intel's that are good enough. */
  readonly acceptedTcb: readonly string[];
}

interface Context extends IntelPolicy {
  readonly roots: readonly string[];
  readonly nowMs: number;
}

/**
 * @returns checks `cpu-chain`, `cpu-signature`, `cpu-identity`, `cpu-collateral`, `cpu-tcb`, `cpu-debug`. @throws EvidenceError where quote
 * or collateral cannot be read.
 */
export async function checkIntelQuote(quote: Quote, collateral: IntelCollateral, context: Context): Promise<Check[]> {
  const chain = parseChain(quote.certificates, 'the quote');
  const leaf = chain[0] as X509Certificate;
  const chainProblem = await findPlatformProblem(chain, collateral, context);
  const isOfEnclave = await isEnclaveKey(quote, leaf);
  const isSigned = await verifyEcdsa(pointOf(quote.attestationKey), P256, quote.signed, quote.signature);
  const tcbInfo = parseSigned(collateral.tcbInfo, 'the TCB info');
  const identity = parseSigned(collateral.qeIdentity, 'the identity of the enclave');
  const signedProblem = await findSignedProblem(collateral, { tcbInfo, identity }, context);
  const platform = readPlatform(leaf);
  const kind = quote.body.kind === 'tdx' ? 'TDX' : 'SGX';
  const isSamePlatform =
    String(tcbInfo.fmspc).toLowerCase() === platform.fmspc &&
    String(tcbInfo.pceId).toLowerCase() === platform.pceId &&
    tcbInfo.id === kind &&
    identity.id === (kind === 'TDX' ? 'TD_QE' : 'QE');
  const problem = signedProblem ?? (isSamePlatform ? undefined : 'it is of another platform');
  return [
    check('cpu-chain', chainProblem === undefined, [
      "the platform's certificate leads to Intel's root",
      chainProblem ?? '',
    ]),
    check('cpu-signature', isSigned, [
      "the enclave's key signed the quote",
      "the enclave's key did not sign the quote",
    ]),
    check('cpu-identity', isOfEnclave, [
      "the platform's key signed the report of the enclave, which names its key",
      'the key of the quote is not one that an enclave of this platform has',
    ]),
    check('cpu-collateral', problem === undefined, [
      "Intel's words about the platform are signed and of this time",
      problem ?? '',
    ]),
    checkTcb(quote, { tcbInfo, identity, level: findTcbLevel(tcbInfo, platform, quote.body) }, context),
    check('cpu-debug', !isOpen(quote.body), [
      'nobody can look into the guest, or move it',
      'the guest may be debugged or moved',
    ]),
  ];
}

const pointOf = (key: Uint8Array): Uint8Array => {
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(key, 1);
  return point;
};

/**
 * Finds the first detail that proves the quote was forged, whatever the date; undefined if there is none. It says something about the
 * platform only beside certificates that lead to a root of Intel's. @throws EvidenceError if the quote cannot be read
 */
export async function findQuoteForgery(quote: Quote, roots = INTEL_ROOTS): Promise<string | undefined> {
  const chain = parseChain(quote.certificates, 'the quote');
  const [leaf] = chain;
  if (leaf === undefined) return undefined;
  if (!(await verifyEcdsa(pointOf(quote.attestationKey), P256, quote.signed, quote.signature)))
    return 'the key of the quoting enclave did not sign the quote';
  const judged = await judgeChain(chain, roots);
  if (judged === undefined) return undefined;
  if (judged !== 'whole') return judged.forged;
  // Intel's shorter chains are of no platform.
  if (chain.length !== 3 || (await isEnclaveKey(quote, leaf))) return undefined;
  return 'the platform did not sign for the key of the quote';
}

/** Since when a list of Intel's has had the platform of a quote revoked. @throws EvidenceError where something cannot be read */
export async function readPlatformRevokedSince(quote: Quote, crl: Uint8Array): Promise<number | undefined> {
  const [leaf, issuer] = parseChain(quote.certificates, 'the quote');
  if (leaf === undefined || issuer === undefined) return undefined;
  return readRevokedSince(parseCrl(crl, 'pck_crl'), issuer, leaf);
}

/** The platform's certificate and that of its issuer are not revoked. */
async function findPlatformProblem(
  chain: readonly X509Certificate[],
  collateral: IntelCollateral,
  { roots, nowMs }: Context,
): Promise<string | undefined> {
  const [leaf, issuer, root] = chain;
  if (chain.length !== 3 || leaf === undefined || issuer === undefined || root === undefined)
    return 'it is not the certificate of a platform, its issuer and the root';
  const problem = await findChainProblem(chain, roots, nowMs);
  if (problem !== undefined) return problem;
  const issuers = parseChain(collateral.pckCrlIssuerChain, 'the collateral');
  if (!issuers.some((known) => known.equal(issuer))) return 'the list of revoked certificates is of another issuer';
  return (
    (await findRevocation(parseCrl(collateral.rootCaCrl, 'root_ca_crl'), root, issuer, nowMs)) ??
    (await findRevocation(parseCrl(collateral.pckCrl, 'pck_crl'), issuer, leaf, nowMs))
  );
}

async function isEnclaveKey(quote: Quote, leaf: X509Certificate): Promise<boolean> {
  const named = await digest('SHA-256', quote.attestationKey, quote.authenticationData);
  const { reportData } = quote.enclave;
  return (
    equalBytes(reportData.subarray(0, 32), named) &&
    reportData.subarray(32).every((byte) => byte === 0) &&
    (await verifyEcdsa(leaf, P256, quote.enclaveReport, quote.enclaveSignature))
  );
}

type Signed = Readonly<Record<'tcbInfo' | 'identity', Readonly<Record<string, unknown>>>>;

async function findSignedProblem(
  collateral: IntelCollateral,
  { tcbInfo, identity }: Signed,
  { roots, nowMs }: Context,
): Promise<string | undefined> {
  const rootCrl = parseCrl(collateral.rootCaCrl, 'root_ca_crl');
  for (const [what, text, signature, pem, fields] of [
    ['the TCB info', collateral.tcbInfo, collateral.tcbInfoSignature, collateral.tcbInfoIssuerChain, tcbInfo],
    [
      'the identity of the enclave',
      collateral.qeIdentity,
      collateral.qeIdentitySignature,
      collateral.qeIdentityIssuerChain,
      identity,
    ],
  ] as const) {
    const chain = parseChain(pem, what);
    const [leaf, root] = chain;
    const problem = await findChainProblem(chain, roots, nowMs);
    if (problem !== undefined || leaf === undefined || root === undefined || chain.length !== 2)
      return `${what}: ${problem ?? 'its certificates are not a signer and the root'}`;
    const revoked = await findRevocation(rootCrl, root, leaf, nowMs);
    if (revoked !== undefined) return revoked;
    if (!(await verifyEcdsa(leaf, P256, utf8Encode(text), signature))) return `${what} is not signed by Intel`;
    if (!isCurrent(fields, nowMs)) return `${what} is not of this time`;
  }
  return undefined;
}

function checkTcb(
  quote: Quote,
  { tcbInfo, identity, level }: Signed & { readonly level: TcbStatus | undefined },
  { acceptedTcb }: Context,
): Check {
  const words: (TcbStatus | string)[] = [
    level ?? 'no level is as old as this platform',
    judgeEnclave(identity, quote.enclave),
  ];
  if (quote.body.kind === 'tdx') words.push(judgeModule(tcbInfo, quote.body));
  const wrong = words.map((word) =>
    typeof word === 'string'
      ? word
      : acceptedTcb.includes(word.status)
        ? undefined
        : [word.status, ...word.advisories].join(' '),
  );
  const problem = wrong.find((word) => word !== undefined);
  return check('cpu-tcb', problem === undefined, [
    'platform, enclave and module are as new as the policy asks',
    problem ?? '',
  ]);
}

const isOpen = (body: SgxBody | TdBody): boolean =>
  body.kind === 'sgx'
    ? ((body.attributes[0] as number) & SGX_DEBUG) !== 0
    : ((body.attributes[0] as number) & TD_UNTRUSTED) !== 0 ||
      ((body.attributes[TD_MIGRATABLE[0]] as number) & TD_MIGRATABLE[1]) !== 0;
