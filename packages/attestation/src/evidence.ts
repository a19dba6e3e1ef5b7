import { equalBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import { AMD_ROOTS, checkSnpReport, parseSnpReport, type SnpTcb } from './amd-snp.ts';
import { digest, own } from './byte-reader.ts';
import { parseCertificate } from './certificates.ts';
import { findEvent, parseEventLog, replayEventLog } from './event-log.ts';
import { EvidenceError } from './evidence-error.ts';
import { checkIntelQuote, INTEL_ROOTS } from './intel.ts';
import { parseCollateral } from './intel-collateral.ts';
import { parseQuote, type TdBody } from './intel-quote.ts';
import { checkGpuReport, NVIDIA_ROOTS, parseGpuReport } from './nvidia-spdm.ts';

/** What a machine shows about itself (RFC 9334: evidence, with the endorsements that it comes with). */
export interface MachineEvidence {
  readonly cpu:
    | {
        readonly kind: 'intel';
        readonly quote: Uint8Array;
        /** JSON of Intel's service. */
        readonly collateral: unknown;
      }
    | {
        readonly kind: 'amd-snp';
        readonly report: Uint8Array;
        /** VCEK, ASK, ARK, each PEM or DER. */
        readonly chain: readonly (string | Uint8Array)[];
      }
    | {
        readonly kind: 'software';
        readonly publicKey: Uint8Array;
        readonly reportData: Uint8Array;
        /** SHA-256 of the image that it says to run. */
        readonly image: Uint8Array;
        readonly signature: Uint8Array;
      };
  readonly gpu?: {
    readonly report: Uint8Array;
    /** PEM, the GPU's own first. */
    readonly chain: readonly string[];
  };
  /** The guest's event log, the JSON text of its agent. */
  readonly eventLog?: string;
  /** What the guest was told to run; its SHA-256 is the image. */
  readonly compose?: string;
}

/** What a reader demands. */
export interface EvidencePolicy {
  /** What the machine was to put into its report, 64 bytes: the hash of its keys, and the nonce of whoever asks. Without it `report-data` is skipped. */
  readonly reportData?: Uint8Array;
  /** SHA-256 of the images that may run, hex. Of AMD the launch measurement, 48 bytes. Without them `image` is skipped. */
  readonly images?: readonly string[];
  /** Of TDX: which guests may boot, hex, by `nameBoot`. Without them `boot` is skipped: another guest could log any image as its own. */
  readonly boots?: readonly string[];
  readonly acceptedTcb: readonly string[];
  readonly minimumSnpTcb: SnpTcb;
  /** Where a GPU is demanded: the nonce that it had to answer, 32 bytes. */
  readonly gpuNonce?: Uint8Array;
  /** Ed25519 keys of attesters in software, in hex. A production policy names none. */
  readonly softwareKeys: readonly string[];
  /** A time that somebody signed whom the reader believes, Unix time in ms: a clock far behind it fails `clock`. */
  readonly seenMs?: number;
}

/** How far a clock may be behind a time that others signed. */
const CLOCK_LAG_MS = 60_000;

/** What production demands beside the values of the moment. */
export const STRICT_POLICY = {
  acceptedTcb: ['UpToDate'],
  softwareKeys: [],
} as const satisfies Partial<EvidencePolicy>;

/**
 * The checks of a machine's evidence, one list for all vendors: `evidence-form`, `clock`, `cpu-vendor`, `cpu-chain`, `cpu-signature`, `cpu-identity`,
 * `cpu-collateral`, `cpu-tcb`, `cpu-debug`, `report-data`, `boot`, `event-log`, `image`, `gpu-chain`, `gpu-signature`, `gpu-nonce`. A machine is good where
 * none fails; a skipped one is not good. Nothing throws.
 * @param nowMs the reader's clock, Unix time in ms: certificates and collateral have to be of this time.
 */
export async function verifyEvidence(
  evidence: MachineEvidence,
  policy: EvidencePolicy,
  nowMs: number,
): Promise<Check[]> {
  try {
    const machine = await readMachine(evidence, policy, nowMs);
    const image = await findImage(evidence, machine);
    return [
      ...checkClock(policy, nowMs),
      ...machine.checks,
      checkReportData(machine, policy),
      ...checkBoot(machine, policy),
      ...image.checks,
      checkImage(image.hash, policy),
      ...(await checkGpu(evidence, policy, nowMs)),
    ];
  } catch (error) {
    if (error instanceof EvidenceError) return [fail('evidence-form', error.message)];
    return [fail('evidence-form', 'it cannot be read')];
  }
}

/** Old words of a vendor pass on a clock of their time. */
function checkClock({ seenMs }: EvidencePolicy, nowMs: number): Check[] {
  if (seenMs === undefined) return [];
  return [
    check('clock', seenMs <= nowMs + CLOCK_LAG_MS, [
      'the clock is not behind what others signed',
      `the clock is ${Math.round((seenMs - nowMs) / 1_000)} s behind what others signed`,
    ]),
  ];
}

function checkReportData({ reportData }: Machine, { reportData: asked }: EvidencePolicy): Check {
  if (asked === undefined) return skip('report-data', `nobody said what it was to be; it is ${toHex(reportData)}`);
  return check('report-data', equalBytes(reportData, asked), [
    'the report names the keys and the nonce that were asked for',
    'the report names other keys, or another nonce',
  ]);
}

/** Who measured the image: a guest that anybody made could write any event into its log. */
function checkBoot({ boot }: Machine, { boots }: EvidencePolicy): Check[] {
  if (boot === undefined) return [];
  if (boots === undefined) return [skip('boot', `nobody said which guest may boot; it is ${boot}`)];
  return [check('boot', boots.includes(boot), [`guest ${boot} may boot`, `guest ${boot} is not allowed`])];
}

/** The name of a TDX guest as it booted: SHA-256 of its launch measurement and its first three registers, in hex. */
const nameBoot = async ({ measurement, registers }: TdBody): Promise<string> =>
  toHex(await digest('SHA-256', measurement, ...registers.slice(0, 3)));

function checkImage(hash: string | undefined, { images }: EvidencePolicy): Check {
  if (hash === undefined) return fail('image', 'nothing says which image runs');
  if (images === undefined) return skip('image', `nobody said which may run; it is ${hash}`);
  return check('image', images.includes(hash), [`image ${hash} may run`, `image ${hash} is not allowed`]);
}

interface Machine {
  readonly checks: readonly Check[];
  readonly reportData: Uint8Array;
  /** Measured before the guest began; for Intel those of the log are in the registers. */
  readonly image?: string;
  readonly boot?: string;
  readonly registers?: readonly Uint8Array[];
  readonly configId?: Uint8Array;
}

async function readMachine({ cpu }: MachineEvidence, policy: EvidencePolicy, nowMs: number): Promise<Machine> {
  if (cpu.kind === 'amd-snp') {
    const report = parseSnpReport(cpu.report);
    const chain = cpu.chain.slice(0, 4).map((certificate) => parseCertificate(certificate, 'the chain of the chip'));
    const context = { roots: AMD_ROOTS, minimumTcb: policy.minimumSnpTcb, nowMs };
    const checks = await checkSnpReport(report, chain, context);
    return {
      checks: [vendor('AMD SEV-SNP'), ...checks],
      reportData: report.reportData,
      image: toHex(report.measurement),
    };
  }
  if (cpu.kind === 'intel') {
    const quote = parseQuote(cpu.quote);
    const context = { roots: INTEL_ROOTS, acceptedTcb: policy.acceptedTcb, nowMs };
    const checks = await checkIntelQuote(quote, parseCollateral(cpu.collateral), context);
    const { body } = quote;
    const named = { checks: [vendor(`Intel ${body.kind.toUpperCase()}`), ...checks], reportData: body.reportData };
    return body.kind === 'sgx'
      ? { ...named, image: toHex(body.measurement) }
      : { ...named, boot: await nameBoot(body), registers: body.registers, configId: body.configId };
  }
  return readSoftware(cpu, policy);
}

const vendor = (name: string): Check => ({
  id: 'cpu-vendor',
  status: 'pass',
  detail: `${name}: the vendor's root is believed`,
});

const SOFTWARE_TAG = 'ogong-software-attester-v1\n';

/** What an attester in software signs. It proves nothing about hardware: it stands in for one in tests and in the demo. */
export function encodeSoftwareStatement(reportData: Uint8Array, image: Uint8Array): Uint8Array {
  const statement = new Uint8Array(SOFTWARE_TAG.length + reportData.length + image.length);
  statement.set(utf8Encode(SOFTWARE_TAG));
  statement.set(reportData, SOFTWARE_TAG.length);
  statement.set(image, SOFTWARE_TAG.length + reportData.length);
  return statement;
}

async function readSoftware(
  { publicKey, reportData, image, signature }: Extract<MachineEvidence['cpu'], { kind: 'software' }>,
  { softwareKeys }: EvidencePolicy,
): Promise<Machine> {
  if (reportData.length !== 64 || image.length !== 32)
    throw new EvidenceError('a statement of a software attester has 64 and 32 bytes');
  const statement = own(encodeSoftwareStatement(reportData, image));
  let isSigned = false;
  try {
    const key = await crypto.subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify']);
    isSigned = await crypto.subtle.verify('Ed25519', key, own(signature), statement);
  } catch {
    isSigned = false;
  }
  const isKnown = softwareKeys.includes(toHex(publicKey));
  return {
    checks: [
      check('cpu-vendor', isKnown, [
        'software: no hardware is proven, and the policy allows that by name',
        'software: no hardware is proven, and the policy does not allow that',
      ]),
      check('cpu-signature', isSigned, [
        'the attester signed the statement',
        'the attester did not sign the statement',
      ]),
    ],
    reportData,
    image: toHex(image),
  };
}

/** What evidence says that runs, in hex, whether that is true or not; undefined where nothing says it. @throws EvidenceError */
export async function readImage(evidence: MachineEvidence): Promise<string | undefined> {
  const { cpu } = evidence;
  if (cpu.kind === 'software') return toHex(cpu.image);
  if (cpu.kind === 'amd-snp') return toHex(parseSnpReport(cpu.report).measurement);
  const { body } = parseQuote(cpu.quote);
  if (body.kind === 'sgx') return toHex(body.measurement);
  return evidence.eventLog === undefined ? undefined : findEvent(parseEventLog(evidence.eventLog), 'compose-hash');
}

/** Which image runs: of a TDX guest by its event log, held against the registers of the quote. */
async function findImage(
  { eventLog, compose }: MachineEvidence,
  { image, registers, configId }: Machine,
): Promise<{ readonly checks: readonly Check[]; readonly hash?: string }> {
  if (image !== undefined || registers === undefined || configId === undefined)
    return { checks: [], ...(image === undefined ? {} : { hash: image }) };
  if (eventLog === undefined) return { checks: [skip('event-log', 'there is no event log')] };
  const events = parseEventLog(eventLog);
  const replayed = await replayEventLog(events);
  const isSame = registers.every((register, i) => equalBytes(register, replayed.registers[i] as Uint8Array));
  const hash = findEvent(events, 'compose-hash');
  const reason =
    replayed.forged !== undefined
      ? `the payload of ${replayed.forged} is not what was measured`
      : 'the log makes other registers';
  const checks = [
    check('event-log', isSame && replayed.forged === undefined, ['the log makes the registers of the quote', reason]),
  ];
  if (hash === undefined) return { checks };
  const composed = compose === undefined ? undefined : toHex(await digest('SHA-256', utf8Encode(compose)));
  if (composed !== undefined && composed !== hash)
    return { checks: [...checks, fail('compose', 'the composition that is shown is not the one that was measured')] };
  // Newer guests have it from their launch, too.
  const isBound = configId[0] !== 1 || equalBytes(configId.subarray(1, 33), fromHex(hash, 32));
  return isBound
    ? { checks, hash }
    : { checks: [...checks, fail('compose', 'launch and event log name different compositions')] };
}

async function checkGpu({ gpu }: MachineEvidence, { gpuNonce }: EvidencePolicy, nowMs: number): Promise<Check[]> {
  if (gpuNonce === undefined) return [];
  if (gpu === undefined) return [fail('gpu-signature', 'a GPU is demanded, and none has answered')];
  const chain = gpu.chain.slice(0, 9).map((certificate) => parseCertificate(certificate, 'the chain of the GPU'));
  return checkGpuReport(parseGpuReport(gpu.report), chain, { roots: NVIDIA_ROOTS, nonce: gpuNonce, nowMs });
}
