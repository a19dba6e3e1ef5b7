import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import type { ResolvedModel } from '@ogong/models/resolve';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toReceipt } from '@ogong/testing/cli/rerun-fixture';
import { writeNoisyModel } from '@ogong/testing/models/noisy-model';
import { serveLocalReply } from '@ogong/testing/provider/local-reply';
import { createNetwork, findReplyId, ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLAY_EXIT, replayCommand } from './replay-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-replay-'));
let model: ResolvedModel;
beforeAll(async () => {
  model = await resolveModel('stories15M', { storeDir: join(directory, 'models') });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A receipt of a reply that the model at a path gave, sold as the model that the test knows. */
async function save(name: string, modelPath: string, isWhole = true): Promise<string> {
  const engine = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 256, threads: 1 });
  const realEngine = { ...engine, info: () => ({ ...engine.info(), modelRoot: model.modelRoot }) };
  const network = await createNetwork({ realEngine, modelId: 'ogong/replay/test/stories' });
  try {
    const message = network.order({ body: { max_tokens: 24 } });
    const { finished } = await receive(network.client, message);
    const replyId = findReplyId();
    const { opening } = await network.client.service(ProviderService).getOpening({ replyId });
    const receipt = toReceiptJson(toReceipt(message, finished, { opening, ledger }));
    const path = join(directory, `${name}.json`);
    writeFileSync(path, JSON.stringify({ ...receipt, ...(isWhole && { request: toBase64(message.request) }) }));
    return path;
  } finally {
    await network.close();
  }
}

async function rerun(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await replayCommand.run([...argv, '--models-dir', join(directory, 'models'), '--n-ctx', '256'], {
    write: (text) => (out += text),
    writeError: (text) => (error += text),
  });
  return { code, out, error };
}

describe('ogong replay', () => {
  it('computes the same for an honest receipt, with the kernels of another machine too', async () => {
    const honest = await save('honest', model.path);
    for (const isa of process.arch === 'x64' ? ['auto', 'sse42'] : ['auto']) {
      const { code, out, error } = await rerun(honest, '--model', `file:${model.path}`, '--isa', isa);
      expect(error).toBe('');
      expect(out).toMatch(/^posture: tier replay/);
      expect(out).toMatch(/ok +equality/);
      expect(code).toBe(REPLAY_EXIT.accept);
    }
  });

  it('names the first token of a receipt with other weights', async () => {
    const noisy = join(directory, 'noisy.gguf');
    writeNoisyModel(model.path, noisy, { tensor: 'blk.3.ffn_down.weight', seed: 7 });
    const { code, out } = await rerun(await save('noisy', noisy), '--model', `file:${model.path}`, '--json');
    expect(code).toBe(REPLAY_EXIT.reject);
    const { difference } = JSON.parse(out) as { difference: { position: number; stages: string[] } };
    expect(difference.position).toBeLessThan(4);
    expect(difference.stages).toHaveLength(9);
  });

  it('computes an answer of local mode again, and finds that its weights were others', async () => {
    const noisy = join(directory, 'other.gguf');
    writeNoisyModel(model.path, noisy, { tensor: 'blk.3.ffn_down.weight', seed: 8 });
    const keep = async (modelPath: string): Promise<string> => {
      const engine = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 256, threads: 1 });
      const named = { ...engine, info: () => ({ ...engine.info(), modelRoot: model.modelRoot }) };
      const prompt = { messages: [{ role: 'user', content: 'Once' }], max_tokens: 24 };
      const { receipt, request } = await serveLocalReply({ engine: named, fields: prompt });
      const path = join(directory, 'local.json');
      writeFileSync(path, JSON.stringify({ ...toLocalReceiptJson(receipt), request: toBase64(request) }));
      return path;
    };
    const honest = await keep(model.path);
    for (const isa of process.arch === 'x64' ? ['auto', 'sse42'] : ['auto']) {
      const { code, out, error } = await rerun(honest, '--model', `file:${model.path}`, '--isa', isa);
      expect(error).toBe('');
      expect(out).toMatch(/^posture: tier local/);
      expect(out).toMatch(/ok +equality/);
      expect(code).toBe(REPLAY_EXIT.accept);
    }
    const { code } = await rerun(await keep(noisy), '--model', `file:${model.path}`);
    expect(code).toBe(REPLAY_EXIT.reject);
  });

  it('names the missing part', async () => {
    const bare = await save('bare', model.path, false);
    expect(await rerun(bare, '--model', `file:${model.path}`)).toMatchObject({
      code: REPLAY_EXIT.unusable,
      error: expect.stringMatching(/give --request/),
    });
    expect(await rerun(bare)).toMatchObject({ code: REPLAY_EXIT.unusable });
    expect(await rerun('none.json', '--model', `file:${model.path}`)).toMatchObject({
      code: REPLAY_EXIT.unusable,
      error: expect.stringMatching(/no such file/),
    });
  });
});
