import { createHash, type webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { describe, expect, it } from 'vitest';
import { parseSnpReport } from './amd-snp.ts';
import { findEvent, type LoggedEvent, parseEventLog } from './event-log.ts';
import { type EvidencePolicy, findForgery, type MachineEvidence, verifyEvidence } from './evidence.ts';
import { encodeEvidence } from './evidence-file.ts';
import { computeGpuNonce, encodeSoftwareStatement } from './evidence-statement.ts';
import { parseQuote, type TdBody } from './intel-quote.ts';
import { checkMachineReport } from './machine-check.ts';
import { parseGpuReport } from './nvidia-spdm.ts';
import { parsePolicy, STRICT_POLICY } from './policy-file.ts';

/** Quotes and reports of real machines, with the verdicts that others measured: SOURCES.md beside them. */
const VECTORS = new URL('../../../../shared/vectors/tee/', import.meta.url);
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';
const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, VECTORS)));
const text = (path: string): string => readFileSync(new URL(path, VECTORS), 'utf8');
const json = (path: string): Record<string, string> => JSON.parse(text(path)) as Record<string, string>;
const hex = (path: string): Uint8Array => fromHex(text(path).trim().replace(/^0x/, ''));

const NO_TCB = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
const policyOf = (reportData: Uint8Array, change: Partial<EvidencePolicy> = {}): EvidencePolicy => ({
  ...STRICT_POLICY,
  ...{ reportData, images: [], minimumSnpTcb: NO_TCB },
  ...change,
});
/** Of a TDX guest, as `boot` names it. */
const bootOf = (quote: Uint8Array): string => {
  const { measurement, registers } = parseQuote(quote).body as TdBody;
  return createHash('sha256')
    .update(Buffer.concat([measurement, ...registers.slice(0, 3)]))
    .digest('hex');
};
const failed = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status !== 'pass').map(({ id }) => id);
/** Of a machine whose image nobody names here. */
const besideImage = (checks: readonly Check[]): string[] =>
  failed(checks).filter((id) => !['boot', 'image', 'event-log'].includes(id));

const COLLATERAL = {
  tdx: 'dcap-qvl/tdx_quote_collateral.json',
  sgx: 'dcap-qvl/sgx_quote_collateral.json',
  near: 'dcap-qvl/near_quote_collateral.json',
  newer: 'dcap-qvl/tdx_quote_outdated_collateral.json',
} as const;
/** Ten minutes after Intel spoke. */
const timeOf = (collateral: Record<string, string>): number =>
  Math.max(
    ...['tcb_info', 'qe_identity'].map((name) =>
      Date.parse((JSON.parse(collateral[name] as string) as { issueDate: string }).issueDate),
    ),
  ) + 600_000;

interface Tried {
  readonly quote: Uint8Array;
  readonly collateral: Record<string, string>;
  readonly change?: Partial<EvidencePolicy>;
  readonly nowMs?: number;
  readonly beside?: Partial<MachineEvidence>;
}

async function tryIntel({ quote, collateral, change, nowMs = timeOf(collateral), beside }: Tried): Promise<Check[]> {
  const evidence: MachineEvidence = { cpu: { kind: 'intel', quote, collateral }, ...beside };
  return verifyEvidence(evidence, policyOf(parseQuote(quote).body.reportData, change), nowMs);
}

