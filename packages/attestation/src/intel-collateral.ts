import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { X509Certificate } from '@peculiar/x509';
import { fromBER, Integer, ObjectIdentifier, OctetString, Sequence } from 'asn1js';
import { own } from './byte-reader.ts';
import { readExtension } from './certificates.ts';
import { EvidenceError } from './evidence-error.ts';
import type { SgxBody, TdBody } from './intel-quote.ts';

/** Statements of Intel's provisioning service about a platform, as its clients save them. Texts are signed byte for byte. */
export interface IntelCollateral {
  readonly pckCrlIssuerChain: string;
  /** DER. */
  readonly rootCaCrl: Uint8Array;
  readonly pckCrl: Uint8Array;
  readonly tcbInfoIssuerChain: string;
  readonly tcbInfo: string;
  readonly tcbInfoSignature: Uint8Array;
  readonly qeIdentityIssuerChain: string;
  readonly qeIdentity: string;
  readonly qeIdentitySignature: Uint8Array;
}

const MAX_TEXT = 1 << 20;

/** @param value JSON with the fields of Intel's service in snake case, bytes in hex. @throws EvidenceError */
export function parseCollateral(value: unknown): IntelCollateral {
  const fields = asObject(value, 'the collateral');
  const text = (name: string): string => {
    const field = fields[name];
    if (typeof field !== 'string' || field.length > MAX_TEXT)
      throw new EvidenceError(`${name} of the collateral is no text`);
    return field;
  };
  const bytes = (name: string): Uint8Array => {
    const field = text(name);
    if (!/^(?:[0-9a-f]{2})+$/i.test(field)) throw new EvidenceError(`${name} of the collateral is no hex`);
    return fromHex(field.toLowerCase());
  };
  return {
    pckCrlIssuerChain: text('pck_crl_issuer_chain'),
    rootCaCrl: bytes('root_ca_crl'),
    pckCrl: bytes('pck_crl'),
    tcbInfoIssuerChain: text('tcb_info_issuer_chain'),
    tcbInfo: text('tcb_info'),
    tcbInfoSignature: bytes('tcb_info_signature'),
    qeIdentityIssuerChain: text('qe_identity_issuer_chain'),
    qeIdentity: text('qe_identity'),
    qeIdentitySignature: bytes('qe_identity_signature'),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function asObject(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new EvidenceError(`${what} is no object`);
}

/** @throws EvidenceError */
export function parseSigned(text: string, what: string): Fields {
  try {
    return asObject(JSON.parse(text), what);
  } catch (error) {
    if (error instanceof EvidenceError) throw error;
    throw new EvidenceError(`${what} is no JSON`);
  }
}

/** Whether a signed text is of this time. */
export function isCurrent(fields: Fields, nowMs: number): boolean {
  const [from, to] = [Date.parse(String(fields.issueDate)), Date.parse(String(fields.nextUpdate))];
  return from <= nowMs && nowMs <= to;
}

/** Facts in a platform's certificate. */
export interface Platform {
  readonly fmspc: string;
  readonly pceId: string;
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** Of the processor, whatever its versions are: 16 bytes in hex. */
  readonly ppid: string;
}

const SGX_EXTENSION = '1.2.840.113741.1.13.1';
const COMPONENTS = 16;

/** @throws EvidenceError */
export function readPlatform(certificate: X509Certificate): Platform {
  const extension = readExtension(certificate, SGX_EXTENSION);
  if (extension === undefined) throw new EvidenceError('the certificate is not of a platform of Intel');
  const found = new Map<string, unknown>();
  collect(fromBER(own(extension)).result, found);
  const [tcb, fmspc, pceId] = [`${SGX_EXTENSION}.2`, found.get(`${SGX_EXTENSION}.4`), found.get(`${SGX_EXTENSION}.3`)];
  const ppid = found.get(`${SGX_EXTENSION}.1`);
  const number = (name: string): number => {
    const value = found.get(name);
    if (typeof value !== 'number') throw new EvidenceError('the certificate does not say which versions it is of');
    return value;
  };
  if (typeof fmspc !== 'string' || typeof pceId !== 'string' || typeof ppid !== 'string')
    throw new EvidenceError('the certificate does not say which platform it is of');
  const components = Array.from({ length: COMPONENTS }, (_, i) => number(`${tcb}.${i + 1}`));
  return { fmspc, pceId, components, pceSvn: number(`${tcb}.17`), ppid };
}

/** Pairs of a name and a value, which may be a list of pairs again. */
function collect(node: unknown, found: Map<string, unknown>): void {
  if (!(node instanceof Sequence)) return;
  const [name, value] = node.valueBlock.value;
  if (!(name instanceof ObjectIdentifier)) {
    for (const child of node.valueBlock.value) collect(child, found);
    return;
  }
  if (value instanceof Sequence) collect(value, found);
  else if (value instanceof Integer) found.set(name.valueBlock.toString(), value.valueBlock.valueDec);
  else if (value instanceof OctetString)
    found.set(name.valueBlock.toString(), toHex(new Uint8Array(value.valueBlock.valueHexView)));
}

/** Of a level, a module or an enclave: `UpToDate`, `OutOfDate` and the like, by Intel's words. */
export interface TcbStatus {
  readonly status: string;
  readonly advisories: readonly string[];
}

const listOf = (value: unknown): readonly Fields[] =>
  Array.isArray(value) ? value.map((item: unknown) => asObject(item, 'an item of the collateral')) : [];
const statusOf = ({ tcbStatus, advisoryIDs }: Fields): TcbStatus => ({
  status: String(tcbStatus),
  advisories: Array.isArray(advisoryIDs) ? advisoryIDs.map(String) : [],
});
const svnsOf = (value: unknown): readonly number[] => listOf(value).map(({ svn }) => Number(svn));
const reaches = (have: readonly number[], want: readonly number[], from = 0): boolean =>
  want.length === COMPONENTS && want.every((svn, i) => i < from || (have[i] as number) >= svn);

/** The first level that a platform reaches, or undefined. Levels stand from the newest to the oldest. */
export function findTcbLevel(tcbInfo: Fields, platform: Platform, body: SgxBody | TdBody): TcbStatus | undefined {
  for (const level of listOf(tcbInfo.tcbLevels)) {
    const tcb = asObject(level.tcb, 'a level');
    if (!reaches(platform.components, svnsOf(tcb.sgxtcbcomponents)) || platform.pceSvn < Number(tcb.pcesvn)) continue;
    if (body.kind === 'tdx') {
      const have = [...body.teeTcbSvn];
      // The identity of a module decides if the module has a version of its own.
      if (!reaches(have, svnsOf(tcb.tdxtcbcomponents), have[1] === 0 ? 0 : 2)) continue;
    }
    return statusOf(level);
  }
  return undefined;
}

/** Why the module that ran a guest is none of Intel's, or its status. */
export function judgeModule(tcbInfo: Fields, body: TdBody): TcbStatus | string {
  const [svn, version] = [body.teeTcbSvn[0] as number, body.teeTcbSvn[1] as number];
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`;
  const identity =
    version === 0 ? tcbInfo.tdxModule : listOf(tcbInfo.tdxModuleIdentities).find((known) => known.id === id);
  if (identity === undefined) return `module ${id} is not known`;
  const { mrsigner, attributes, attributesMask, tcbLevels } = asObject(identity, 'the identity of the module');
  if (String(mrsigner).toLowerCase() !== toHex(body.moduleSigner)) return 'the module is signed by somebody else';
  if (!isMasked(body.moduleAttributes, attributes, attributesMask)) return 'the module has other attributes';
  if (version === 0) return { status: 'UpToDate', advisories: [] };
  const level = listOf(tcbLevels).find(({ tcb }) => svn >= Number(asObject(tcb, 'a level').isvsvn));
  return level === undefined ? `version ${svn} of module ${id} is below every level` : statusOf(level);
}

/** Why a quoting enclave is not Intel's, or its status. */
export function judgeEnclave(identity: Fields, enclave: SgxBody): TcbStatus | string {
  if (String(identity.mrsigner).toLowerCase() !== toHex(enclave.signer))
    return 'the enclave is signed by somebody else';
  if (Number(identity.isvprodid) !== enclave.productId) return 'the enclave is another product';
  if (!isMasked(enclave.attributes, identity.attributes, identity.attributesMask))
    return 'the enclave has other attributes';
  if (!isMasked(enclave.miscSelect, identity.miscselect, identity.miscselectMask))
    return 'the enclave has other options';
  const level = listOf(identity.tcbLevels).find(
    ({ tcb }) => enclave.securityVersion >= Number(asObject(tcb, 'a level').isvsvn),
  );
  return level === undefined ? 'the enclave is below every level' : statusOf(level);
}

function isMasked(have: Uint8Array, expected: unknown, mask: unknown): boolean {
  const isHex = (value: unknown): value is string => typeof value === 'string' && /^(?:[0-9a-f]{2})+$/i.test(value);
  if (!isHex(expected) || !isHex(mask)) return false;
  const [wanted, bits] = [fromHex(expected.toLowerCase()), fromHex(mask.toLowerCase())];
  return (
    wanted.length === have.length &&
    bits.length === have.length &&
    have.every((byte, i) => (byte & (bits[i] as number)) === ((wanted[i] as number) & (bits[i] as number)))
  );
}
