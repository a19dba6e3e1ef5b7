import { type Check, check, fail } from '@ogong/protocol/base/checks';
import type { X509Certificate } from '@peculiar/x509';
import { findChainProblem, isSame, judgeChain, readExtension, verifyEcdsa } from './certificates.ts';
import { EvidenceError } from './evidence-error.ts';

/** AMD SEV-SNP ABI specification, table 23: an attestation report has 1,184 bytes, of which the first 672 are signed. */
const REPORT_BYTES = 1_184;
const SIGNED_BYTES = 0x2a0;
const NUMBER_BYTES = 72;
const DEBUG_BIT = 19n;
const MIGRATION_BIT = 18n;
const ECDSA_P384_SHA384 = 1;
/** Bits of the key that signed (2 to 4), and the bit of a chip that was told to sign nothing (1). */
const SIGNER_BITS = 0x1e;
const FAMILY_AT = 0x188;
const CHIP_ID_BYTES = 64;

export interface SnpReport {
  readonly version: number;
  readonly policy: bigint;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  /** The chip's own key (VCEK) signed, with nothing masked; not a key that a cloud was lent (VLEK). */
  readonly isByChipKey: boolean;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly reportedTcb: SnpTcb;
  /** 64 bytes; of family 1Ah all but the first 8 are zero. */
  readonly chipId: Uint8Array;
  /** The part of the chip's id that the certificate of its key repeats. */
  readonly hardwareId: Uint8Array;
  readonly signed: Uint8Array;
  /** r || s, 96 bytes, big-endian. */
  readonly signature: Uint8Array;
}

/** Versions of the parts that a guest relies on, each from 0 to 255. */
export interface SnpTcb {
  /** Only processors of family 1Ah have this part. */
  readonly fmc?: number;
  readonly bootLoader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Differences between families of processors: the place of each version in TCB_VERSION, and the length of the certificate's hwID. */
interface Layout {
  readonly tcbAt: SnpTcb;
  readonly hardwareIdBytes: number;
}

/**
 * Layouts by the family of the processor, which a report states since version 3.
 * Sources: AMD's SEV-SNP ABI specification (56860: TCB_VERSION, ATTESTATION_REPORT). AMD's VCEK specification (57230: certificate
 * extensions of families 19h and 1Ah).
 */
const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  // Milan and Genoa.
  [0x19, { tcbAt: { bootLoader: 0, tee: 1, snp: 6, microcode: 7 }, hardwareIdBytes: CHIP_ID_BYTES }],
  // Turin.
  [0x1a, { tcbAt: { fmc: 0, bootLoader: 1, tee: 2, snp: 3, microcode: 7 }, hardwareIdBytes: 8 }],
]);
/** Reports of version 2 name no family. They are read as Milan's; the certificate of a Turin then has another id. */
const UNNAMED_FAMILY = 0x19;

