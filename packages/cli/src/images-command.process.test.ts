import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvidenceError } from '@ogong/attestation/evidence-error';
import { encodeEvidence } from '@ogong/attestation/evidence-file';
import { parseImageList } from '@ogong/attestation/image-list';
import { checkMachineReport } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { createChainClient } from '@ogong/chain/client';
import { EXIT } from '@ogong/host/log/errors';
import { openMachinePolicy } from '@ogong/host/views/machine-policy';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { softwareMachine } from '@ogong/testing/provider/software-machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imagesCommand } from './images-command.ts';
import { readMachinePolicy } from './machine-policy.ts';

const NAME = 'acme/machine-images';
const folder = mkdtempSync(join(tmpdir(), 'ogong-images-command-'));
const file = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(value), { mode: 0o600 });
  return join(folder, name);
};
const own = toHex(softwareMachine.image);
const list = file('list.json', { images: [own] });
const other = file('other.json', { images: ['ab'.repeat(32)] });
const policyFile = file('policy.json', { imageList: NAME, softwareKeys: [toHex(softwareMachine.publicKey)] });
let deployment: string;
let ledger: TestLedger;

beforeAll(async () => {
  ledger = await startTestLedger({ limits: { withdrawalDelay: 0 }, delays: { notice: 3_600 } });
  deployment = file('deployment.json', { ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl });
  for (const name of ['maker', 'squatter']) {
    const { privateKey } = await ledger.createMember(2_000n * unit);
    writeFileSync(join(folder, name), privateKey.slice(2), { mode: 0o600 });
  }
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(verb: string, ...argv: string[]): Promise<{ code: number | string; text: string }> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  try {
    const code = await imagesCommand.run([verb, NAME, ...argv, '--deployment', deployment], output);
    return { code, text: written.join('') };
  } catch (error) {
    return { code: (error as { code: string }).code, text: (error as Error).message };
  }
}
const publish = (who: string, ...more: string[]) =>
  run('publish', '--keypair', join(folder, who), '--list', list, ...more);

it('lists of images are published by their hash, and policies take them while the chain has it', async () => {
  const chain = await createChainClient({ rpcUrl: ledger.chain.rpcUrl, deployment: ledger.deployment });
  const opened = openMachinePolicy(
    'test',
    { machinePolicy: policyFile, machineImages: list },
    { client: async () => chain, refreshMs: 3_600_000 },
  );
  const reportData = new Uint8Array(64).fill(1);
  const evidence = encodeEvidence(await softwareMachine.attest(reportData));
  const isTaken = async (): Promise<string | undefined> => {
    const { policy } = opened;
    if (policy === undefined) throw new Error('no policy');
    const [machine] = await checkMachineReport(evidence, reportData, { policy, nowMs: Date.now() });
    return machine?.status === 'pass' ? undefined : machine?.detail;
  };
  // Nothing was read, and then nothing is published.
  expect(await isTaken()).toContain('is not allowed');
  await opened.trigger();
  expect(await isTaken()).toContain('is not allowed');
  expect(await run('check', '--list', list)).toEqual({ code: EXIT.data, text: `nothing is in force for ${NAME}\n` });
  await expect(readMachinePolicy('test', { machines: policyFile, images: list }, chain)).rejects.toThrow();

  expect((await publish('maker')).text).toContain('--claim pays');
  expect((await publish('maker', '--claim', '--source', 'https://example.org/list.json')).code).toBe(EXIT.ok);
  expect((await publish('squatter')).text).toMatch(/NotOwner/);
  expect((await run('check', '--list', list)).text).toContain(`image ${own}`);
  expect((await run('check', '--list', other)).code).toBe(EXIT.data);
  expect((await run('show')).code).toBe(EXIT.ok);
  await opened.trigger();
  expect(await isTaken()).toBeUndefined();
  expect((await readMachinePolicy('test', { machines: policyFile, images: list }, chain))?.images).toEqual([own]);
  await expect(readMachinePolicy('test', { machines: policyFile, images: other }, chain)).rejects.toThrow();
  await expect(readMachinePolicy('test', { machines: policyFile, images: list }, undefined)).rejects.toThrow();

  // Another file than the one that the chain names.
  const swapped = openMachinePolicy(
    'test',
    { machinePolicy: policyFile, machineImages: other },
    { client: async () => chain },
  );
  await swapped.trigger();
  expect(swapped.policy?.images).toEqual([]);

  // A chain that cannot be read for too long.
  let nowMs = 0;
  const cut = openMachinePolicy(
    'test',
    { machinePolicy: policyFile, machineImages: list },
    { client: async () => chain, clock: { nowMs: () => nowMs } },
  );
  await cut.trigger();
  expect(cut.policy?.images).toEqual([own]);
  nowMs = 3_600_000;
  expect(cut.policy?.images).toEqual([]);

  expect((await run('revoke', '--keypair', join(folder, 'maker'))).code).toBe(EXIT.ok);
  await opened.trigger();
  expect(await isTaken()).toContain('is not allowed');
});

describe('a list of images', () => {
  it.each([
    '[]',
    '{}',
    '{"images":[]}',
    '{"images":["xy"]}',
    '{"images":["AB"]}',
    `{"images":["${'a'.repeat(64)}"],"more":1}`,
    'x',
  ])('is none as %s', (text) => {
    expect(() => parseImageList(utf8Encode(text))).toThrow(EvidenceError);
  });

  it('is named by policies that have no images of their own, and takes none by itself', () => {
    expect(parsePolicy(utf8Encode('{"imageList":"a/b"}')).images).toEqual([]);
    for (const bad of [
      '{"imageList":"a/b","images":[]}',
      '{"imageList":"a"}',
      '{"imageList":"A/b"}',
      '{"imageList":1}',
    ])
      expect(() => parsePolicy(utf8Encode(bad))).toThrow(EvidenceError);
    expect(() =>
      openMachinePolicy(
        'test',
        { machinePolicy: policyFile, machineImages: undefined },
        { client: async () => never() },
      ),
    ).toThrow();
  });
});

const never = (): never => {
  throw new Error('nobody is asked');
};
