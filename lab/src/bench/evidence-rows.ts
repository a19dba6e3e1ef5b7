import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type MachineEvidence, STRICT_POLICY, verifyEvidence } from '@ogong/attestation/evidence';
import { encodeEvidence, parseEvidence } from '@ogong/attestation/evidence-file';
import { createSoftwareAttester } from '@ogong/host/attester/software-attester';
import { fromHex, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { readAllThreadsMs } from './busy-time.ts';
import type { Row } from './row.ts';

/** Evidence of real machines, which is no part of this repository. */
const SAMPLES = new URL('../../../../shared/vectors/tee/', import.meta.url);
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
  readonly softwareKeys?: readonly string[];
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
  return { evidence, nowMs: 0, softwareKeys: [toHex(attester.publicKey)] };
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
  { id: 'evidence-software', what: 'evidence of an attester in software', isReal: false, read: createSoftware },
];

/** What it takes to read and check a machine's evidence, in Node and in a page. */
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

async function timeChecks({ evidence, nowMs, gpuNonce, softwareKeys = [] }: Sample): Promise<number> {
  const minimumSnpTcb = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
  const policy = { ...STRICT_POLICY, softwareKeys, minimumSnpTcb, ...(gpuNonce && { gpuNonce }) };
  const file = encodeEvidence(evidence);
  const check = () => verifyEvidence(parseEvidence(file), policy, nowMs);
  const failed = (await check()).find(({ status }) => status === 'fail');
  if (failed !== undefined) throw new Error(`the sample fails ${failed.id}: ${failed.detail}`);
  const startMs = readAllThreadsMs(process.pid);
  for (let i = 0; i < ROUNDS; i++) await check();
  return (readAllThreadsMs(process.pid) - startMs) / ROUNDS;
}

function measureInChromium(samples: readonly Sample[]): { readonly ms?: readonly number[]; readonly missing?: string } {
  const input = samples.map(({ evidence, nowMs, gpuNonce, softwareKeys = [] }) => ({
    evidence: utf8Decode(encodeEvidence(evidence)),
    ...{ nowMs, softwareKeys },
    ...(gpuNonce && { gpuNonce: [...gpuNonce] }),
  }));
  const out = execFileSync(process.execPath, [IN_PAGE], {
    input: JSON.stringify(input),
    timeout: 120_000,
    encoding: 'utf8',
  });
  return JSON.parse(out) as { readonly ms?: readonly number[]; readonly missing?: string };
}
