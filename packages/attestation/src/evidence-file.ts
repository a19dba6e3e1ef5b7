import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { MachineEvidence } from './evidence.ts';
import { EvidenceError } from './evidence-error.ts';

/** The largest file of evidence: a GPU's report, a quote, an event log and collateral have some 200 KB together. */
const MAX_FILE_BYTES = 4 << 20;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Evidence as JSON (docs/spec/machine-evidence.md), or what a guest agent of dstack answers: `quote`, `event_log`.
 * @param collateral of an Intel quote, where the file has none. @throws EvidenceError
 */
export function parseEvidence(bytes: Uint8Array, collateral?: unknown): MachineEvidence {
  const fields = asObject(readJson(bytes), 'the evidence');
  const isAgents = fields.cpu === undefined && typeof fields.quote === 'string';
  const { gpu, event_log: eventLog, compose } = fields;
  return {
    cpu: readCpu(isAgents ? { kind: 'intel', quote: fields.quote } : asObject(fields.cpu, 'cpu'), collateral),
    ...(gpu === undefined ? {} : { gpu: readGpu(asObject(gpu, 'gpu')) }),
    ...(eventLog === undefined ? {} : { eventLog: asText(eventLog, 'event_log') }),
    ...(compose === undefined ? {} : { compose: asText(compose, 'compose') }),
  };
}

function readJson(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_FILE_BYTES) throw new EvidenceError(`evidence has at most ${MAX_FILE_BYTES} bytes`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new EvidenceError('the evidence is no JSON');
  }
}

function readCpu(fields: Fields, collateral: unknown): MachineEvidence['cpu'] {
  const { kind } = fields;
  if (kind === 'intel')
    return { kind, quote: asBytes(fields.quote, 'quote'), collateral: fields.collateral ?? collateral };
  if (kind === 'amd-snp') return { kind, report: asBytes(fields.report, 'report'), chain: asChain(fields.chain) };
  if (kind === 'software') {
    const [publicKey, reportData] = [
      asBytes(fields.public_key, 'public_key'),
      asBytes(fields.report_data, 'report_data'),
    ];
    const [image, signature] = [asBytes(fields.image, 'image'), asBytes(fields.signature, 'signature')];
    const { gpu } = fields;
    return {
      kind,
      publicKey,
      reportData,
      image,
      signature,
      ...(gpu === undefined ? {} : { gpu: asBytes(gpu, 'gpu') }),
    };
  }
  throw new EvidenceError('cpu.kind is intel, amd-snp or software');
}

/** Parses the evidence of a GPU, JSON. @throws EvidenceError */
export function parseGpuEvidence(bytes: Uint8Array): NonNullable<MachineEvidence['gpu']> {
  return readGpu(asObject(readJson(bytes), 'gpu'));
}

function readGpu(fields: Fields): NonNullable<MachineEvidence['gpu']> {
  const { kind, report, chain, rims, tokens, measured } = fields;
  if (kind === 'software') {
    const [publicKey, nonce] = [asBytes(fields.public_key, 'gpu.public_key'), asBytes(fields.nonce, 'gpu.nonce')];
    return { kind, publicKey, nonce, signature: asBytes(fields.signature, 'gpu.signature') };
  }
  if (kind !== undefined && kind !== 'nvidia') throw new EvidenceError('gpu.kind is nvidia or software');
  return {
    report: asBytes(report, 'gpu.report'),
    chain: asChain(chain),
    ...(rims === undefined ? {} : { rims: asChain(rims) }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(measured === undefined ? {} : { measured: asText(measured, 'gpu.measured') }),
  };
}

function asObject(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new EvidenceError(`${what} is no object`);
}

function asText(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new EvidenceError(`${what} is no text`);
}

function asBytes(value: unknown, what: string): Uint8Array {
  const text = asText(value, what).replace(/^0x/, '');
  if (!/^(?:[0-9a-f]{2})+$/i.test(text)) throw new EvidenceError(`${what} is no hex`);
  return fromHex(text.toLowerCase());
}

function asChain(value: unknown): string[] {
  if (!Array.isArray(value)) throw new EvidenceError('a chain is a list of certificates in PEM');
  return value.map((certificate: unknown) => asText(certificate, 'a certificate'));
}

/** The same, the other way: `parseEvidence` reads what this writes. */
export function encodeEvidence({ cpu, gpu, eventLog, compose }: MachineEvidence): Uint8Array {
  const chainOf = (chain: readonly (string | Uint8Array)[]): string[] =>
    chain.map((certificate) => (typeof certificate === 'string' ? certificate : toPem(certificate)));
  const fields = {
    cpu: encodeCpu(cpu, chainOf),
    ...(gpu && { gpu: encodeGpu(gpu, chainOf) }),
    ...(eventLog === undefined ? {} : { event_log: eventLog }),
    ...(compose === undefined ? {} : { compose }),
  };
  return utf8Encode(JSON.stringify(fields));
}

function encodeCpu(cpu: MachineEvidence['cpu'], chainOf: (chain: readonly (string | Uint8Array)[]) => string[]) {
  const { kind } = cpu;
  if (kind === 'intel') return { kind, quote: toHex(cpu.quote), collateral: cpu.collateral };
  if (kind === 'amd-snp') return { kind, report: toHex(cpu.report), chain: chainOf(cpu.chain) };
  const { publicKey, reportData, image, gpu, signature } = cpu;
  return {
    kind,
    public_key: toHex(publicKey),
    report_data: toHex(reportData),
    image: toHex(image),
    ...(gpu && { gpu: toHex(gpu) }),
    signature: toHex(signature),
  };
}

function encodeGpu(
  gpu: NonNullable<MachineEvidence['gpu']>,
  chainOf: (chain: readonly (string | Uint8Array)[]) => string[],
) {
  if (gpu.kind !== 'software') return { ...gpu, report: toHex(gpu.report), chain: chainOf(gpu.chain) };
  const { kind, publicKey, nonce, signature } = gpu;
  return { kind, public_key: toHex(publicKey), nonce: toHex(nonce), signature: toHex(signature) };
}

const toPem = (der: Uint8Array): string => {
  const base64 = btoa(Array.from(der, (byte) => String.fromCharCode(byte)).join(''));
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
};
