import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type EvidencePolicy, type MachineEvidence, verifyEvidence } from '@ogong/attestation/evidence';
import { encodeEvidence, parseEvidence } from '@ogong/attestation/evidence-file';
import { STRICT_POLICY } from '@ogong/attestation/policy-file';
import { createSoftwareAttester } from '@ogong/host/attester/software-attester';
import { fromHex, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { readAllThreadsMs } from '../busy-time.ts';
import type { Row } from '../row.ts';

/** Evidence of real machines, which is no part of this repository. */
const SAMPLES = new URL('../../../../../shared/vectors/tee/', import.meta.url);
/** When its collateral was valid. */
const SGX_AT = '2025-06-20T00:00:00Z';
const ROUNDS = 100;
const GPU_NONCE = [4, 36] as const;
/** It runs in a separate process because the SDK does not export its scripts. */
const IN_PAGE = fileURLToPath(new URL('../scripts/measure-evidence.ts', import.meta.resolve('@ogong/sdk')));

const text = (path: string): string => readFileSync(new URL(path, SAMPLES), 'utf8');
const json = (path: string): Record<string, string> => JSON.parse(text(path)) as Record<string, string>;
const hex = (path: string): Uint8Array => fromHex(text(path).trim().replace(/^0x/, ''));

interface Sample {
  readonly evidence: MachineEvidence;
  readonly nowMs: number;
  readonly gpuNonce?: Uint8Array;
  /** Exceptions to a strict policy. */
  readonly policy?: Partial<Pick<EvidencePolicy, 'acceptedTcb' | 'softwareKeys' | 'nrasKeys'>>;
  /** The only check that fails: real manifests and a real report are here, and not of one machine. */
  readonly refusedBy?: string;
}

function readGuest(): Sample {
  const sample = json('vllm-proxy/SAMPLE_DSTACK_QUOTE.json');
  const collateral = json('dcap-qvl/near_quote_collateral.json');
  const cpu = { kind: 'intel', quote: fromHex(sample.quote as string), collateral } as const;
  return { evidence: { cpu, eventLog: sample.event_log as string }, nowMs: Date.parse('2025-09-02T08:00:00Z') };
}

function readSnp(): Sample {
  const vcek = new Uint8Array(readFileSync(new URL('sev-virtee/vcek_milan.der', SAMPLES)));
  const chain = [vcek, text('sev-virtee/milan_ask.pem'), text('sev-virtee/milan_ark.pem')];
  const cpu = { kind: 'amd-snp', report: hex('sev-virtee/report_milan.hex'), chain } as const;
  return { evidence: { cpu }, nowMs: Date.parse('2024-06-01T00:00:00Z') };
}

function readGpu(): Sample {
  const report = hex('nvidia/hopperAttestationReport.txt');
  const chain = text('nvidia/hopperCertChain.txt').match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const { evidence, nowMs } = readSnp();
  return { evidence: { ...evidence, gpu: { report, chain } }, nowMs, gpuNonce: report.slice(...GPU_NONCE) };
}

async function createSoftware(): Promise<Sample> {
  const attester = createSoftwareAttester(new Uint8Array(32).fill(1), 'a program');
  const evidence = await attester.attest(new Uint8Array(64).fill(2));
  return { evidence, nowMs: 0, policy: { softwareKeys: [toHex(attester.publicKey)] } };
}

/** This quote's enclave has a level that a strict policy refuses. */
function readSgx(): Sample {
  const quote = new Uint8Array(readFileSync(new URL('dcap-qvl/sgx_quote', SAMPLES)));
  const cpu = { kind: 'intel', quote, collateral: json('dcap-qvl/sgx_quote_collateral.json') } as const;
  const acceptedTcb = ['UpToDate', 'ConfigurationAndSWHardeningNeeded'];
  return { evidence: { cpu }, nowMs: Date.parse(SGX_AT), policy: { acceptedTcb } };
}

/** A GPU's report beside a CPU in software, whose part takes a fraction of a millisecond. */
async function readSpdm(): Promise<Sample> {
  const { evidence, policy } = await createSoftware();
  const { evidence: of, gpuNonce, nowMs } = readGpu();
  return {
    evidence: { ...evidence, ...(of.gpu && { gpu: of.gpu }) },
    nowMs,
    ...(gpuNonce && { gpuNonce }),
    ...(policy && { policy }),
  };
}

async function readRims(): Promise<Sample> {
  const sample = await readSpdm();
  const rims = ['Driver_RIM_test_no_gpu', '1010_0200_882_96005E0001_test_no_gpu'].map((name) =>
    text(`nvidia/${name}.swidtag`),
  );
  const { gpu } = sample.evidence;
  if (gpu === undefined || gpu.kind === 'software') throw new TypeError('no report');
  return { ...sample, evidence: { ...sample.evidence, gpu: { ...gpu, rims } }, refusedBy: 'gpu-rim' };
}

/** Creates tokens with the statements of NVIDIA's service about a real GPU, signed by a key of this run. Its own keys are not available. */
async function createTokens(): Promise<Sample> {
  const sample = await readSpdm();
  const { gpu } = sample.evidence;
  if (gpu === undefined || gpu.kind === 'software' || sample.gpuNonce === undefined) throw new TypeError('no report');
  const [[, platform], gpus] = JSON.parse(text('vllm-proxy/NRAS_SAMPLE_RESPONSE.json')) as [
    [string, string],
    Record<string, string>,
  ];
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const nbf = Math.floor(sample.nowMs / 1_000);
  const said = { eat_nonce: toHex(sample.gpuNonce), nbf, exp: nbf + 3_600 };
  const claimsOf = (token: string): object =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object;
  const issue = (claims: object): string => {
    const parts = [
      { alg: 'ES384', kid: 'bench' },
      { ...claims, ...said },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const signature = sign('sha384', Buffer.from(parts.join('.')), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return [...parts, signature.toString('base64url')].join('.');
  };
  const signed = Object.fromEntries(Object.entries(gpus).map(([name, token]) => [name, issue(claimsOf(token))]));
  const submods = Object.fromEntries(
    Object.entries(signed).map(([name, token]) => [
      name,
      ['DIGEST', ['SHA-256', createHash('sha256').update(token).digest('hex')]],
    ]),
  );
  const tokens = [['JWT', issue({ ...claimsOf(platform), submods })], signed];
  const nrasKeys = { bench: Buffer.concat([x, y].map((part) => Buffer.from(part, 'base64url'))).toString('hex') };
  return {
    ...sample,
    evidence: { ...sample.evidence, gpu: { ...gpu, tokens } },
    policy: { ...sample.policy, nrasKeys },
  };
}

interface Kind {
  readonly id: string;
  readonly what: string;
  readonly isReal: boolean;
  readonly read: () => Sample | Promise<Sample>;
}

const KINDS: readonly Kind[] = [
  { id: 'evidence-tdx', what: 'evidence of Intel TDX: quote, collateral, event log', isReal: true, read: readGuest },
  { id: 'evidence-snp', what: 'evidence of AMD SEV-SNP: report and chain', isReal: true, read: readSnp },
  { id: 'evidence-snp-gpu', what: 'the same with the report of an NVIDIA H100', isReal: true, read: readGpu },
  { id: 'evidence-sgx', what: 'evidence of Intel SGX: quote and collateral', isReal: true, read: readSgx },
  { id: 'evidence-spdm', what: 'report of an NVIDIA H100 by SPDM', isReal: true, read: readSpdm },
  { id: 'evidence-rim', what: 'the same with manifests of its driver and VBIOS (RIM)', isReal: true, read: readRims },
  { id: 'evidence-nras', what: "the same with tokens of NVIDIA's service (NRAS)", isReal: true, read: createTokens },
  { id: 'evidence-software', what: 'evidence of an attester in software', isReal: false, read: createSoftware },
];

/** Measures the time to read and check a machine's evidence, in Node and in a page. */
export async function measureEvidence(): Promise<Row[]> {
  const hasReal = existsSync(SAMPLES);
  const here = KINDS.filter(({ isReal }) => hasReal || !isReal);
  const samples = await Promise.all(here.map(({ read }) => read()));
  const inNode: number[] = [];
  for (const sample of samples) inNode.push(await timeChecks(sample));
  const { ms, missing } = measureInChromium(samples);
  return (['Node', 'Chromium'] as const).flatMap((where) =>
    KINDS.map((kind): Row => {
      const at = here.indexOf(kind);
      const id = where === 'Node' ? kind.id : `${kind.id}-browser`;
      const row = { id, what: `${kind.what}, ${where}`, unit: 'ms' } as const;
      if (at < 0) return { ...row, value: undefined, note: 'the samples of real machines are absent' };
      return where === 'Node'
        ? { ...row, value: inNode[at], note: 'all checks, on all threads' }
        : {
            ...row,
            value: ms?.[at],
            note: missing ?? 'all checks, by the wall clock of the page; the best of seven batches',
          };
    }),
  );
}

async function timeChecks({ evidence, nowMs, gpuNonce, policy: own, refusedBy }: Sample): Promise<number> {
  const minimumSnpTcb = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
  const policy = { ...STRICT_POLICY, minimumSnpTcb, ...own, ...(gpuNonce && { gpuNonce }) };
  const file = encodeEvidence(evidence);
  const check = () => verifyEvidence(parseEvidence(file), policy, nowMs);
  const failed = (await check()).find(({ id, status }) => status === 'fail' && id !== refusedBy);
  if (failed !== undefined) throw new Error(`the sample fails ${failed.id}: ${failed.detail}`);
  const startMs = readAllThreadsMs(process.pid);
  for (let i = 0; i < ROUNDS; i++) await check();
  return (readAllThreadsMs(process.pid) - startMs) / ROUNDS;
}

function measureInChromium(samples: readonly Sample[]): { readonly ms?: readonly number[]; readonly missing?: string } {
  const input = samples.map(({ evidence, nowMs, gpuNonce, policy = {}, refusedBy = '' }) => ({
    evidence: utf8Decode(encodeEvidence(evidence)),
    ...{ nowMs, policy, refusedBy },
    ...(gpuNonce && { gpuNonce: [...gpuNonce] }),
  }));
  const out = execFileSync(process.execPath, [IN_PAGE], {
    input: JSON.stringify(input),
    timeout: 120_000,
    encoding: 'utf8',
  });
  return JSON.parse(out) as { readonly ms?: readonly number[]; readonly missing?: string };
}
