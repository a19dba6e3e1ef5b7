import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Check, check } from '@ogong/protocol/base/checks';
import type { X509Certificate } from '@peculiar/x509';
import { createByteReader } from './byte-reader.ts';
import { findChainProblem, verifyEcdsa } from './certificates.ts';
import { EvidenceError } from './evidence-error.ts';

/** DMTF DSP0274 1.1: the request for measurements, then the response, whose last 96 bytes sign both. */
const REQUEST_BYTES = 37;
const SIGNATURE_BYTES = 96;
const MAX_REPORT_BYTES = 65_536;
const [SPDM_1_1, GET_MEASUREMENTS, MEASUREMENTS] = [0x11, 0xe0, 0x60];
/** Of the measurement in a block: DMTF's form. */
const DMTF_FORM = 1;
const DRIVER_FIELD = 3;

export interface GpuReport {
  /** Chosen by the caller, 32 bytes. */
  readonly nonce: Uint8Array;
  /** Values by the index of their block, in hex. */
  readonly measurements: ReadonlyMap<number, Uint8Array>;
  readonly driver: string;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** @throws EvidenceError */
export function parseGpuReport(bytes: Uint8Array): GpuReport {
  if (bytes.length > MAX_REPORT_BYTES) throw new EvidenceError('a report of a GPU is not so large');
  const reader = createByteReader(bytes, 'the report of the GPU');
  const request = reader.take(REQUEST_BYTES);
  const [version, code] = [reader.u8(), reader.u8()];
  if (request[0] !== SPDM_1_1 || request[1] !== GET_MEASUREMENTS || version !== SPDM_1_1 || code !== MEASUREMENTS)
    throw new EvidenceError('these are no measurements of SPDM 1.1');
  reader.take(2);
  const blocks = reader.u8();
  const record = reader.take(reader.u24());
  // The responder's own.
  reader.take(32);
  const opaque = reader.take(reader.u16());
  const signature = reader.take(SIGNATURE_BYTES);
  if (reader.at !== bytes.length) throw new EvidenceError('bytes follow the signature of the GPU');
  return {
    nonce: request.slice(4, 36),
    measurements: readBlocks(record, blocks),
    driver: readOpaque(opaque).get(DRIVER_FIELD) ?? '',
    signed: bytes.slice(0, bytes.length - SIGNATURE_BYTES),
    signature: signature.slice(),
  };
}

function readBlocks(record: Uint8Array, blocks: number): Map<number, Uint8Array> {
  const reader = createByteReader(record, 'the record of measurements');
  const measurements = new Map<number, Uint8Array>();
  for (let i = 0; i < blocks; i++) {
    const [index, form] = [reader.u8(), reader.u8()];
    const block = createByteReader(reader.take(reader.u16()), 'a measurement');
    if (form !== DMTF_FORM || measurements.has(index)) throw new EvidenceError('a measurement is of no known form');
    block.u8();
    measurements.set(index, block.take(block.u16()).slice());
  }
  if (reader.at !== record.length) throw new EvidenceError('bytes follow the measurements');
  return measurements;
}

function readOpaque(opaque: Uint8Array): Map<number, string> {
  const reader = createByteReader(opaque, 'the opaque data of the GPU');
  const fields = new Map<number, string>();
  while (reader.at < opaque.length) {
    const kind = reader.u16();
    const value = reader.take(reader.u16());
    fields.set(kind, new TextDecoder('latin1').decode(value).replaceAll('\0', ''));
  }
  return fields;
}

/** SHA-256 of NVIDIA's root for identities of devices. */
export const NVIDIA_ROOTS: readonly string[] = ['102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48'];

/** @returns checks `gpu-chain`, `gpu-signature`, `gpu-nonce`. */
export async function checkGpuReport(
  report: GpuReport,
  chain: readonly X509Certificate[],
  { roots, nonce, nowMs }: { readonly roots: readonly string[]; readonly nonce: Uint8Array; readonly nowMs: number },
): Promise<Check[]> {
  const problem = await findChainProblem(chain, roots, nowMs);
  const [leaf] = chain;
  const isSigned =
    leaf !== undefined &&
    (await verifyEcdsa(leaf, { curve: 'P-384', hash: 'SHA-384' }, report.signed, report.signature));
  return [
    check('gpu-chain', problem === undefined, ["the GPU's certificate leads to a root of NVIDIA", problem ?? '']),
    check('gpu-signature', isSigned, ["the GPU's key signed its measurements", "the GPU's key did not sign them"]),
    check('gpu-nonce', equalBytes(report.nonce, nonce), [
      'the GPU answered this question',
      'the GPU answered another question',
    ]),
  ];
}
