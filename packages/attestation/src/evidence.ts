import { equalBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import { AMD_ROOTS, checkSnpReport, findReportForgery, parseSnpReport, type SnpTcb } from './amd-snp.ts';
import { digest, own } from './byte-reader.ts';
import { parseCertificate } from './certificates.ts';
import { findEvent, parseEventLog, replayEventLog } from './event-log.ts';
import { EvidenceError } from './evidence-error.ts';
import { encodeSoftwareGpuStatement, encodeSoftwareStatement } from './evidence-statement.ts';
import { checkIntelQuote, findQuoteForgery, INTEL_ROOTS } from './intel.ts';
import { parseCollateral } from './intel-collateral.ts';
import { parseQuote, type TdBody } from './intel-quote.ts';
import { checkRims, NVIDIA_RIM_ROOTS } from './nvidia-rim.ts';
import { checkGpuReport, NVIDIA_ROOTS, parseGpuReport } from './nvidia-spdm.ts';
import { checkGpuTokens, checkMeasuredGpu } from './nvidia-token.ts';

/** Statements of a machine about itself (RFC 9334: evidence, with its endorsements). */
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
        /** SHA-256 of the key of the GPU in software that it says to have. */
        readonly gpu?: Uint8Array;
        readonly signature: Uint8Array;
      };
  readonly gpu?: NvidiaEvidence | SoftwareGpuEvidence;
  /** The guest's event log, the JSON text of its agent. */
  readonly eventLog?: string;
  /** The Compose file of the guest; its SHA-256 is the image. */
  readonly compose?: string;
}

/** Evidence of a GPU of NVIDIA. */
export interface NvidiaEvidence {
  readonly kind?: 'nvidia';
  readonly report: Uint8Array;
  /** PEM, the GPU's own first. */
  readonly chain: readonly string[];
  /** Manifests of NVIDIA for its driver and its VBIOS, XML. */
  readonly rims?: readonly string[];
  /** Answer of NVIDIA's remote service, JSON. */
  readonly tokens?: unknown;
  /** The guest's findings about the GPU, the text that it measured when it began. */
  readonly measured?: string;
}

/** Stands in for the evidence of a GPU, beside an attester in software. */
export interface SoftwareGpuEvidence {
  readonly kind: 'software';
  readonly publicKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
}

/** Demands of a reader. */
export interface EvidencePolicy {
  /** Expected report data, 64 bytes: the hash of the machine's keys, and the reader's nonce. Without it `report-data` is skipped. */
  readonly reportData?: Uint8Array;
  /** SHA-256 of the images that may run, hex. Of AMD the launch measurement, 48 bytes. Without them `image` is skipped. */
  readonly images?: readonly string[];
  /** Boot measurements of TDX guests that may run, hex, by `nameBoot`. Without them `boot` is skipped: another guest could log any image as its own. */
  readonly boots?: readonly string[];
  readonly acceptedTcb: readonly string[];
  readonly minimumSnpTcb: SnpTcb;
  /** Where a GPU is demanded: the nonce that it had to answer, 32 bytes. */
  readonly gpuNonce?: Uint8Array;
  /** Keys of NVIDIA's remote service by their names, x || y of P-384 in hex. Without them no token of it is believed. */
  readonly nrasKeys?: Readonly<Record<string, string>>;
  /** Ed25519 keys of attesters in software, in hex. A production policy names none. */
  readonly softwareKeys: readonly string[];
  /** A time that somebody signed whom the reader believes, Unix time in ms: a clock far behind it fails `clock`. */
  readonly seenMs?: number;
}

/** How far a clock may be behind a time that others signed. */
const CLOCK_LAG_MS = 60_000;

/**
 * Checks a machine's evidence. A machine is good if every check passes; a skipped check is not a pass. Nothing throws.
 *
 * All vendors share one list of checks:
 * - `evidence-form`, `clock`
 * - `cpu-vendor`, `cpu-chain`, `cpu-signature`, `cpu-identity`, `cpu-collateral`, `cpu-tcb`, `cpu-debug`
 * - `report-data`, `boot`, `event-log`, `image`
 * - `gpu-chain`, `gpu-signature`, `gpu-nonce`, `gpu-rim`, `gpu-token`, `gpu-machine`
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
      ...(await checkMeasured(evidence, policy, image.isReplayed === true)),
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

/** Checks the guest that measured the image: a guest of an attacker could write any event into its log. */
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

async function readSoftware(
  { publicKey, reportData, image, gpu, signature }: Extract<MachineEvidence['cpu'], { kind: 'software' }>,
  { softwareKeys }: EvidencePolicy,
): Promise<Machine> {
  if (reportData.length !== 64 || image.length !== 32 || (gpu !== undefined && gpu.length !== 32))
    throw new EvidenceError('a statement of a software attester has 64 and 32 bytes, and 32 of its GPU');
  const isSigned = await verifyEd25519(publicKey, encodeSoftwareStatement(reportData, image, gpu), signature);
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

async function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', key, own(signature), own(message));
  } catch {
    return false;
  }
}

/**
 * Finds the detail that proves the evidence was forged: a signature or a chain of the CPU that does not hold, whatever the date. Undefined
 * if there is none. Expired or old evidence, an unknown vendor, or an answer to another question is no forgery: the machine loses traffic, and
 * keeps its key.
 * @throws EvidenceError where it cannot be read, which is no forgery either
 */