/** @throws EvidenceError for another size, an unknown version or family, or a chip's id that is longer than the family's. */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== REPORT_BYTES) throw new EvidenceError(`a report of AMD SEV-SNP has ${REPORT_BYTES} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(0, true);
  if (version < 2 || version > 5) throw new EvidenceError(`reports of version ${version} are not known`);
  const family = version === 2 ? UNNAMED_FAMILY : view.getUint8(FAMILY_AT);
  const layout = LAYOUTS.get(family);
  if (layout === undefined) throw new EvidenceError(`processors of family ${family.toString(16)}h are not known`);
  const chipId = bytes.slice(0x1a0, 0x1a0 + CHIP_ID_BYTES);
  if (chipId.subarray(layout.hardwareIdBytes).some((byte) => byte !== 0))
    throw new EvidenceError(`the id of a chip of family ${family.toString(16)}h has ${layout.hardwareIdBytes} bytes`);
  return {
    version,
    policy: view.getBigUint64(8, true),
    vmpl: view.getUint32(0x30, true),
    signatureAlgorithm: view.getUint32(0x34, true),
    isByChipKey: (view.getUint32(0x48, true) & SIGNER_BITS) === 0,
    reportData: bytes.slice(0x50, 0x90),
    measurement: bytes.slice(0x90, 0xc0),
    hostData: bytes.slice(0xc0, 0xe0),
    reportedTcb: readTcb(bytes.subarray(0x180, 0x188), layout),
    chipId,
    hardwareId: chipId.slice(0, layout.hardwareIdBytes),
    signed: bytes.slice(0, SIGNED_BYTES),
    signature: readSignature(bytes.subarray(SIGNED_BYTES)),
  };
}

function readTcb(bytes: Uint8Array, { tcbAt: { fmc, bootLoader, tee, snp, microcode } }: Layout): SnpTcb {
  const at = (index: number): number => bytes[index] as number;
  const shared = { bootLoader: at(bootLoader), tee: at(tee), snp: at(snp), microcode: at(microcode) };
  return fmc === undefined ? shared : { fmc: at(fmc), ...shared };
}

/** Two little-endian numbers of 72 bytes, of which P-384 fills 48. @throws EvidenceError where the others are not zero. */
function readSignature(bytes: Uint8Array): Uint8Array {
  const numbers = [0, NUMBER_BYTES].map((at) => bytes.slice(at, at + NUMBER_BYTES).reverse());
  if (numbers.some((number) => number.subarray(0, 24).some((byte) => byte !== 0)))
    throw new EvidenceError('the signature of the report is larger than the curve');
  const signature = new Uint8Array(96);
  for (const [i, number] of numbers.entries()) signature.set(number.subarray(24), 48 * i);
  return signature;
}

const OID = '1.3.6.1.4.1.3704.1';
/** Where the certificate of a chip's key says what the key was made for. */
const TCB_OIDS: Readonly<Record<keyof SnpTcb, string>> = {
  fmc: `${OID}.3.9`,
  bootLoader: `${OID}.3.1`,
  tee: `${OID}.3.2`,
  snp: `${OID}.3.3`,
  microcode: `${OID}.3.8`,
};
const TCB_KEYS = Object.keys(TCB_OIDS) as (keyof SnpTcb)[];
const HARDWARE_OID = `${OID}.4`;

/** SHA-256 of the self-signed certificates of AMD's root keys (ARK), by processor. */
export const AMD_ROOTS: readonly string[] = [
  // Milan, Genoa, Turin.
  '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
];

/**
 * Finds the first detail that proves the report was forged, whatever the date; undefined if there is none. A certificate of another
 * chip, of versions before the last update, or beside a report that another key signed is an operator's mistake.
 */
export async function findReportForgery(
  report: SnpReport,
  chain: readonly X509Certificate[],
  roots = AMD_ROOTS,
): Promise<string | undefined> {
  const [leaf] = chain;
  const judged = await judgeChain(chain, roots);
  if (leaf === undefined || judged === undefined) return undefined;
  if (judged !== 'whole') return judged.forged;
  const isOfLeaf = report.signatureAlgorithm === ECDSA_P384_SHA384 && report.isByChipKey && isOfReport(leaf, report);
  return isOfLeaf && !(await isSignedByChip(report, leaf)) ? "the chip's key did not sign the report" : undefined;
}

const isSignedByChip = (report: SnpReport, leaf: X509Certificate): Promise<boolean> =>
  verifyEcdsa(leaf, { curve: 'P-384', hash: 'SHA-384' }, report.signed, report.signature);

/** The certificate's key was made for the chip and the versions of the report. */
function isOfReport(leaf: X509Certificate, { hardwareId, reportedTcb }: SnpReport): boolean {
  const isOfChip = isSame(readExtension(leaf, HARDWARE_OID), hardwareId) && hardwareId.some((byte) => byte !== 0);
  return isOfChip && TCB_KEYS.every((key) => readInteger(readExtension(leaf, TCB_OIDS[key])) === reportedTcb[key]);
}

export interface SnpPolicy {
  /** Minimum version of each part; one of a part that the processor does not have says nothing. */
  readonly minimumTcb: SnpTcb;
}

/**
 * @param chain of the chip's key (VCEK), AMD's signing key (ASK) and AMD's root key (ARK).
 * @returns checks `cpu-chain`, `cpu-signature`, `cpu-identity`, `cpu-tcb`, `cpu-debug`.
 */
export async function checkSnpReport(
  report: SnpReport,
  chain: readonly X509Certificate[],
  { roots, minimumTcb, nowMs }: SnpPolicy & { readonly roots: readonly string[]; readonly nowMs: number },
): Promise<Check[]> {
  const [leaf] = chain;
  const problem = chain.length === 3 ? await findChainProblem(chain, roots, nowMs) : 'it is not VCEK, ASK and ARK';
  if (leaf === undefined) return [fail('cpu-chain', 'there are no certificates')];
  const isSigned = report.signatureAlgorithm === ECDSA_P384_SHA384 && (await isSignedByChip(report, leaf));
  const behind = TCB_KEYS.filter((key) => (report.reportedTcb[key] ?? 255) < (minimumTcb[key] ?? 0));
  const isOpen = [DEBUG_BIT, MIGRATION_BIT].some((bit) => ((report.policy >> bit) & 1n) === 1n);
  return [
    check('cpu-chain', problem === undefined, ["the chip's certificate leads to a root of AMD", problem ?? '']),
    check('cpu-signature', isSigned, ["the chip's key signed the report", "the chip's key did not sign the report"]),
    check('cpu-identity', isOfReport(leaf, report), [
      'the certificate is of this chip and these versions',
      'the certificate is of another chip, or of other versions',
    ]),
    check('cpu-tcb', behind.length === 0, ['no part is older than the policy allows', `too old: ${behind.join(', ')}`]),
    check('cpu-debug', !isOpen && report.vmpl === 0, [
      'nobody can look into the guest, or move it',
      'the guest may be debugged or moved, or another level of it asked',
    ]),
  ];
}

/** A small DER integer. */
function readInteger(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes[0] !== 2 || bytes.length !== 2 + (bytes[1] as number)) return undefined;
  return bytes.subarray(2).reduce((value, byte) => value * 256 + byte, 0);
}
