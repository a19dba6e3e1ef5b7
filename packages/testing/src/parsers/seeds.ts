import { concatBytes, fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { LoadModule, ParserCall, ParserRow } from './parser-row.ts';

/** Valid encodings for parsers of bytes whose format no committed vector has alone. */
type MakeSeeds = NonNullable<ParserRow['seeds']>;

/** Bytes that differ from each other. */
const fill = (length: number, from = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
const [KEY_BYTES, SIGNATURE_BYTES] = [1_344, 2_484];
const hybrid = { publicKey: fill(KEY_BYTES), signature: fill(SIGNATURE_BYTES) };

type Call = (...input: unknown[]) => unknown;

/** Encodes values with a function of the repository. */
const encoded =
  (file: string, name: string, ...values: readonly unknown[]): MakeSeeds =>
  async (load) => {
    const encode = (await load(`protocol/src/${file}`))[name] as unknown as (value: unknown) => Uint8Array;
    return values.map((value) => encode(value));
  };

/** Returns what a parser makes of the longest vector that it accepts. */
async function parseOne(load: LoadModule, vectors: readonly Uint8Array[], file: string, name: string) {
  const parse = (await load(`protocol/src/${file}`))[name] as unknown as ParserCall;
  for (const bytes of vectors)
    try {
      return { bytes, parsed: parse(bytes as never) as never };
    } catch {
      // The vector has another format.
    }
  throw new TypeError(`no vector for ${name}`);
}

const statement = (place: number) => ({ place, isRefused: true, epoch: 7n, timeMs: 9, signature: fill(65) });
const member = (at: number) => ({
  ...{ providerId: fill(32, at), payee: fill(20), firstLayer: 8 * at, layers: 8, pricePer1kAtomic: 5n },
  ...{ numericClass: 'fake-1/js/f64/exact/hash/kv-none', sessionKey: fill(32, at) },
});
const candidate = (at: number) => ({
  ...{ providerId: fill(32, at), payee: fill(20), keyHash: fill(32), operator: fill(32) },
  ...{ numericClass: 'fake-1/js/f64/exact/hash/kv-none', contextSize: 4_096, weight: 5n },
});

const settlement = {
  batch: {
    ...{ validator: fill(20), sequence: 3n, logHead: fill(32), logLength: 9n, recordsRoot: fill(32), replies: 2 },
  },
  debits: [1, 2].map((at) => ({
    ...{ payer: fill(20, at), amount: 5n, cumulative: 9n, termsHash: fill(32), signature: fill(65) },
  })),
  lines: [1, 2].map((at) => ({
    ...{ providerId: fill(32, at), payee: fill(20), router: fill(20), gross: 5n, fine: 1n, modelRoot: fill(32) },
  })),
  ejections: [fill(32, 1), fill(32, 2)],
  tallies: [{ payee: fill(20), credits: 7, refuted: 1 }],
  uncollectable: [fill(20, 9)],
};

const credential = {
  ...{ announcement: fill(400), providerKey: hybrid.publicKey, signature: hybrid.signature, payeeWord: fill(73) },
  verifierEndorsement: { word: fill(200), verifierKey: hybrid.publicKey, signature: hybrid.signature },
};

const machineProof = {
  ...{ order: fill(300), record: fill(200), providerKey: hybrid.publicKey, attestation: fill(3_000) },
  revokedList: fill(500),
};

/** Windows of 32 positions: the draws of each list 64 candidates, and every fourth is of the tail. */
export const makeDraws: MakeSeeds = async (load) => {
  const { encodeDraws } = await load('protocol/src/modality/text/commitment/window.ts');
  const rows = Array.from({ length: 32 }, (_, at) => ({
    ids: Array.from({ length: 64 }, (__, i) => 97 * i + at),
    q: Array.from({ length: 64 }, (__, i) => 1_000_000 - 9_000 * i),
    tail: 4_096,
    ...(at % 4 === 3 ? { rank: -1, tailId: 31_000, tailQ: 77 } : { rank: at }),
  }));
  const whole = { rows, runs: [{ length: 32, shapeClass: 0 }] };
  return [(encodeDraws as unknown as Call)(whole, { vocabularySize: 32_000 }) as Uint8Array];
};

const makeBeaconMessages: MakeSeeds = async (load, vectors) => {
  const { encodeBeaconMessage } = await load('protocol/src/beacon/beacon-message.ts');
  const encode = encodeBeaconMessage as unknown as (message: object) => Uint8Array;
  const { parsed } = await parseOne(load, vectors, 'beacon/beacon.ts', 'parseBeaconCertificate');
  const certificate: { readonly epoch: bigint; readonly contributions?: readonly object[] } = parsed;
  const { epoch, contributions = [] } = certificate;
  const member = (at: number) => ({ address: fill(20, at), signingKey: fill(20), stake: 9n, vrfKey: fill(32) });
  const proposed = { epoch, view: 2, previous: fill(32), set: fill(32), next: fill(32), block: 5n, contributions };
  return [
    encode({ kind: 'proposal', ...proposed, justify: certificate }),
    encode({ kind: 'set', epoch, members: [1, 2, 3].map(member) }),
  ];
};

const makeDivergences: MakeSeeds = async (load, vectors) => {
  const file = 'modality/text/stage2/trace-report.ts';
  const { bytes: report, parsed } = await parseOne(load, vectors, file, 'parseTraceReport');
  const { recordHash, position, numericClass } = parsed as Readonly<Record<string, unknown>>;
  const trace = { report, key: hybrid.publicKey, signature: hybrid.signature };
  const evidence = { recordHash, position, numericClass, provider: trace, verifier: trace };
  return encoded('modality/text/stage2/divergence.ts', 'encodeDivergence', evidence)(load, vectors);
};

const makeSummaries: MakeSeeds = async (load) => {
  const { summarizeResponse } = await load('protocol/src/commitment/response-hash.ts');
  const { nobleCrypto } = (await load('protocol/src/crypto/noble.ts')) as { nobleCrypto?: unknown };
  return [(summarizeResponse as unknown as Call)(nobleCrypto, fill(32), fill(90)) as Uint8Array];
};

const makeSettledProofs: MakeSeeds = async (load) => {
  const { toSettledProofJson } = await load('protocol/src/verdict/receipt/settled-proof.ts');
  const proof = {
    ...{ domain: { chainId: 1n, verifyingContract: fill(20) }, validator: fill(20), replyId: fill(16) },
    ...{ entry: fill(900), index: 3, proof: [fill(32), fill(32, 7)], transaction: fill(32) },
  };
  return [utf8Encode(JSON.stringify((toSettledProofJson as unknown as Call)(proof)))];
};

/** Little-endian numbers of vendors. */
const little = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 0xff);

const PEM = utf8Encode(`-----BEGIN CERTIFICATE-----\n${'AAAA'.repeat(300)}\n-----END CERTIFICATE-----\n`);

/** Quotes of Intel SGX (version 3) and TDX (versions 4 and 5), in their layout and signed by nobody. */
function makeQuotes(): Uint8Array[] {
  const head = (version: number, tee: number): Uint8Array =>
    concatBytes(
      little(version, 2),
      little(2, 2),
      little(tee, 4),
      fill(4),
      fromHex('939a7233f79c4ca9940a0db3957f0607'),
      fill(20),
    );
  const certified = concatBytes(fill(384), fill(64), little(32, 2), fill(32), little(5, 2), little(PEM.length, 4), PEM);
  const wrapped = concatBytes(little(6, 2), little(certified.length, 4), certified);
  const end = (data: Uint8Array): Uint8Array => concatBytes(little(128 + data.length, 4), fill(64), fill(64), data);
  return [
    concatBytes(head(4, 0x81), fill(584), end(wrapped)),
    concatBytes(head(5, 0x81), little(3, 2), little(648, 4), fill(648), end(wrapped)),
    concatBytes(head(3, 0), fill(384), end(certified)),
  ];
}

/** A report of a GPU in SPDM 1.1: the request, measurements and opaque data, signed by nobody. */
function makeGpuReport(): Uint8Array {
  const block = (index: number): Uint8Array =>
    concatBytes(little(index, 1), little(1, 1), little(51, 2), little(1, 1), little(48, 2), fill(48));
  const blocks = Array.from({ length: 64 }, (_, i) => block(i + 1));
  const record = concatBytes(...blocks);
  const field = (kind: number): Uint8Array => concatBytes(little(kind, 2), little(16, 2), fill(16));
  const opaque = concatBytes(...Array.from({ length: 20 }, (_, i) => field(i + 1)));
  return concatBytes(
    ...[fromHex('11e00000'), fill(33), fromHex('11600000'), little(blocks.length, 1), little(record.length, 3), record],
    ...[fill(32), little(opaque.length, 2), opaque, fill(96)],
  );
}

function makeSnpReport(): Uint8Array {
  const bytes = new Uint8Array(1_184);
  bytes.set(fill(0x2a0 - 4), 4);
  bytes.set(little(2, 4));
  return bytes;
}

/** Seeds by file and name of the parser. */
export const SEEDS: Readonly<Record<string, MakeSeeds>> = {
  'attestation/src/amd-snp.ts parseSnpReport': async () => [makeSnpReport()],
  'attestation/src/intel-quote.ts parseQuote': async () => makeQuotes(),
  'attestation/src/nvidia-spdm.ts parseGpuReport': async () => [makeGpuReport()],
  'protocol/src/beacon/beacon-message.ts parseBeaconMessage': makeBeaconMessages,
  'protocol/src/commitment/response-hash.ts parseResponseSummary': makeSummaries,
  'protocol/src/machine/machine-ejection.ts parseMachineProof': encoded(
    'machine/machine-ejection.ts',
    'encodeMachineProof',
    machineProof,
  ),
  'protocol/src/modality/text/commitment/token-window.ts decodeTokenWindow': encoded(
    'modality/text/commitment/token-window.ts',
    'encodeTokenWindow',
    { count: 32, ids: Array.from({ length: 32 }, (_, i) => 900 * i) },
  ),
  'protocol/src/modality/text/stage2/divergence.ts parseDivergence': makeDivergences,
  'protocol/src/settlement/batch.ts parseSettlement': encoded('settlement/batch.ts', 'encodeSettlement', settlement),
  'protocol/src/settlement/cohort-agreement.ts parseCohortTerms': encoded(
    'settlement/cohort-agreement.ts',
    'encodeCohortTerms',
    {
      ...{ chainId: 1n, escrow: fill(20), orderHash: fill(32), manifestHash: fill(32), modelRoot: fill(32) },
      ...{ leaderLink: fill(32), blindHash: fill(32) },
      members: [0, 1, 2].map(member),
    },
  ),
  'protocol/src/settlement/cohort-agreement.ts parseCohortAgreement': encoded(
    'settlement/cohort-agreement.ts',
    'encodeCohortAgreement',
    {
      terms: {
        ...{ chainId: 1n, escrow: fill(20), orderHash: fill(32), manifestHash: fill(32), modelRoot: fill(32) },
        ...{ leaderLink: fill(32), blindHash: fill(32) },
        members: [0, 1, 2].map(member),
      },
      signatures: [hybrid, hybrid, hybrid],
    },
  ),
  'protocol/src/tier/evidence-parts.ts parseParts': encoded('tier/evidence-parts.ts', 'encodeParts', {
    attestation: fill(3_000),
    router: fill(300),
  }),
  'protocol/src/verdict/credential.ts parseCredential': encoded(
    'verdict/credential.ts',
    'encodeCredential',
    credential,
  ),
  'protocol/src/verdict/evidence.ts parseCandidates': encoded(
    'verdict/evidence.ts',
    'encodeCandidates',
    [1, 2, 3].map(candidate),
  ),
  'protocol/src/verdict/evidence.ts parseDrift': encoded('verdict/evidence.ts', 'encodeDrift', {
    ...{ tableHash: fill(32), rejectPpb: 1_000, doubtPpb: 9_000, extrapolate: true },
  }),
  'protocol/src/verdict/evidence.ts parseKeptConsent': encoded('verdict/evidence.ts', 'encodeKeptConsent', {
    ...{ providerKey: hybrid.publicKey, signature: hybrid.signature },
  }),
  'protocol/src/verdict/receipt/settled-proof.ts parseSettledProof': makeSettledProofs,
  'protocol/src/verdict/witnessed.ts parseStatements': encoded(
    'verdict/witnessed.ts',
    'encodeStatements',
    [0, 1, 2, 3].map(statement),
  ),
};
