import type { webcrypto } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeSoftwareStatement } from '@ogong/attestation/evidence-statement';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, describe, expect, it } from 'vitest';
import { evidenceCommand } from './evidence-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-evidence-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const VECTORS = fileURLToPath(new URL('../../../../shared/vectors/tee/', import.meta.url));
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';

function save(name: string, value: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

async function run(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ['', ''];
  const write = { write: (text: string) => (out += text), writeError: (text: string) => (error += text) };
  return { code: await evidenceCommand.run(argv, write), out, error };
}

describe('ogong evidence', () => {
  it.skipIf(absence !== '')(`reads what an agent of a guest answered${absence && ` (${absence})`}`, async () => {
    const report = JSON.parse(readFileSync(join(VECTORS, 'dstack/quote-report.json'), 'utf8')) as {
      report_data: string;
    };
    const path = save('report.json', report);
    const collateral = join(VECTORS, 'dcap-qvl/tdx_quote_outdated_collateral.json');
    const at = '2026-02-18T11:09:00Z';
    const seen = await run(path, '--collateral', collateral, '--at', at, '--json');
    const { checks } = JSON.parse(seen.out) as { checks: { id: string; detail: string }[] };
    const image = /[0-9a-f]{64}/.exec(checks.find(({ id }) => id === 'image')?.detail as string)?.[0] as string;
    expect(seen.code).toBe(3);
    const boot = /[0-9a-f]{64}/.exec(checks.find(({ id }) => id === 'boot')?.detail as string)?.[0] as string;
    const asked = ['--report-data', report.report_data.padEnd(128, '0'), '--images', image, '--boots', boot];
    const good = await run(path, '--collateral', collateral, '--at', at, ...asked);
    expect([good.code, good.error]).toEqual([0, '']);
    expect(good.out).toContain('ok    event-log');
    expect((await run(path, '--collateral', collateral, '--at', at, '--allow', 'report-data,image,boot')).code).toBe(0);
    const late = await run(path, '--collateral', collateral, '--at', '2026-11-25T00:00:00Z', ...asked);
    expect([late.code, late.out]).toEqual([1, expect.stringContaining('FAIL  cpu-collateral')]);
    expect((await run(path)).code).toBe(2);
  });

  it('says of an attester in software that it proves no hardware, and takes it by name alone', async () => {
    const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const key = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
    const [reportData, image] = [new Uint8Array(64).fill(1), new Uint8Array(32).fill(2)];
    const statement = new Uint8Array(encodeSoftwareStatement(reportData, image));
    const signature = toHex(new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, statement)));
    const cpu = { kind: 'software', public_key: key, report_data: toHex(reportData), image: toHex(image), signature };
    const path = save('software.json', { cpu });
    const asked = [path, '--report-data', toHex(reportData), '--images', toHex(image)];
    const refused = await run(...asked);
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining('no hardware is proven')]);
    expect((await run(...asked, '--software', key)).code).toBe(0);
  });

  it('refuses unreadable evidence, by name', async () => {
    for (const [name, value] of [
      ['none.json', 'no JSON'],
      ['list.json', []],
      ['kind.json', { cpu: { kind: 'other' } }],
      ['hex.json', { cpu: { kind: 'amd-snp', report: 'zz', chain: [] } }],
      ['chain.json', { cpu: { kind: 'amd-snp', report: '00', chain: 'x' } }],
    ] as const) {
      const { code, error } = await run(save(name, value));
      expect([name, code, error]).toEqual([name, 2, expect.stringMatching(/^ogong evidence: (?!internal)/)]);
    }
    expect((await run(join(directory, 'nothing.json'))).error).toContain('nothing.json');
    expect((await run(save('x.json', {}), '--report-data', '00')).error).toContain('64 bytes');
    const broken = await run(save('z.json', {}), '--collateral', save('c.json', '{'));
    expect([broken.code, broken.error]).toEqual([2, expect.stringContaining('c.json: it is not JSON')]);
    expect((await run(save('y.json', {}), '--at', 'soon')).error).toContain('--at');
  });
});
