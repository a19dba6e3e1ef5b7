import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { verifyEvidence } from '@ogong/attestation/evidence';
import { STRICT_POLICY } from '@ogong/attestation/policy-file';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import type { HonestMachine } from './attack.ts';
import { EVIDENCE_ATTACKS } from './catalogue.ts';

/** Evidence of real machines: SOURCES.md beside it. */
const VECTORS = new URL('../../../../../shared/vectors/tee/', import.meta.url);
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';
const text = (path: string): string => readFileSync(new URL(path, VECTORS), 'utf8');
const json = (path: string) => JSON.parse(text(path)) as Record<string, string>;
const hex = (path: string): Uint8Array => fromHex(text(path).trim().replace(/^0x/, ''));

const NO_TCB = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
const BODY = 48;
const at = (quote: Uint8Array, from: number, length: number) => quote.slice(BODY + from, BODY + from + length);

/** A whole guest of Intel TDX: quote, collateral, event log. */
function readGuest(): HonestMachine {
  const sample = json('vllm-proxy/SAMPLE_DSTACK_QUOTE.json');
  const info = json('vllm-proxy/SAMPLE_DSTACK_INFO.json');
  const quote = fromHex(sample.quote as string);
  // Launch measurement and the first three registers, as `boot` names them.
  const boot = createHash('sha256')
    .update(at(quote, 136, 48))
    .update(at(quote, 328, 144))
    .digest('hex');
  const policy = {
    ...STRICT_POLICY,
    ...{ reportData: at(quote, 520, 64), images: [info.compose_hash as string], boots: [boot], minimumSnpTcb: NO_TCB },
  };
  const cpu = { kind: 'intel', quote, collateral: json('dcap-qvl/near_quote_collateral.json') } as const;
  return {
    evidence: { cpu, eventLog: sample.event_log as string },
    policy,
    nowMs: Date.parse('2025-09-02T08:00:00Z'),
  };
}

/** A guest of AMD SEV-SNP beside a GPU of NVIDIA. */
function readGpuMachine(): HonestMachine {
  const report = hex('sev-virtee/report_milan.hex');
  const vcek = new Uint8Array(readFileSync(new URL('sev-virtee/vcek_milan.der', VECTORS)));
  const chain = [vcek, text('sev-virtee/milan_ask.pem'), text('sev-virtee/milan_ark.pem')];
  const gpuReport = hex('nvidia/hopperAttestationReport.txt');
  const gpuChain = text('nvidia/hopperCertChain.txt').match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) as string[];
  const policy = {
    ...STRICT_POLICY,
    ...{ reportData: report.slice(0x50, 0x90), images: [toHex(report.slice(0x90, 0xc0))], minimumSnpTcb: NO_TCB },
    gpuNonce: gpuReport.slice(4, 36),
  };
  return {
    evidence: { cpu: { kind: 'amd-snp', report, chain }, gpu: { report: gpuReport, chain: gpuChain } },
    policy,
    nowMs: Date.parse('2024-06-01T00:00:00Z'),
  };
}

const failedOf = async ({ evidence, policy, nowMs }: HonestMachine): Promise<string[]> =>
  (await verifyEvidence(evidence, policy, nowMs)).filter(({ status }) => status === 'fail').map(({ id }) => id);

describe.skipIf(absence !== '')(`lies about machines${absence && ` (${absence})`}`, () => {
  const machines = [
    ['a guest of TDX', readGuest],
    ['a guest of SEV-SNP with a GPU', readGpuMachine],
  ] as const;

  it.each(machines)('%s passes as it is', async (_name, read) => {
    expect(await failedOf(read())).toEqual([]);
  });

  it.each(EVIDENCE_ATTACKS.map((attack) => [attack.name, attack] as const))(
    '%s is caught by its check on each machine that can play it',
    async (_name, attack) => {
      let played = 0;
      for (const [, read] of machines) {
        const shown = attack.bend(read());
        if (shown === undefined) continue;
        played++;
        expect(await failedOf(shown)).toContain(attack.caughtBy);
      }
      expect(played).toBeGreaterThan(0);
    },
  );
});

it('names each lie once, and the page of threats has its row', () => {
  const names = EVIDENCE_ATTACKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const page = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8');
  for (const { name, adversary, aim, caughtBy } of EVIDENCE_ATTACKS) {
    const row = page.split('\n').find((line) => line.includes(`\`${name}.ts\``));
    expect(row, name).toContain(`| ${adversary} | ${aim} |`);
    expect(row, name).toContain(`\`${caughtBy}\``);
  }
});
