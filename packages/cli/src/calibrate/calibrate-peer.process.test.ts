import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { resolveModel } from '@ogong/engine/resolve-model';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { parseReadyLine } from '@ogong/host/lifecycle/ready-line';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { toHex } from '@ogong/protocol/base/bytes';
import { openSampleStore } from '@ogong/provider/calibration/sample-store';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAMS = {
  ogong: findProgram(new URL('../bin/ogong.ts', import.meta.url)),
  'ogong-verifierd': findProgram(import.meta.resolve('@ogong/provider/bin/ogong-verifierd')),
};

/** Two processes, as on two machines: one serves and measures, the other is a verifier daemon that checks. */
describe('ogong calibrate with a peer', { timeout: 300_000 }, () => {
  let ledger: TestLedger;
  let directory: string;
  const running: ChildProcess[] = [];
  const at = (name: string): string => join(directory, name);

  beforeAll(async () => {
    ledger = await startTestLedger();
    directory = mkdtempSync(join(tmpdir(), 'ogong-peer-'));
    writeFileSync(at('deployment.json'), JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await ledger?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function launch(name: keyof typeof PROGRAMS, args: readonly string[]) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAMS[name], ...args]);
    running.push(child);
    const texts = { out: '', error: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      texts.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      texts.error += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    return { child, texts, ended };
  }

  async function startVerifier(calibrateWith: string): Promise<string> {
    const { child, texts, ended } = launch('ogong-verifierd', [
      ...[
        '--model',
        'stories260K',
        '--bind',
        '127.0.0.1:0',
        '--data-dir',
        at(`verifier-${calibrateWith.slice(0, 8)}`),
        '--threads',
        '1',
      ],
      ...['--deployment', at('deployment.json'), '--calibrate-with', calibrateWith],
    ]);
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout as NodeJS.ReadableStream).once('line', resolve);
      void ended.then((code) => reject(new Error(`ended with ${code}: ${texts.error}`)));
    });
    const { address, certHash } = parseReadyLine(line) as unknown as {
      address: { host: string; port: number };
      certHash: string;
    };
    return `${address.host}:${address.port}|${certHash}`;
  }

  const measure = (peer: string, replies: number, model = 'stories260K') =>
    launch('ogong', [
      ...['calibrate', '--model', model, '--pair', 'fast:peer', '--peer', peer, '--data-dir', at('calibrate')],
      ...['--replies', String(replies), '--max-tokens', '6', '--samples', at('samples.db'), '--out', at('table.json')],
    ]);

  it('measures a row across two processes, refuses a stranger, and goes on after Ctrl-C', async () => {
    const stranger = await startVerifier('00'.repeat(32));
    const refused = measure(stranger, 3);
    expect(await refused.ended).not.toBe(0);
    expect(refused.texts.error).toContain('not authorized');

    const { id } = createLinkIdentity(createOrLoadKeys(at('calibrate')).linkSeed);
    expect(refused.texts.error).toContain(`--calibrate-with ${toHex(id)}`);
    const peer = await startVerifier(toHex(id));
    // Another file is another model, if by one byte: the first reply shows it, and no second one is served.
    const { path } = await resolveModel('stories260K', { storeDir: directory });
    writeFileSync(at('other.gguf'), Buffer.concat([readFileSync(path), Buffer.of(0)]));
    const other = measure(peer, 170, at('other.gguf'));
    expect(await other.ended).not.toBe(0);
    expect(other.texts.error).toContain('the peer is asked about one reply first');
    const kept = openSampleStore(at('samples.db'));
    expect(kept.listSources().map((source) => kept.listSeeds(source).length)).toEqual([1]);
    kept.close();
    rmSync(at('samples.db'));

    const interrupted = measure(peer, 100_000);
    await new Promise<void>((resolve) => {
      interrupted.child.stderr.on('data', () => /\d{3} of \d+: fast serves/.test(interrupted.texts.error) && resolve());
    });
    interrupted.child.kill('SIGINT');
    expect(await interrupted.ended).toBe(75);
    expect(interrupted.texts.error).toContain('the same command goes on from here');
    const store = openSampleStore(at('samples.db'));
    const served = store.listSeeds(store.listSources()[0] as string).length;
    store.close();
    expect(served).toBeGreaterThan(50);

    const whole = measure(peer, 170);
    expect(await whole.ended, whole.texts.error).toBe(0);
    expect(whole.texts.error).toMatch(/peer-[0-9a-f]{16} checks fast/);
    expect(whole.texts.out).toMatch(/1 rows, version 1, hash [0-9a-f]{64}/);
  });
});
