// A provider that cheats: the role that honest ones run, on parts that lie. Takes the flags of `ogong-provider serve`,
// and --cheat, --cheap-model, --evidence.
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { systemClock } from '@ogong/node/clock';
import { defineConfig } from '@ogong/node/config/define-config';
import { atomicAmount, duration, endpoint, hex, oneOf, text } from '@ogong/node/config/values';
import { nodeCrypto } from '@ogong/node/crypto/node-crypto';
import { type Daemon, runDaemon } from '@ogong/node/lifecycle/run-daemon';
import { loadCertificatePin } from '@ogong/node/link/link-identity';
import { createProvider } from '@ogong/node/roles/provider/provider';
import { PROVIDER_MIGRATIONS } from '@ogong/node/roles/provider/provider-store';
import { createBeaconView } from '@ogong/node/shared/beacon-view';
import { networkFields, openDaemon } from '@ogong/node/shared/daemon-context';
import { formatEndpoint } from '@ogong/node/shared/endpoint';
import { engineFields, loadModel } from '@ogong/node/shared/engine-config';
import { createLinkPool } from '@ogong/node/shared/link-pool';
import { openStore } from '@ogong/node/store/store';
import { fromHex, toHex } from '@ogong/protocol/bytes';
import { CHEAT_MODES } from './attack.ts';
import { createAttack } from './create-attack.ts';
import { createEvidenceKeeper } from './served-evidence.ts';

const NAME = 'ogong-provider (cheat)';

const config = defineConfig({
  name: NAME,
  summary: 'Serves like a provider, and cheats: for demonstrations and tests.',
  fields: {
    cheat: { schema: oneOf(CHEAT_MODES), required: true, description: 'how' },
    cheapModel: { schema: text, label: '<path>', description: 'what it decodes with instead of the model that it sells' },
    evidence: { schema: text, label: '<path>', required: true, description: 'where copies of what it signed are put' },
    bind: { schema: endpoint, required: true, description: 'address of the link endpoint' },
    model: { schema: text, required: true, description: 'model that it sells' },
    modelId: { schema: text, required: true, description: 'the name that it is sold under' },
    price: { schema: atomicAmount, required: true, description: 'per 1,000 tokens, atomic units' },
    router: { schema: endpoint, required: true, description: 'address of the router' },
    routerCert: { schema: text, required: true, description: "the router's certificate" },
    verifierEndpoint: { schema: endpoint, required: true, description: 'address of its verifier' },
    verifierCert: { schema: text, required: true, description: "its verifier's certificate" },
    verifierKey: { schema: hex(32), required: true, description: "hash of its verifier's key" },
    announceInterval: { schema: duration, default: '10s', description: 'pause between two announcements' },
    dataDir: { schema: text, required: true, description: 'where keys and records are kept' },
    ...engineFields,
    ...networkFields,
  },
  positionals: { label: 'serve', min: 1, max: 1 },
});

async function start(): Promise<Daemon> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const context = await openDaemon({ name: NAME, role: 'provider' }, values);
  const { signer, ledger, identity, chain, log, metrics } = context;
  const { engine } = await loadModel(values.model, values, { dataDir: values.dataDir, log });
  const cheapEngine = values.cheapModel === undefined ? undefined : await createLlamaEngine({ modelPath: values.cheapModel });
  const attack = createAttack(values.cheat, { engine, ...(cheapEngine ? { cheapEngine } : {}) });
  const keeper = createEvidenceKeeper(values.evidence);
  const links = createLinkPool({ identity });
  const beacons = createBeaconView({ refreshMs: 1_000 }, { crypto: nodeCrypto, chain, links });
  const store = openStore(join(values.dataDir, 'provider.db'), { migrations: PROVIDER_MIGRATIONS });
  const provider = createProvider(
    {
      bind: values.bind,
      modelId: values.modelId,
      pricePer1kAtomic: values.price,
      payee: ledger.address,
      routers: [{ endpoint: values.router, certHash: loadCertificatePin(values.routerCert) }],
      verifier: {
        endpoint: formatEndpoint(values.verifierEndpoint),
        certHash: loadCertificatePin(values.verifierCert),
        keyHash: fromHex(values.verifierKey),
      },
      announceIntervalMs: values.announceInterval,
    },
    {
      engine: attack.engine,
      crypto: nodeCrypto,
      clock: systemClock,
      signer: keeper.watchSigner(signer),
      identity,
      chain,
      beacons,
      store,
      openings: keeper.createOpenings(attack),
      log,
      metrics,
    },
  );
  await context.start();
  await beacons.refresh().catch(() => undefined);
  beacons.start();
  await provider.start();
  return {
    ready: { address: provider.address(), provider: toHex(provider.id), cheat: attack.mode },
    async stop() {
      await provider.stop();
      await beacons.stop();
      links.close();
      await context.stop();
      store.close();
      await attack.engine.close();
    },
  };
}

await runDaemon(start, { name: NAME });
