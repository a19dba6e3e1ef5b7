import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readTrust } from '@ogong/host/views/read-trust';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { type CheckedReply, createClient, fetchReceipt, toTrustJson } from '@ogong/sdk';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const reason = findOnnxRuntime('cpu', join(homedir(), '.ogong', 'engine')) ? undefined : 'no ONNX Runtime';
const MODEL_ID = 'ogong/verified/test/tiny-shapes';
const STEPS = 6;
const patience = { timeout: 180_000, interval: 250 };

describe.skipIf(reason !== undefined)(
  `a network that serves a model of pictures${reason ? ` (${reason})` : ''}`,
  () => {
    let directory: string;
    let mesh: Mesh;
    let modelRoot: Uint8Array;
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'ogong-pictures-'));
      const path = pathOfPictureModel('tiny-shapes-flow-dit');
      ({ modelRoot } = await resolveModel(`file:${path}`, { storeDir: directory }));
      // Its client trusts the chain's first values, and the network would make a key meanwhile.
      const options: MeshOptions = {
        directory,
        model: { path, id: MODEL_ID, root: modelRoot },
        ...{ providers: 2, validators: 1, beacon: 'vrf' },
      };
      mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
    });
    afterAll(async () => {
      await mesh?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it('makes a picture that its receipt proves, a verifier runs drawn steps again, and the fee is settled', async () => {
      const { gatewayUrl: baseUrl, rpcUrl } = mesh.plan;
      const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
      const trust = { ...(await readTrust(chain)), allow: ['router'], modelRoots: { [MODEL_ID]: modelRoot } };
      const client = createClient({ baseUrl, trust });
      const ask = () => client.images.generate({ model: MODEL_ID, prompt: 'a red circle', steps: STEPS, seed: 7 });
      await expect.poll(() => ask().then(() => 'served', String), patience).toBe('served');
      const { pictures, replies } = await ask();
      const [reply] = replies as [CheckedReply];
      expect(pictures[0]).toMatchObject({ width: 32, height: 32 });
      expect(Buffer.from(pictures[0]?.pixels ?? []).equals(reply.response)).toBe(true);
      expect(reply.posture).toMatchObject({ tier: 'verified', exact: true });

      const path = join(directory, 'receipt.json');
      const trusted = join(directory, 'trust.json');
      const file = { ...toReceiptJson(reply.receipt), request: toBase64(reply.request) };
      writeFileSync(path, JSON.stringify({ ...file, response: toBase64(reply.response) }));
      writeFileSync(trusted, JSON.stringify(toTrustJson(trust)));
      let out = '';
      const write = (text: string): void => {
        out += text;
      };
      const code = await verifyCommand.run([path, '--trust', trusted], { write, writeError: write });
      expect(code, out).toBe(VERIFY_EXIT.ok);

      const fate = () => fetchReceipt({ baseUrl, id: reply.replyId }).then(({ status }) => status);
      await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
      // Stage 2: another daemon with the same model computed the same outputs and the same picture.
      const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
      expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
    });

    it('makes a picture in two links, and settles the fee of each', async () => {
      const { gatewayUrl: baseUrl } = mesh.plan;
      const ask = async (part: object) => {
        const response = await fetch(`${baseUrl}/v1/images/generations`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: MODEL_ID, prompt: 'a red circle', steps: STEPS, seed: 7, ...part }),
        });
        return (await response.json()) as {
          readonly data: readonly { readonly latent?: string; readonly b64_json?: string }[];
          readonly ogong: { readonly receipts: readonly { readonly reply_id: string }[] };
        };
      };
      const first = await ask({ last_step: 2 });
      const second = await ask({ first_step: 2, latent: first.data[0]?.latent });
      expect(second.data[0]?.b64_json).toEqual(expect.any(String));
      for (const { ogong } of [first, second]) {
        const id = ogong.receipts[0]?.reply_id as string;
        const fate = () => fetchReceipt({ baseUrl, id }).then(({ status }) => status);
        await expect.poll(fate, patience).toMatchObject({ state: 'settled', verdict: 'accept' });
        const { checks } = JSON.parse((await fate()).detail) as { checks: { id: string; status: string }[] };
        expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
      }
    });
  },
);
