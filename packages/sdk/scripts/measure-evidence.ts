// Measures checks of machines' evidence in headless Chromium: reads samples as JSON on standard input, writes milliseconds.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBrowserPage, whyNoBrowser } from './browser-page.ts';
import { bundle } from './build.ts';

interface EvidenceSample {
  /** JSON of docs/spec/machine-evidence.md. */
  readonly evidence: string;
  readonly nowMs: number;
  /** Fields beside those of a strict policy. */
  readonly policy: object;
  /** A check that fails of this sample. */
  readonly refusedBy: string;
  readonly gpuNonce?: readonly number[];
}

type PageGlobal = { readonly ogong: Pick<typeof import('@ogong/attestation/machine-check'), 'checkEvidenceFile'> };

const BATCHES = 7;
const ROUNDS = 10;

/** The least of some batches for each sample, ms for one check: others' work on the machine only adds. @throws if a check fails */
async function measureEvidenceInPage(samples: readonly EvidenceSample[]): Promise<number[]> {
  const browser = await openBrowserPage(
    await bundle(fileURLToPath(import.meta.resolve('@ogong/attestation/machine-check'))),
  );
  try {
    const measured: number[] = [];
    for (const sample of samples)
      measured.push(await browser.page.evaluate(timeInPage, { sample, batches: BATCHES, rounds: ROUNDS }));
    return measured;
  } finally {
    await browser.close();
  }
}

/** Runs in the page, and so sees nothing outside of it. */
async function timeInPage({
  sample: { evidence, nowMs, policy: own, refusedBy, gpuNonce },
  batches,
  rounds,
}: {
  readonly sample: EvidenceSample;
  readonly batches: number;
  readonly rounds: number;
}): Promise<number> {
  const { checkEvidenceFile } = (globalThis as unknown as PageGlobal).ogong;
  const bytes = new TextEncoder().encode(evidence);
  const policy = {
    acceptedTcb: ['UpToDate'],
    softwareKeys: [],
    minimumSnpTcb: { bootLoader: 0, tee: 0, snp: 0, microcode: 0 },
    ...own,
    ...(gpuNonce && { gpuNonce: new Uint8Array(gpuNonce) }),
  };
  const times: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const startMs = performance.now();
    for (let round = 0; round < rounds; round++) {
      const checks = await checkEvidenceFile(bytes, policy, nowMs);
      const failed = checks.find(({ id, status }) => status === 'fail' && id !== refusedBy);
      if (failed !== undefined) throw new Error(`the sample fails ${failed.id}: ${failed.detail}`);
    }
    times.push((performance.now() - startMs) / rounds);
  }
  return Math.min(...times);
}

const missing = whyNoBrowser();
const samples = JSON.parse(readFileSync(0, 'utf8')) as EvidenceSample[];
console.log(JSON.stringify(missing === undefined ? { ms: await measureEvidenceInPage(samples) } : { missing }));