describe.skipIf(absence !== '')(`evidence of real machines${absence && ` (${absence})`}`, () => {
  it('TDX that is up to date passes, at its time', async () => {
    const collateral = json(COLLATERAL.tdx);
    const quote = bytes('dcap-qvl/tdx_quote');
    expect(besideImage(await tryIntel({ quote, collateral }))).toEqual([]);
    const later = await tryIntel({ quote, collateral, nowMs: Date.parse('2026-11-25T00:00:00Z') });
    expect(failed(later)).toEqual(expect.arrayContaining(['cpu-chain', 'cpu-collateral']));
    const near = { quote: hex('dcap-qvl/near_quote_hex.txt'), collateral: json(COLLATERAL.near) };
    expect(besideImage(await tryIntel(near))).toEqual([]);
  });

  it('SGX that needs a configuration passes only where a policy says so', async () => {
    const tried = { quote: bytes('dcap-qvl/sgx_quote'), collateral: json(COLLATERAL.sgx) };
    const strict = await tryIntel(tried);
    expect(besideImage(strict)).toEqual(['cpu-tcb']);
    expect(strict.find(({ id }) => id === 'cpu-tcb')?.detail).toContain(
      'ConfigurationAndSWHardeningNeeded INTEL-SA-00289',
    );
    const change = { acceptedTcb: ['UpToDate', 'ConfigurationAndSWHardeningNeeded'] };
    expect(besideImage(await tryIntel({ ...tried, change }))).toEqual([]);
  });

  it.each([
    ['version 5, below every level', () => bytes('dcap-qvl/tdx_quote_outdated'), COLLATERAL.newer],
    ['an older module', () => hex('dcap-qvl/quote-from-tappd.hex'), COLLATERAL.tdx],
    ['another older module', () => hex('dcap-qvl/tdx-quote.hex'), COLLATERAL.tdx],
  ])('TDX of %s fails as too old', async (_, quote, collateral) => {
    expect(besideImage(await tryIntel({ quote: quote(), collateral: json(collateral) }))).toContain('cpu-tcb');
  });

  it.each([
    [10, 'cpu-signature'],
    [300, 'cpu-signature'],
    [568, 'cpu-signature'],
    [640, 'cpu-signature'],
    [700, 'cpu-identity'],
    [900, 'cpu-identity'],
  ])('a flipped bit at %i of a TDX quote fails %s', async (at, id) => {
    const quote = bytes('dcap-qvl/tdx_quote');
    const { reportData } = parseQuote(quote).body;
    quote[at]! ^= 1;
    const collateral = json(COLLATERAL.tdx);
    const cpu = { kind: 'intel', quote, collateral } as const;
    expect(failed(await verifyEvidence({ cpu }, policyOf(reportData), timeOf(collateral)))).toContain(id);
  });

  it('words of Intel that are changed, swapped or garbage fail', async () => {
    const collateral = json(COLLATERAL.tdx);
    const quote = bytes('dcap-qvl/tdx_quote');
    const nowMs = timeOf(collateral);
    const tries: [Record<string, string>, string][] = [
      [
        { ...collateral, tcb_info: (collateral.tcb_info as string).replaceAll('"OutOfDate"', '"UpToDate"') },
        'cpu-collateral',
      ],
      [{ ...collateral, pck_crl: '3000' }, 'evidence-form'],
      [{ ...collateral, pck_crl: collateral.root_ca_crl as string }, 'cpu-chain'],
      [{ ...collateral, root_ca_crl: collateral.pck_crl as string }, 'cpu-chain'],
      [{ ...collateral, qe_identity_signature: collateral.tcb_info_signature as string }, 'cpu-collateral'],
      [json(COLLATERAL.near), 'cpu-collateral'],
      [json(COLLATERAL.sgx), 'cpu-collateral'],
    ];
    for (const [changed, id] of tries)
      expect(failed(await tryIntel({ quote, collateral: changed, nowMs }))).toContain(id);
  });

  const guest = () => {
    const sample = json('vllm-proxy/SAMPLE_DSTACK_QUOTE.json');
    const info = json('vllm-proxy/SAMPLE_DSTACK_INFO.json');
    const compose = (info.tcb_info as unknown as { app_compose: string }).app_compose;
    const images = [info.compose_hash as string];
    const quote = fromHex(sample.quote as string);
    const change = { images, boots: [bootOf(quote)] };
    const tried = { quote, collateral: json(COLLATERAL.near), change };
    return { tried, eventLog: sample.event_log as string, compose };
  };

  it('a whole guest passes: quote, log and composition', async () => {
    const { tried, eventLog, compose } = guest();
    expect(failed(await tryIntel({ ...tried, beside: { eventLog, compose } }))).toEqual([]);
    expect(
      failed(await tryIntel({ ...tried, change: { ...tried.change, images: ['00'] }, beside: { eventLog, compose } })),
    ).toEqual(['image']);
    const shown = await tryIntel({ ...tried, beside: { eventLog, compose: `${compose} ` } });
    expect(failed(shown)).toEqual(['compose', 'image']);
    // The same log, of a guest that somebody else made.
    const strange = await tryIntel({
      ...tried,
      change: { ...tried.change, boots: ['00'] },
      beside: { eventLog, compose },
    });
    expect(failed(strange)).toEqual(['boot']);
    const { images } = tried.change;
    expect(failed(await tryIntel({ ...tried, change: { images }, beside: { eventLog, compose } }))).toEqual(['boot']);
    expect(failed(await tryIntel(tried))).toEqual(['event-log', 'image']);
    const report = json('dstack/quote-report.json');
    const newer = { quote: fromHex(report.quote as string), collateral: json(COLLATERAL.newer) };
    const log = report.event_log as string;
    const logged = [findEvent(parseEventLog(log), 'compose-hash') as string];
    expect(
      failed(
        await tryIntel({
          ...newer,
          change: { images: logged, boots: [bootOf(newer.quote)] },
          beside: { eventLog: log },
        }),
      ),
    ).toEqual([]);
  });

  it('a forged log fails, whether it keeps its digests, drops them or hides an event', async () => {
    const { tried, eventLog } = guest();
    const list = JSON.parse(eventLog) as { event: string; event_payload: string; digest: string }[];
    const at = list.findIndex(({ event }) => event === 'compose-hash');
    const forge = (change: Partial<(typeof list)[number]>) =>
      JSON.stringify(list.map((event, i) => (i === at ? { ...event, ...change } : event)));
    const forged = '00'.repeat(32);
    for (const log of [
      forge({ event_payload: forged }),
      forge({ event_payload: forged, digest: '' }),
      JSON.stringify(list.filter((_, i) => i !== at)),
      JSON.stringify([...list, list[at]]),
    ]) {
      const checks = await tryIntel({
        ...tried,
        change: { ...tried.change, images: [forged] },
        beside: { eventLog: log },
      });
      expect(failed(checks)).toContain('event-log');
    }
  });

  it('a log without digests of runtime events makes the registers', async () => {
    const lite = json('dstack/tdx-lite-getquote.json');
    const { registers, configId } = parseQuote(fromHex(lite.quote as string)).body as TdBody;
    const events: LoggedEvent[] = parseEventLog(lite.event_log as string);
    const { replayEventLog } = await import('./event-log.ts');
    expect((await replayEventLog(events)).registers).toEqual(registers);
    expect(toHex(configId.subarray(0, 33))).toBe(`01${findEvent(events, 'compose-hash')}`);
  });

  const chips = (processor: 'milan' | 'genoa') => [
    bytes('sev-virtee/vcek_milan.der'),
    text(`sev-virtee/${processor}_ask.pem`),
    text(`sev-virtee/${processor}_ark.pem`),
  ];
  const SNP_TIME = Date.parse('2024-06-01T00:00:00Z');
  async function trySnp(report: Uint8Array, chain: (string | Uint8Array)[], change: Partial<EvidencePolicy> = {}) {
    const { reportData, measurement } = parseSnpReport(report);
    const policy = policyOf(reportData, { images: [toHex(measurement)], ...change });
    return verifyEvidence({ cpu: { kind: 'amd-snp', report, chain } }, policy, SNP_TIME);
  }

  it('SEV-SNP passes under its own chain alone', async () => {
    const report = hex('sev-virtee/report_milan.hex');
    expect(failed(await trySnp(report, chips('milan')))).toEqual([]);
    expect(failed(await trySnp(report, chips('genoa')))).toContain('cpu-chain');
    expect(failed(await trySnp(report, chips('milan').slice(0, 2)))).toContain('cpu-chain');
    for (const at of [8, 21, 0x50, 0x90, 0x180, 0x1a0, 0x2a0]) {
      const flipped = report.slice();
      flipped[at]! ^= 0x80;
      expect(failed(await trySnp(flipped, chips('milan')))).toContain('cpu-signature');
    }
    expect(failed(await trySnp(report, chips('milan'), { images: [] }))).toEqual(['image']);
    expect(failed(await trySnp(report, chips('milan'), { reportData: new Uint8Array(64).fill(1) }))).toEqual([
      'report-data',
    ]);
  });

  it('SEV-SNP that is older than the policy allows fails', async () => {
    const report = bytes('dstack/sev_snp_attestation.bin').slice(4, 4 + 1_184);
    const chain = [text('dstack/sev_snp_vcek.pem'), text('dstack/sev_snp_ask.pem'), text('sev-virtee/milan_ark.pem')];
    const { reportData, measurement, reportedTcb } = parseSnpReport(report);
    const at = Date.parse('2026-07-01T00:00:00Z');
    const tried = (minimumSnpTcb: typeof NO_TCB) =>
      verifyEvidence(
        { cpu: { kind: 'amd-snp', report, chain } },
        policyOf(reportData, { images: [toHex(measurement)], minimumSnpTcb }),
        at,
      );
    expect(failed(await tried(reportedTcb))).toEqual([]);
    expect(failed(await tried({ ...reportedTcb, snp: reportedTcb.snp + 1 }))).toEqual(['cpu-tcb']);
  });

  const readTurinChain = () => [
    bytes('sev-virtee/vcek_turin.der'),
    text('sev-virtee/turin_ask.pem'),
    text('sev-virtee/turin_ark.pem'),
  ];
  /** A report as the chip of the real certificate would make it. Nobody has its key, so nothing signs it. */
  function turinReport(change: Readonly<Record<number, number>> = {}): Uint8Array {
    const report = new Uint8Array(1_184);
    report.set([3], 0);
    report.set([1], 0x34);
    report.set([0, 0, 0, 0, 0, 0, 0, 9, 0x1a, 2, 1], 0x180);
    report.set(fromHex('1e550a8ee5cf9f4d'), 0x1a0);
    for (const [at, byte] of Object.entries(change)) report[Number(at)] = byte;
    return report;
  }
  const tryTurin = async (change: Readonly<Record<number, number>>, policy: Partial<EvidencePolicy> = {}) => {
    const cpu = { kind: 'amd-snp', report: turinReport(change), chain: readTurinChain() } as const;
    return failed(await verifyEvidence({ cpu }, policyOf(new Uint8Array(64), policy), Date.parse('2026-07-01')));
  };
  const unsigned = ['cpu-signature', 'image'];

  it('the real certificate of a Turin is of a report with its id and its versions', async () => {
    expect(await tryTurin({})).toEqual(unsigned);
    // Reserved bytes are no versions.
    expect(await tryTurin({ 388: 1, 389: 1, 390: 1 })).toEqual(unsigned);
    const forged = await findForgery({ cpu: { kind: 'amd-snp', report: turinReport(), chain: readTurinChain() } });
    expect(forged).toBe("the chip's key did not sign the report");
  });

  it.each([
    ['FMC', 0x180],
    ['boot loader', 0x181],
    ['TEE', 0x182],
    ['SNP', 0x183],
    ['microcode', 0x187],
    ['first byte of the id', 0x1a0],
    ['last byte of the id', 0x1a7],
  ])('a Turin whose certificate has another %s fails', async (_, at) => {
    expect(await tryTurin({ [at]: 0xaa })).toEqual(['cpu-signature', 'cpu-identity', 'image']);
  });

  it('a report of one layout is never read by the other', async () => {
    // Milan's family, and version 2, which names no family: the id has 64 bytes then.
    for (const change of [{ 392: 0x19 }, { 0: 2 }])
      expect(await tryTurin(change)).toEqual(['cpu-signature', 'cpu-identity', 'image']);
    for (const change of [{ 392: 0x17 }, { 392: 0 }, { 424: 1 }, { 479: 1 }])
      expect(await tryTurin(change)).toEqual(['evidence-form']);
    const milan = bytes('dstack/sev_snp_attestation.bin').slice(4, 4 + 1_184);
    milan[0x188] = 0x1a;
    expect(() => parseSnpReport(milan)).toThrow('the id of a chip of family 1ah has 8 bytes');
    milan.fill(0, 0x1a8, 0x1e0);
    const chain = [text('dstack/sev_snp_vcek.pem'), text('dstack/sev_snp_ask.pem'), text('sev-virtee/milan_ark.pem')];
    const { reportData } = parseSnpReport(milan);
    const checks = await verifyEvidence(
      { cpu: { kind: 'amd-snp', report: milan, chain } },
      policyOf(reportData),
      Date.parse('2026-07-01'),
    );
    expect(failed(checks)).toContain('cpu-identity');
  });

  it('the least FMC of a policy binds a Turin alone', async () => {
    const minimumSnpTcb = { ...NO_TCB, fmc: 1 };
    expect(await tryTurin({}, { minimumSnpTcb })).toEqual(['cpu-signature', 'cpu-tcb', 'image']);
    expect(failed(await trySnp(hex('sev-virtee/report_milan.hex'), chips('milan'), { minimumSnpTcb }))).toEqual([]);
  });

  it('a GPU that answers the question passes, beside the machine that it sits in', async () => {
    const report = hex('nvidia/hopperAttestationReport.txt');
    const chain = text('nvidia/hopperCertChain.txt').match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) as string[];
    const { nonce, driver } = parseGpuReport(report);
    expect([toHex(nonce).slice(0, 8), driver]).toEqual(['931d8dd0', '550.90.07']);
    const cpu = { kind: 'amd-snp', report: hex('sev-virtee/report_milan.hex'), chain: chips('milan') } as const;
    const { reportData, measurement } = parseSnpReport(cpu.report);
    const ask = (gpu: MachineEvidence['gpu'], gpuNonce = nonce) =>
      verifyEvidence(
        { cpu, ...(gpu && { gpu }) },
        policyOf(reportData, { images: [toHex(measurement)], gpuNonce }),
        SNP_TIME,
      );
    // Nobody has said yet that its driver is the vendor's, nor that both are of one machine.
    const unsaid = ['gpu-rim', 'gpu-machine'];
    expect(failed(await ask({ report, chain }))).toEqual(unsaid);
    expect((await ask({ report, chain })).filter(({ status }) => status === 'fail')).toEqual([]);
    expect(failed(await ask({ report, chain }, new Uint8Array(32)))).toEqual(['gpu-nonce', ...unsaid]);
    expect(failed(await ask(undefined))).toEqual(['gpu-signature']);
    // Registers of no log name the GPU, whatever is said to have been measured.
    const measured = await ask({ report, chain, measured: '{}' });
    expect(measured.find(({ id }) => id === 'gpu-machine')).toMatchObject({ status: 'fail' });
    const rims = ['nvidia/Driver_RIM_test_no_gpu.swidtag', 'nvidia/1010_0200_882_96005E0001_test_no_gpu.swidtag'];
    const held = await ask({ report, chain, rims: rims.map(text), tokens: [] });
    expect(held.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['gpu-rim', 'gpu-token']);
    // A policy that demands a GPU has it answer what follows from the CPU's question: this one answered another.
    const file = encodeEvidence({ cpu, gpu: { report, chain, rims: rims.map(text), measured: '{}' } });
    const policy = { ...parsePolicy(utf8Encode('{"gpu":true}')), allow: [] };
    const asked = await checkMachineReport(file, reportData, { policy, nowMs: SNP_TIME });
    expect(asked.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual([
      ...['machine', 'gpu-nonce', 'gpu-rim', 'gpu-machine'],
    ]);
    expect(toHex(await computeGpuNonce(reportData))).not.toBe(toHex(nonce));
    expect(failed(await ask({ report, chain: chain.slice(1) }))).toContain('gpu-signature');
    const flipped = report.slice();
    flipped[10]! ^= 1;
    expect(failed(await ask({ report: flipped, chain }))).toEqual(['gpu-signature', 'gpu-nonce', ...unsaid]);
  });

  it('cut and garbled bytes never throw', async () => {
    const quote = bytes('dcap-qvl/tdx_quote');
    const collateral = json(COLLATERAL.tdx);
    const report = hex('nvidia/hopperAttestationReport.txt');
    let seed = 7;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31);
    for (let i = 0; i < 60; i++) {
      const cut = (of: Uint8Array) => of.slice(0, random() % of.length);
      const garbled = (of: Uint8Array) => {
        const copy = of.slice();
        copy[random() % copy.length] = random() % 256;
        return copy;
      };
      const change = i % 2 === 0 ? cut : garbled;
      const evidence: MachineEvidence = {
        cpu: { kind: 'intel', quote: change(quote), collateral },
        gpu: { report: change(report), chain: ['x'] },
        eventLog: new TextDecoder().decode(change(report)),
      };
      const checks = await verifyEvidence(evidence, policyOf(new Uint8Array(64), { gpuNonce: new Uint8Array(32) }), 0);
      expect(failed(checks).length).toBeGreaterThan(0);
    }
  });
});

describe('an attester in software', () => {
  it('passes only under a policy that names its key', async () => {
    const { publicKey, privateKey } = (await crypto.subtle.generateKey('Ed25519', true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const raw = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
    const [reportData, image] = [new Uint8Array(64).fill(5), new Uint8Array(32).fill(6)];
    const sign = async (statement: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, new Uint8Array(statement)));
    const signature = await sign(encodeSoftwareStatement(reportData, image));
    const cpu = { kind: 'software', publicKey: raw, reportData, image, signature } as const;
    const images = [toHex(image)];
    const allowed = policyOf(reportData, { images, softwareKeys: [toHex(raw)] });
    const checks = await verifyEvidence({ cpu }, allowed, 0);
    expect(failed(checks)).toEqual([]);
    expect(checks[0]?.detail).toContain('no hardware is proven');
    expect(failed(await verifyEvidence({ cpu }, policyOf(reportData, { images }), 0))).toEqual(['cpu-vendor']);
    const other = { ...cpu, image: new Uint8Array(32).fill(7) };
    expect(failed(await verifyEvidence({ cpu: other }, allowed, 0))).toEqual(['cpu-signature', 'image']);
  });
});
