import { existsSync, readFileSync } from 'node:fs';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computeMachineNonce, type MachineEntry } from '@ogong/protocol/machine/machine-entry';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { createSoftwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { describe, expect, it } from 'vitest';
import { checkEntry } from './entry-check.ts';
import { parseEvidence } from './evidence-file.ts';
import { nameMachine } from './machine-name.ts';

const VECTORS = new URL('../../../../shared/vectors/tee/', import.meta.url);
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';
const text = (path: string): string => readFileSync(new URL(path, VECTORS), 'utf8');

describe.skipIf(absence !== '')(`names of real machines${absence && ` (${absence})`}`, () => {
  it('of Intel follow from the processor, and the parts of the quote are signed', async () => {
    const { quote, event_log } = JSON.parse(text('vllm-proxy/SAMPLE_DSTACK_QUOTE.json')) as Record<string, string>;
    const file = utf8Encode(JSON.stringify({ cpu: { kind: 'intel', quote, collateral: {} }, event_log }));
    const { machine, image, platformKey, quote: parts } = await nameMachine(parseEvidence(file));
    expect([machine, image, platformKey].map(({ length }) => length)).toEqual([32, 32, 32]);
    if (parts === undefined) throw new TypeError('a quote of Intel has parts');
    expect(toHex(nobleCrypto.sha256(parts.platformKey))).toBe(toHex(platformKey));
    for (const [key, message, signature] of [
      [parts.platformKey, parts.enclaveReport, parts.enclaveSignature],
      [parts.attestationKey, parts.signed, parts.signature],
    ] as const) {
      const raw = new Uint8Array([4, ...key]);
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
      const imported = await crypto.subtle.importKey('raw', raw, algorithm, false, ['verify']);
      const hash = { name: 'ECDSA', hash: 'SHA-256' };
      const bytes = [signature, message].map((each) => new Uint8Array(each)) as [
        Uint8Array<ArrayBuffer>,
        Uint8Array<ArrayBuffer>,
      ];
      expect(await crypto.subtle.verify(hash, imported, ...bytes)).toBe(true);
    }
    const noLog = parseEvidence(utf8Encode(JSON.stringify({ cpu: { kind: 'intel', quote, collateral: {} } })));
    await expect(nameMachine(noLog)).rejects.toThrow('which image');
  });

  it('of AMD follow from the chip', async () => {
    const report = text('sev-virtee/report_milan.hex').trim();
    const name = async (hex: string) => nameMachine({ cpu: { kind: 'amd-snp', report: fromHex(hex), chain: [] } });
    const { machine, image, platformKey } = await name(report);
    expect([image.length, toHex(platformKey)]).toEqual([32, '00'.repeat(32)]);
    // The first byte of the chip's id.
    const other = await name(`${report.slice(0, 0x340)}ff${report.slice(0x342)}`);
    expect(toHex(other.machine)).not.toBe(toHex(machine));
    expect(toHex(other.image)).toBe(toHex(image));
  });
});

describe('an entry of the registry', () => {
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };
  const providerId = new Uint8Array(32).fill(2);
  const [beacon, epoch] = [new Uint8Array(32).fill(3), 5n];
  const machine = createSoftwareMachine(ledger, providerId);
  const reader = { crypto: nobleCrypto, policy: softwarePolicy, nowMs: 1_800_000_000_000 };

  async function publish() {
    const shown = await machine.show(computeMachineNonce(nobleCrypto, { epoch, beacon, providerId }));
    const named = await nameMachine(parseEvidence(shown.evidence));
    const entry: MachineEntry = {
      ...{ providerId, epoch, until: 1n, machine: named.machine, image: named.image, platformKey: named.platformKey },
      ...{ evidence: nobleCrypto.sha256(shown.evidence), signingKey: shown.attestedKey },
      sealKey: hashSealKey(nobleCrypto, shown.sealKey.sealKey),
    };
    return { entry, evidence: shown.evidence, ledger, beacon };
  }
  const failing = (checks: Awaited<ReturnType<typeof checkEntry>>): string[] =>
    checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

  it('is checked again by any reader of the published evidence', async () => {
    const published = await publish();
    expect(failing(await checkEntry(published, reader))).toEqual([]);
    expect(failing(await checkEntry(published, { ...reader, policy: strictPolicy }))).toContain('machine');
  });

  it.each<[what: string, bend: (held: Awaited<ReturnType<typeof publish>>) => object, fails: string[]]>([
    ['of other evidence', ({ evidence }) => ({ evidence: new Uint8Array([...evidence, 32]) }), ['published-evidence']],
    ['of another machine', ({ entry }) => ({ entry: { ...entry, machine: beacon } }), ['entry']],
    ['of another image', ({ entry }) => ({ entry: { ...entry, image: beacon } }), ['entry']],
    ['of a platform that it is not of', ({ entry }) => ({ entry: { ...entry, platformKey: beacon } }), ['entry']],
    ['of another epoch', () => ({ beacon: new Uint8Array(32) }), ['machine', 'report-data']],
    ['of another key', ({ entry }) => ({ entry: { ...entry, signingKey: beacon } }), ['machine', 'report-data']],
    ['of another provider', ({ entry }) => ({ entry: { ...entry, providerId: beacon } }), ['machine', 'report-data']],
    ['of nothing', () => ({ evidence: new Uint8Array() }), ['published-evidence', 'entry']],
  ])('%s fails by name', async (_what, bend, fails) => {
    const published = await publish();
    expect(failing(await checkEntry({ ...published, ...bend(published) }, reader))).toEqual(fails);
  });
});
