import { existsSync, readFileSync } from 'node:fs';
import { type MachineEvidence, STRICT_POLICY, verifyEvidence } from '@ogong/attestation/evidence';
import { fromHex } from '@ogong/protocol/base/bytes';
import { readAllThreadsMs } from './busy-time.ts';
import type { Row } from './row.ts';

/** Evidence of real machines, which is no part of this repository. */
const SAMPLES = new URL('../../../../shared/vectors/tee/', import.meta.url);
const ROUNDS = 100;
const GPU_NONCE = [4, 36] as const;

const text = (path: string): string => readFileSync(new URL(path, SAMPLES), 'utf8');
const json = (path: string): Record<string, string> => JSON.parse(text(path)) as Record<string, string>;
const hex = (path: string): Uint8Array => fromHex(text(path).trim().replace(/^0x/, ''));

interface Sample {
  readonly evidence: MachineEvidence;
  readonly nowMs: number;
  readonly gpuNonce?: Uint8Array;
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

const KINDS = [
  ['evidence-tdx', 'evidence of Intel TDX: quote, collateral, event log', readGuest],
  ['evidence-snp', 'evidence of AMD SEV-SNP: report and chain', readSnp],
  ['evidence-snp-gpu', 'the same with the report of an NVIDIA H100', readGpu],
] as const;

/** What it takes to check a machine's evidence, in Node. */
export async function measureEvidence(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [id, what, read] of KINDS) {
    const row = { id, what: `${what}, Node`, unit: 'ms' } as const;
    if (!existsSync(SAMPLES)) rows.push({ ...row, value: undefined, note: 'the samples of real machines are absent' });
    else rows.push({ ...row, value: await timeChecks(read()), note: 'all checks, on all threads' });
  }
  return rows;
}

async function timeChecks({ evidence, nowMs, gpuNonce }: Sample): Promise<number> {
  const minimumSnpTcb = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
  const policy = { ...STRICT_POLICY, minimumSnpTcb, ...(gpuNonce && { gpuNonce }) };
  const check = () => verifyEvidence(evidence, policy, nowMs);
  const failed = (await check()).find(({ status }) => status === 'fail');
  if (failed !== undefined) throw new Error(`the sample fails ${failed.id}: ${failed.detail}`);
  const startMs = readAllThreadsMs(process.pid);
  for (let i = 0; i < ROUNDS; i++) await check();
  return (readAllThreadsMs(process.pid) - startMs) / ROUNDS;
}
