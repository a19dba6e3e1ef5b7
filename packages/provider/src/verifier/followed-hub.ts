import { join } from 'node:path';
import type { Engine } from '@ogong/engine/open-engine';
import type { Logger } from '@ogong/host/log/logger';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { hasNamedModel, pathToServe } from '@ogong/hub/named/named-model';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { OnDemandPool } from '../engine/open-on-demand-models.ts';
import { readHeldManifest } from '../hub/held-manifest.ts';
import { HELD_FILE, type HeldModel, readHeld } from '../hub/held-models.ts';

export interface FollowedHubOptions {
  /** The store of the provider: `hub` in its data directory. */
  readonly directory: string;
  readonly intervalMs: number;
}

export interface FollowedHubDependencies {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly pool: Pick<OnDemandPool, 'open' | 'drop'>;
  /** Engines of the verifier; mutated. */
  readonly engines: Engine[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** A model that the provider holds, as this verifier has it. */
interface Followed {
  readonly reference: string;
  readonly engine: Engine;
}

/** Keeps the models that a provider fetches from the hub beside those of the operator (docs/hub-serving.md#verifiers). */
export function createFollowedHub(
  { directory, intervalMs }: FollowedHubOptions,
  { crypto, pool, engines, log }: FollowedHubDependencies,
): Repeating {
  const store = openFolderStore(directory);
  const followed = new Map<string, Followed>();
  /** Models that this machine cannot load. */
  const failed = new Set<string>();

  async function open(model: HeldModel): Promise<void> {
    const signed = await readHeldManifest({ store, crypto }, model);
    // The provider is still fetching it.
    if (signed === undefined || !(await hasNamedModel(store, signed.manifest))) return;
    const reference = `file:${pathToServe(directory, signed.manifest)}`;
    const { modelId, modelRoot } = model;
    try {
      const { engine } = await pool.open({ reference });
      if (toHex(engine.info().modelRoot) !== modelRoot) {
        await pool.drop(reference);
        throw new Error(`the engine loaded the model root ${toHex(engine.info().modelRoot)}, not ${modelRoot}`);
      }
      engines.push(engine);
      followed.set(modelRoot, { reference, engine });
      log.info({ modelId, modelRoot }, 'a model of the hub is verified');
    } catch (err) {
      failed.add(modelRoot);
      log.warn({ err, modelId }, 'a model of the hub cannot be verified');
    }
  }

  async function close(modelRoot: string, { reference, engine }: Followed): Promise<void> {
    followed.delete(modelRoot);
    engines.splice(engines.indexOf(engine), 1);
    await pool.drop(reference);
  }

  return createRepeating(
    { intervalMs },
    async () => {
      const held = new Map(readHeld(join(directory, HELD_FILE)).map((model) => [model.modelRoot, model]));
      for (const root of failed) if (!held.has(root)) failed.delete(root);
      for (const [root, one] of followed) if (!held.has(root)) await close(root, one);
      for (const [root, model] of held) if (!followed.has(root) && !failed.has(root)) await open(model);
    },
    (err) => log.warn({ err }, 'the models of the provider cannot be followed'),
  );
}
