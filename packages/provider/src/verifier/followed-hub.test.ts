import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nameModel, pathToServe } from '@ogong/hub/named/named-model';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createSafetensors, pushTestModel, signTestManifest } from '@ogong/testing/hub/hub-model';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { expect, it, onTestFinished } from 'vitest';
import { openHeldModels } from '../hub/held-models.ts';
import { createFollowedHub } from './followed-hub.ts';

it('a verifier has the models that its provider holds, once their files are there, and no longer', async () => {
  const place = createTestDirectory('followed-hub');
  onTestFinished(() => place.remove());
  const directory = join(place.path, 'hub');
  const store = openFolderStore(directory);
  const weights = { path: 'model.safetensors', format: 'safetensors', isWeight: true } as const;
  const content = createSafetensors(100);
  const { manifest, signed } = await pushTestModel(join(place.path, 'folder'), store, [{ ...weights, content }]);
  const { encoded } = signTestManifest(manifest);
  const held = openHeldModels(join(directory, 'held.json'));
  const own = createFakeEngine();
  const engines: Engine[] = [own];
  const loaded: string[] = [];
  let root = new Uint8Array(32);
  const pool = {
    async open({ reference }: { readonly reference: string }) {
      loaded.push(reference);
      const engine = createFakeEngine();
      return {
        engine: { ...engine, info: () => ({ ...engine.info(), modelRoot: root }) },
        presence: undefined as never,
      };
    },
    drop: async (reference: string) => void loaded.splice(loaded.indexOf(reference), 1),
  };
  const log = { info() {}, warn() {} } as never;
  const followed = createFollowedHub({ directory, intervalMs: 1_000 }, { crypto, pool, engines, log });
  const look = async (): Promise<number> => {
    await followed.trigger();
    return engines.length;
  };
  expect(await look()).toBe(1);
  const row = { modelId: 'ogong/verified/acme/small', sizeBytes: 1, usedAtMs: 0 };
  const manifestHash = toHex(signed.manifestHash);
  const modelRoot = toHex(manifest.modelRoot);
  held.put({ ...row, manifestHash, modelRoot });
  // The provider fetches it.
  expect(await look()).toBe(1);
  await keepManifest(directory, { hash: manifestHash, signed: encoded });
  await nameModel(store, manifest);
  // Other weights than those that the provider names are not taken.
  expect([await look(), loaded]).toEqual([1, []]);
  held.remove(row.modelId);
  await look();
  root = manifest.modelRoot as typeof root;
  held.put({ ...row, manifestHash, modelRoot });
  expect([await look(), loaded]).toEqual([2, [`file:${pathToServe(directory, manifest)}`]]);
  expect(await look()).toBe(2);
  held.remove(row.modelId);
  expect([await look(), loaded, engines[0]]).toEqual([1, [], own]);
  rmSync(directory, { recursive: true });
  expect(await look()).toBe(1);
});
