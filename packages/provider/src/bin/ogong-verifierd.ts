#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { loadModel, loadModels, SCORES_ONLY } from '../engine/engine-config.ts';
import { createReports, VERIFIER_SCHEMA } from '../verifier/report-store.ts';
import { createVerifier } from '../verifier/verifier.ts';
import { verifierConfig } from '../verifier/verifier-config.ts';

const NAME = 'ogong-verifierd';

async function start(): Promise<Daemon> {
  const parsed = verifierConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const context = await openDaemon({ name: NAME, role: 'verifier' }, values);
  const { signer, identity, chain, log, metrics } = context;
  const settings = { ...values, ...SCORES_ONLY };
  const loaded = await loadModels(values.model, loadModel, settings, { log });
  const engines = loaded.map(({ engine }) => engine);
  const store = openStore(join(values.dataDir, 'verifier.db'), { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    {
      bind: values.bind,
      maxWaiting: values.maxWaiting,
      calibrateWith: values.calibrateWith,
      providers: values.provider.map((id) => fromHex(id)),
    },
    {
      engines,
      crypto: nodeCrypto,
      clock: systemClock,
      signer,
      reports: createReports(store, commits),
      randomBytes,
      identity,
      chain,
      log,
      metrics,
    },
  );
  await context.start();
  await verifier.start();
  return {
    ready: {
      address: verifier.address(),
      certHash: toHex(identity.id),
      keyHash: toHex(verifier.keyHash),
      modelRoots: loaded.map(({ model }) => toHex(model.modelRoot)),
    },
    async stop() {
      await verifier.stop();
      await context.stop();
      await commits.close();
      store.close();
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

await runDaemon(start, { name: NAME });
