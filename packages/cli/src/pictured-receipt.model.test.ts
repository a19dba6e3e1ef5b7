import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TextEngine } from '@ogong/engine/interface/text';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { openEngine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { serveLocalReply } from '@ogong/testing/provider/local-reply';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLAY_EXIT, replayCommand } from './replay-command.ts';

const hasRuntime = findOnnxRuntime('cpu', join(homedir(), '.ogong', 'engine')) !== undefined;
const directory = createTestDirectory('pictured-receipt');
afterAll(() => directory.remove());
const [example, other] = readVisionExamples() as [VisionExample, VisionExample];

/** Returns the file of an answer about a picture, as local mode shows it. */
async function serve(): Promise<object> {
  const engine = (await openEngine({ modelPath: TINY_VISION_MODEL, sequences: 1, threads: 1 })) as TextEngine;
  const reference = toReference(crypto, example.file);
  const content = [
    { type: 'image_url', image_url: { url: reference } },
    { type: 'text', text: example.question },
  ];
  const fields = { messages: [{ role: 'user', content }], max_tokens: 16 };
  const { receipt, request, blobs } = await serveLocalReply({
    ...{ engine, fields },
    media: new Map([[reference, example.file]]),
  });
  return {
    ...toLocalReceiptJson(receipt),
    request: toBase64(request),
    media: [toBase64(example.file)],
    blobs: Object.fromEntries((blobs ?? []).map(({ ref, bytes }) => [toHex(ref.root), toBase64(bytes)])),
  };
}

async function rerun(file: object) {
  const path = join(directory.path, 'receipt.json');
  writeFileSync(path, JSON.stringify(file));
  let out = '';
  const write = (text: string) => (out += text);
  const argv = [path, '--model', TINY_VISION_MODEL, '--models-dir', directory.path];
  return { code: await replayCommand.run(argv, { write, writeError: write }), out };
}

describe.skipIf(!hasRuntime)('ogong replay of an answer about a picture', () => {
  let file: object;
  beforeAll(async () => {
    file = await serve();
  });

  it('encodes the picture again and computes the same text on the committed rows', async () => {
    const { code, out } = await rerun(file);
    expect(out).toMatch(/ok +equality/);
    expect(code).toBe(REPLAY_EXIT.accept);
  });

  it.each([
    ['without the picture', { media: undefined }, /without the bytes of/],
    ['with another picture', { media: [toBase64(other.file)] }, /other bytes came for it/],
    ['without the rows', { blobs: undefined }, /0 blobs came/],
    ['with other fields', { blobs: { '00': 5 } }, /receipt field blobs: expected base64 by root/],
  ])('cannot use a file %s', async (_, changed, reason) => {
    const { code, out } = await rerun({ ...file, ...changed });
    expect([code, out]).toEqual([REPLAY_EXIT.unusable, expect.stringMatching(reason)]);
  });
});
