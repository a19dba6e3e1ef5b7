import { mkdtempSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bringModel } from '@ogong/models/resolve';
import { collectSteps, createPicture } from '@ogong/testing/engine/trajectory-compliance';
import { writeRandomEncoder } from '@ogong/testing/models/random-encoder';
import { writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { type FolderHub, startFolderHub } from '@ogong/testing/models/served-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPictureEncoder } from '../vision/picture-encoder.ts';
import { findOnnxRuntime } from './runtime/packages.ts';
import { openTrajectoryEngine } from './trajectory-engine.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const hasRuntimes = (['cpu', 'wasm'] as const).every((each) => findOnnxRuntime(each, engineDir));
const directory = createTestDirectory('hub-folders');
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

let hub: FolderHub;
beforeAll(async () => {
  hub = await startFolderHub();
});
afterAll(async () => {
  await hub.close();
  directory.remove();
});
const bring = (reference: string) =>
  bringModel(reference, { storeDir: createFolder(), hub: { endpoint: hub.endpoint } });

describe.skipIf(!hasRuntimes)('a folder of the hub', () => {
  it.each(['cpu', 'wasm'] as const)(
    'with a model of pictures draws what the folder itself draws (%s)',
    async (backend) => {
      const folder = writeRandomPictures('sd', createFolder(), { isSplit: true });
      hub.repositories.set('maker/pictures', folder);
      const { path, modelRoot } = await bring('hf:maker/pictures');
      const drawn = [];
      for (const modelPath of [path, folder]) {
        const engine = await openTrajectoryEngine({ modelPath, modelRoot, backend, engineDir });
        const request = createPicture(engine, { prompt: 'red circle' });
        const steps = await collectSteps(engine, request);
        drawn.push([
          steps,
          await engine.decode((steps.at(-1) as (typeof steps)[number]).latent, request),
          engine.info(),
        ]);
        await engine.close();
      }
      expect(drawn[0]).toEqual(drawn[1]);
    },
  );

  it.each(['smolvlm', 'qwen2_vl'] as const)('with an encoder of %s opens', async (kind) => {
    hub.repositories.set('maker/vision', writeRandomEncoder(kind, createFolder()));
    const { path, modelRoot } = await bring('hf:maker/vision:encoder');
    const encoder = await openPictureEncoder(path, { engineDir });
    expect(encoder.info()).toMatchObject({ root: modelRoot });
    await encoder.close();
  });
});
