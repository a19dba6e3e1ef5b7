import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { verifyEvidence } from '@ogong/attestation/evidence';
import { encodeEvidence, parseEvidence } from '@ogong/attestation/evidence-file';
import { encodeSoftwareStatement } from '@ogong/attestation/evidence-statement';
import { STRICT_POLICY } from '@ogong/attestation/policy-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrowserPage, openBrowserPage, whyNoBrowser } from '../scripts/browser-page.ts';
import { bundle } from '../scripts/build.ts';

const reason = whyNoBrowser();
/** Evidence of real machines: SOURCES.md beside it. */
const SAMPLES = new URL('../../../../shared/vectors/tee/', import.meta.url);
const sample = (path: string): string => readFileSync(new URL(path, SAMPLES), 'utf8');

type PageGlobal = { readonly ogong: Pick<typeof import('@ogong/attestation/machine-check'), 'checkEvidenceFile'> };

interface Asked {
  /** JSON. */
  readonly evidence: string;
  readonly softwareKeys: readonly string[];
  readonly nowMs: number;
}

const policyOf = ({ softwareKeys }: Asked) => ({
  ...STRICT_POLICY,
  softwareKeys,
  minimumSnpTcb: { bootLoader: 0, tee: 0, snp: 0, microcode: 0 },
});

function createSoftware(): Asked {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array((publicKey.export({ format: 'der', type: 'spki' }) as Buffer).subarray(-32));
  const [reportData, image] = [new Uint8Array(64).fill(1), new Uint8Array(32).fill(2)];
  const signature = new Uint8Array(sign(null, encodeSoftwareStatement(reportData, image), privateKey));
  const cpu = { kind: 'software', publicKey: raw, reportData, image, signature } as const;
  return { evidence: new TextDecoder().decode(encodeEvidence({ cpu })), softwareKeys: [toHex(raw)], nowMs: 0 };
}

function readGuest(): Asked {
  const { quote, event_log: log } = JSON.parse(sample('vllm-proxy/SAMPLE_DSTACK_QUOTE.json')) as Record<string, string>;
  const collateral: unknown = JSON.parse(sample('dcap-qvl/near_quote_collateral.json'));
  const evidence = JSON.stringify({ cpu: { kind: 'intel', quote, collateral }, event_log: log });
  return { evidence, softwareKeys: [], nowMs: Date.parse('2025-09-02T08:00:00Z') };
}

function readSnp(): Asked {
  const vcek = readFileSync(new URL('sev-virtee/vcek_milan.der', SAMPLES)).toString('base64');
  const chain = [
    `-----BEGIN CERTIFICATE-----\n${vcek}\n-----END CERTIFICATE-----\n`,
    sample('sev-virtee/milan_ask.pem'),
    sample('sev-virtee/milan_ark.pem'),
  ];
  const report = sample('sev-virtee/report_milan.hex').trim().replace(/^0x/, '');
  const evidence = JSON.stringify({ cpu: { kind: 'amd-snp', report, chain } });
  return { evidence, softwareKeys: [], nowMs: Date.parse('2024-06-01T00:00:00Z') };
}

const isAbsent = !existsSync(SAMPLES);
const cases: [what: string, read: () => Asked, skipped: boolean][] = [
  ['a software attester', createSoftware, false],
  ['a guest of Intel TDX', readGuest, isAbsent],
  ['a guest of AMD SEV-SNP', readSnp, isAbsent],
];

describe.skipIf(reason !== undefined)(`evidence in a page${reason ? ` (${reason})` : ''}`, () => {
  let browser: BrowserPage;
  beforeAll(async () => {
    const entry = fileURLToPath(import.meta.resolve('@ogong/attestation/machine-check'));
    browser = await openBrowserPage(await bundle(entry));
  });
  afterAll(() => browser?.close());

  const checkInPage = (asked: Asked) =>
    browser.page.evaluate(
      ({ evidence, policy, nowMs }) =>
        (globalThis as unknown as PageGlobal).ogong.checkEvidenceFile(
          new TextEncoder().encode(evidence),
          policy,
          nowMs,
        ),
      { evidence: asked.evidence, policy: policyOf(asked), nowMs: asked.nowMs },
    );

  for (const [what, read, skipped] of cases) {
    it.skipIf(skipped)(`of ${what} has the checks that Node finds, good and bent`, async () => {
      const asked = read();
      for (const evidence of [asked.evidence, bend(asked.evidence)]) {
        const one = { ...asked, evidence };
        const there = await checkInPage(one);
        const here = await verifyEvidence(parseEvidence(new TextEncoder().encode(evidence)), policyOf(one), one.nowMs);
        expect(there).toEqual(here);
        expect(there.some(({ status }) => status === 'fail')).toBe(evidence !== asked.evidence);
      }
    });
  }
});

/** A bit of what the machine signed. */
function bend(json: string): string {
  const fields = JSON.parse(json) as { cpu: Record<string, string> };
  const name = ['quote', 'report', 'report_data'].find((one) => one in fields.cpu) as string;
  const hex = fields.cpu[name] as string;
  const at = hex.length > 1_000 ? 600 : 6;
  fields.cpu[name] = `${hex.slice(0, at)}${hex[at] === '0' ? '1' : '0'}${hex.slice(at + 1)}`;
  return JSON.stringify(fields);
}