export async function findForgery({ cpu }: MachineEvidence): Promise<string | undefined> {
  if (cpu.kind === 'intel') return findQuoteForgery(parseQuote(cpu.quote));
  if (cpu.kind === 'amd-snp') {
    const chain = cpu.chain.slice(0, 4).map((certificate) => parseCertificate(certificate, 'the chain of the chip'));
    return findReportForgery(parseSnpReport(cpu.report), chain);
  }
  const { publicKey, reportData, image, gpu, signature } = cpu;
  const isSigned = await verifyEd25519(publicKey, encodeSoftwareStatement(reportData, image, gpu), signature);
  return isSigned ? undefined : 'the attester in software did not sign the statement';
}

/** The 64 bytes that evidence of a CPU says to have been given, whether that is true or not. @throws EvidenceError */
export function readReportData({ cpu }: MachineEvidence): Uint8Array {
  if (cpu.kind === 'software') return cpu.reportData;
  return cpu.kind === 'amd-snp' ? parseSnpReport(cpu.report).reportData : parseQuote(cpu.quote).body.reportData;
}

/** Returns the image that the evidence names, in hex, true or not; undefined if it names none. @throws EvidenceError */
export async function readImage(evidence: MachineEvidence): Promise<string | undefined> {
  const { cpu } = evidence;
  if (cpu.kind === 'software') return toHex(cpu.image);
  if (cpu.kind === 'amd-snp') return toHex(parseSnpReport(cpu.report).measurement);
  const { body } = parseQuote(cpu.quote);
  if (body.kind === 'sgx') return toHex(body.measurement);
  return evidence.eventLog === undefined ? undefined : findEvent(parseEventLog(evidence.eventLog), 'compose-hash');
}

/** Finds the image that runs. For a TDX guest it follows from the event log, compared with the registers of the quote. */
async function findImage(
  { eventLog, compose }: MachineEvidence,
  { image, registers, configId }: Machine,
): Promise<{ readonly checks: readonly Check[]; readonly hash?: string; readonly isReplayed?: boolean }> {
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
  const isReplayed = isSame && replayed.forged === undefined;
  if (hash === undefined) return { checks, isReplayed };
  const composed = compose === undefined ? undefined : toHex(await digest('SHA-256', utf8Encode(compose)));
  if (composed !== undefined && composed !== hash)
    return { checks: [...checks, fail('compose', 'the composition that is shown is not the one that was measured')] };
  // Newer guests have it from their launch, too.
  const isBound = configId[0] !== 1 || equalBytes(configId.subarray(1, 33), fromHex(hash, 32));
  return isBound
    ? { checks, hash, isReplayed }
    : { checks: [...checks, fail('compose', 'launch and event log name different compositions')] };
}

async function checkGpu(
  { gpu }: MachineEvidence,
  { gpuNonce, nrasKeys, softwareKeys }: EvidencePolicy,
  nowMs: number,
): Promise<Check[]> {
  if (gpuNonce === undefined) return [];
  if (gpu === undefined) return [fail('gpu-signature', 'a GPU is demanded, and none has answered')];
  if (gpu.kind === 'software') return checkSoftwareGpu(gpu, { gpuNonce, softwareKeys });
  const chain = gpu.chain.slice(0, 9).map((certificate) => parseCertificate(certificate, 'the chain of the GPU'));
  const report = parseGpuReport(gpu.report);
  const checks = await checkGpuReport(report, chain, { roots: NVIDIA_ROOTS, nonce: gpuNonce, nowMs });
  const { rims, tokens } = gpu;
  if (rims !== undefined) checks.push(await checkRims(report, rims, { roots: NVIDIA_RIM_ROOTS, nowMs }));
  if (tokens !== undefined) checks.push(await checkGpuTokens(tokens, { keys: nrasKeys ?? {}, nonce: gpuNonce, nowMs }));
  // The signer of the GPU's report has not vouched for its software.
  if (rims === undefined && tokens === undefined)
    checks.push(skip('gpu-rim', 'neither manifests of its driver and VBIOS nor tokens of the service are here'));
  return checks;
}

async function checkSoftwareGpu(
  { publicKey, nonce, signature }: SoftwareGpuEvidence,
  { gpuNonce, softwareKeys }: { readonly gpuNonce: Uint8Array; readonly softwareKeys: readonly string[] },
): Promise<Check[]> {
  const isSigned = await verifyEd25519(publicKey, encodeSoftwareGpuStatement(nonce), signature);
  return [
    check('gpu-chain', softwareKeys.includes(toHex(publicKey)), [
      'software: no GPU is proven, and the policy allows that by name',
      'software: no GPU is proven, and the policy does not allow that',
    ]),
    check('gpu-signature', isSigned, ['the GPU in software signed', 'the GPU in software did not sign']),
    check('gpu-nonce', equalBytes(nonce, gpuNonce), ['it answered this question', 'it answered another question']),
  ];
}

/** Both are of one machine: the CPU's registers name what its guest found about the GPU. */
async function checkMeasured(
  { cpu, gpu, eventLog }: MachineEvidence,
  { gpuNonce }: EvidencePolicy,
  isReplayed: boolean,
): Promise<Check[]> {
  if (gpuNonce === undefined || gpu === undefined) return [];
  if (gpu.kind === 'software') {
    const named = cpu.kind === 'software' ? cpu.gpu : undefined;
    const isNamed = named !== undefined && equalBytes(named, await digest('SHA-256', gpu.publicKey));
    return [
      check('gpu-machine', isNamed, [
        'the attester in software names this GPU',
        "the machine's report names another GPU, or none",
      ]),
    ];
  }
  if (gpu.measured === undefined)
    return [skip('gpu-machine', 'nothing says that GPU and CPU are of one machine, but that both answered')];
  if (!isReplayed || eventLog === undefined)
    return [fail('gpu-machine', 'no event log that makes the registers names the GPU')];
  return [await checkMeasuredGpu(gpu.measured, parseEventLog(eventLog))];
}
