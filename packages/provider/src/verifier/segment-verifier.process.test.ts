import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { parseReadyLine } from '@ogong/host/lifecycle/ready-line';
import { createLinkClient } from '@ogong/host/link/link-client';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type SlabManifest, slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../bin/ogong-verifierd.ts', import.meta.url));
const PROVIDER = 'ab'.repeat(32);

interface ReadyVerifier {
  readonly address: { readonly host: string; readonly port: number };
  readonly certHash: string;
  readonly modelRoots: readonly string[];
  readonly segments: readonly { readonly modelRoot: string; readonly layers: string }[];
}

describe('a verifier daemon with slabs', { timeout: 120_000 }, () => {
  let ledger: TestLedger;
  let directory: string;
  let slabs: readonly string[];
  let manifest: SlabManifest;
  const running: ChildProcess[] = [];
  beforeAll(async () => {
    ledger = await startTestLedger();
    directory = mkdtempSync(join(tmpdir(), 'ogong-segment-verifier-'));
    writeFileSync(
      join(directory, 'deployment.json'),
      JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }),
    );
    const model = await resolveModel('stories260K', { storeDir: directory });
    const path = join(directory, 'stories260K.gguf');
    copyFileSync(model.path, path);
    const folder = join(directory, 'slabs');
    mkdirSync(folder);
    slabs = [0, 1].map((place) => join(folder, `slab-${place}.gguf`));
    manifest = await cutModel(path, [2], (_plan, place) => slabs[place] as string);
    writeFileSync(join(folder, MANIFEST_FILE), slabManifestFormat.encode(manifest));
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await ledger?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function launch(args: readonly string[]) {
    const settings = ['--bind', '127.0.0.1:0', '--data-dir', join(directory, 'verifier'), '--threads', '1'];
    const deployment = ['--deployment', join(directory, 'deployment.json')];
    const command = ['--disable-warning=ExperimentalWarning', PROGRAM, ...settings, ...deployment, ...args];
    const child = spawn(process.execPath, command);
    running.push(child);
    let error = '';
    child.stderr.on('data', (chunk: Buffer) => {
      error += chunk.toString();
    });
    const ended = new Promise<string>((resolve) => child.once('exit', (code) => resolve(`${code}: ${error}`)));
    return { child, ended };
  }

  it('names its layers, and endorses the class of their model', async () => {
    const { child, ended } = launch([...slabs.flatMap((slab) => ['--segment', slab]), '--provider', PROVIDER]);
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once('line', resolve);
      void ended.then((reason) => reject(new Error(`ended with ${reason}`)));
    });
    const ready = parseReadyLine(line) as unknown as ReadyVerifier;
    const modelRoot = toHex(manifest.modelRoot);
    expect(ready.modelRoots).toEqual([]);
    expect(ready.segments).toEqual(['0-1 of 5', '2-4 of 5'].map((layers) => ({ modelRoot, layers })));
    const { address: endpoint, certHash } = ready;
    const client = createLinkClient({ endpoint, certHash: fromHex(certHash), identity: await makeIdentity(2) });
    const { word } = await client.service(VerifierService).endorse({ providerId: fromHex(PROVIDER) });
    client.close();
    const [{ modelRoot: root, numericClass } = {}, ...others] = parseEndorsement(word).classes;
    expect(others).toEqual([]);
    expect(root && toHex(root)).toBe(modelRoot);
    expect(numericClass).toMatch(/\/exact/);
    child.kill('SIGTERM');
    expect(await ended).toMatch(/^0: /);
  });

  it.each([
    ['without a model', [], /--model, --segment or --hub-of is required/],
    ['on kernels that segments lack', ['--segment', 'SLAB', '--kernels', 'plain'], /segments run on the CPU/],
  ])('does not start %s', async (_how, args, reason) => {
    const { ended } = launch(args.map((arg) => (arg === 'SLAB' ? (slabs[0] as string) : arg)));
    expect(await ended).toMatch(reason);
  });
});
