import { toHex } from '@ogong/protocol/base/bytes';
import { createByteReader } from './byte-reader.ts';
import { EvidenceError } from './evidence-error.ts';

/**
 * A quote of Intel SGX (version 3) or TDX (versions 4 and 5), as Intel's "TDX DCAP Quoting Library API" lays it out. Its parts are
 * header, body, a signature by a key of the quoting enclave, that enclave's own report, and the platform's certificate.
 */
export interface Quote {
  readonly version: number;
  readonly body: SgxBody | TdBody;
  /** Header and body, as they are signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Of the quoting enclave: x || y, 64 bytes. */
  readonly attestationKey: Uint8Array;
  readonly enclave: SgxBody;
  /** The enclave's report as it is signed, 384 bytes. */
  readonly enclaveReport: Uint8Array;
  readonly enclaveSignature: Uint8Array;
  readonly authenticationData: Uint8Array;
  /** PEM, the platform's certificate first. */
  readonly certificates: string;
}

export interface SgxBody {
  readonly kind: 'sgx';
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly measurement: Uint8Array;
  readonly signer: Uint8Array;
  readonly productId: number;
  readonly securityVersion: number;
  readonly reportData: Uint8Array;
}

export interface TdBody {
  readonly kind: 'tdx';
  readonly teeTcbSvn: Uint8Array;
  readonly moduleSigner: Uint8Array;
  readonly moduleAttributes: Uint8Array;
  readonly attributes: Uint8Array;
  readonly measurement: Uint8Array;
  readonly configId: Uint8Array;
  /** Four registers of 48 bytes. */
  readonly registers: readonly Uint8Array[];
  readonly reportData: Uint8Array;
}

const MAX_QUOTE_BYTES = 65_536;
const HEADER_BYTES = 48;
const SGX_BYTES = 384;
const TD_1_0_BYTES = 584;
const TD_1_5_BYTES = 648;
const [SGX, TDX] = [0, 0x81];
const ECDSA_P256 = 2;
const INTEL_ENCLAVE = '939a7233f79c4ca9940a0db3957f0607';
const [PCK_CHAIN, ENCLAVE_REPORT] = [5, 6];

/** @throws EvidenceError */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length > MAX_QUOTE_BYTES) throw new EvidenceError('a quote is not so large');
  const reader = createByteReader(bytes, 'the quote');
  const version = reader.u16();
  const keyType = reader.u16();
  const tee = reader.u32();
  reader.take(4);
  const vendor = toHex(reader.take(16));
  if (![3, 4, 5].includes(version)) throw new EvidenceError(`quotes of version ${version} are not known`);
  if (keyType !== ECDSA_P256 || vendor !== INTEL_ENCLAVE)
    throw new EvidenceError('the quote is not of a quoting enclave of Intel');
  reader.take(HEADER_BYTES - reader.at);
  const body = readBody(reader, version, tee);
  const signed = bytes.slice(0, reader.at);
  // Bytes behind the signature data are padding.
  const rest = createByteReader(reader.take(reader.u32()), 'the signature of the quote');
  const signature = rest.take(64).slice();
  const attestationKey = rest.take(64).slice();
  let data = rest;
  if (version > 3) {
    if (rest.u16() !== ENCLAVE_REPORT) throw new EvidenceError('the quote has no report of its enclave');
    data = createByteReader(rest.take(rest.u32()), 'the report of the enclave');
  }
  const enclaveReport = data.take(SGX_BYTES).slice();
  const enclaveSignature = data.take(64).slice();
  const authenticationData = data.take(data.u16()).slice();
  if (data.u16() !== PCK_CHAIN) throw new EvidenceError('the quote does not carry the certificates of its platform');
  const certificates = new TextDecoder('latin1').decode(data.take(data.u32()));
  const enclave = readSgx(enclaveReport);
  return {
    ...{ version, body, signed, signature, attestationKey },
    ...{ enclave, enclaveReport, enclaveSignature, authenticationData, certificates },
  };
}

function readBody(reader: ReturnType<typeof createByteReader>, version: number, tee: number): SgxBody | TdBody {
  if (version === 5) {
    const kind = reader.u16();
    const size = reader.u32();
    const expected = { 1: SGX_BYTES, 2: TD_1_0_BYTES, 3: TD_1_5_BYTES }[kind];
    if (expected === undefined || size !== expected)
      throw new EvidenceError('the body of the quote is of no known kind');
    if ((kind === 1) !== (tee === SGX)) throw new EvidenceError('header and body of the quote are of different kinds');
    const body = reader.take(size);
    return kind === 1 ? readSgx(body) : readTd(body);
  }
  if (tee === SGX) return readSgx(reader.take(SGX_BYTES));
  if (tee === TDX && version === 4) return readTd(reader.take(TD_1_0_BYTES));
  throw new EvidenceError('the quote is of no known kind of machine');
}

const readSgx = (body: Uint8Array): SgxBody => ({
  kind: 'sgx',
  miscSelect: body.slice(16, 20),
  attributes: body.slice(48, 64),
  measurement: body.slice(64, 96),
  signer: body.slice(128, 160),
  productId: (body[256] as number) + 256 * (body[257] as number),
  securityVersion: (body[258] as number) + 256 * (body[259] as number),
  reportData: body.slice(320, 384),
});

const readTd = (body: Uint8Array): TdBody => ({
  kind: 'tdx',
  teeTcbSvn: body.slice(0, 16),
  moduleSigner: body.slice(64, 112),
  moduleAttributes: body.slice(112, 120),
  attributes: body.slice(120, 128),
  measurement: body.slice(136, 184),
  configId: body.slice(184, 232),
  registers: [328, 376, 424, 472].map((at) => body.slice(at, at + 48)),
  reportData: body.slice(520, 584),
});
