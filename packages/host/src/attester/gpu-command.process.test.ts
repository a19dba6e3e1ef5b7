import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyEvidence } from '@ogong/attestation/evidence';
import { computeGpuNonce } from '@ogong/attestation/evidence-statement';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { createCommandGpu, withGpu } from './gpu-attester.ts';
import { createSoftwareAttester } from './software-attester.ts';

const DATA = new Uint8Array(64).fill(9);
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const policy = parsePolicy(utf8Encode('{}'));

describe('a GPU beside the CPU', () => {
  it('is asked by a program, with the nonce that the CPU fixes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-gpu-'));
    const program = join(directory, 'ask-gpu');
    const write = (body: string): void => writeFileSync(program, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    try {
      write(`printf '{"report":"%s","chain":["pem"],"measured":"what was found"}' "$1"`);
      const attester = withGpu(createSoftwareAttester(seed(1), 'a program'), createCommandGpu(program));
      const { gpu } = await attester.attest(DATA);
      const nonce = await computeGpuNonce(DATA);
      expect(gpu).toEqual({ report: nonce, chain: ['pem'], measured: 'what was found' });
      // A report that is not NVIDIA's is no evidence: nothing throws.
      const checks = await verifyEvidence(await attester.attest(DATA), { ...policy, gpuNonce: nonce }, Date.now());
      expect(checks.some(({ status }) => status === 'fail')).toBe(true);
      for (const body of ['echo no json', `echo '{"report":"xy","chain":[]}'`, `echo '{"kind":"other"}'`]) {
        write(body);
        await expect(attester.attest(DATA)).rejects.toMatchObject({ code: 'malformed' });
      }
      for (const body of ['exit 3', 'head -c 2000000 /dev/zero']) {
        write(body);
        await expect(attester.attest(DATA)).rejects.toMatchObject({ code: 'unreachable' });
      }
      write('exec sleep 5');
      const slow = createCommandGpu(program, 50);
      await expect(slow.attest(nonce)).rejects.toMatchObject({ code: 'unreachable' });
      await expect(createCommandGpu(join(directory, 'nobody')).attest(nonce)).rejects.toMatchObject({
        code: 'unreachable',
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
